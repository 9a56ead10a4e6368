"""How each gateway is installed (into its own environment), started before the stub, and given a budget for each cell."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.overspend.script import MODEL, STUB_HEADERS, Cell, Target
from tests.flows.running import fetch, free_port, running_product
from tests.redis_server import RunningRedis

Budgets = dict[Cell, Target]
TAGS = {"policy": "x-burnlens-tag-team", "customer": "x-burnlens-tag-customer"}
Running = Callable[["Place", Sequence[Cell]], contextlib.AbstractContextManager[Budgets]]


@dataclass(frozen=True)
class Place:
    """Where environments are kept, where this run may write, and the stub's address."""

    cache: Path
    work: Path
    stub: str


@dataclass(frozen=True)
class Peer:
    """A gateway, the forms of budget it has, how it is installed (giving its version) and run with a budget a cell."""

    name: str
    forms: tuple[str, ...]
    install: Callable[[Path], str]
    running: Running


def from_index(package: str) -> Callable[[Path], str]:
    """Installs, at the first run, the newest release whose requirements the index has; its version."""
    name = package.partition("[")[0]

    def install(cache: Path) -> str:
        folder = cache / f"overspend-{name}"
        pip = [str(folder / "bin" / "pip"), "--disable-pip-version-check"]
        if not (folder / "bin" / name).exists():
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([*pip, "install", "-q", package], check=True, timeout=600, capture_output=True)
        shown = subprocess.run([*pip, "show", name], check=True, timeout=60, capture_output=True, text=True).stdout
        return shown.partition("Version: ")[2].split()[0]

    return install


def ours(_: Path) -> str:
    return "this tree"


def tallystick(workers: int) -> Running:
    """`tally up`: a team for each form and limit, whose budget is of each key, or of each customer, a day."""

    @contextlib.contextmanager
    def running(place: Place, cells: Sequence[Cell]) -> Iterator[Budgets]:
        extra = f"[gateway]\nworkers = {workers}\n[budgets]\nkey_usd_per_day = 0\n"
        with running_product(place.work, place.stub, extra) as product:
            for form, limit in {(cell.form, cell.dollars) for cell in cells}:
                team = f"{form}-{limit}"
                words = ("--where", f"team={team}", "--group-by", form, "--limit", limit, "--window", "day")
                product.tally("budgets", "set", "--name", team, *words)
            # A key of its own for each budget of a key; customers may share one.
            owners = {cell: cell.name if cell.form == "key" else cell.dollars for cell in cells}
            teams = {owners[cell]: f"{cell.form}-{cell.dollars}" for cell in cells}
            keys = {owner: product.tally("keys", "create", "--team", team)["key"] for owner, team in teams.items()}
            path = "/openai/v1/chat/completions"
            yield {
                cell: Target(product.port, path, _bearer(keys[owners[cell]], "x-cost-customer", cell)) for cell in cells
            }

    return running


@contextlib.contextmanager
def _process(command: Sequence[str], place: Place, env: dict[str, str], port: int) -> Iterator[None]:
    """A peer until it is no longer wanted; it is there when its port answers anything."""
    with (place.work / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=place.work, env={**os.environ, **env}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 240
        while fetch(f"http://127.0.0.1:{port}/")[0] == 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("it did not start: " + (place.work / "log.txt").read_text()[-200:])
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def litellm(*, strict: bool = False, workers: int = 1) -> Running:
    """The proxy; several workers share their counters in Redis. Strict is its own `fail_closed_budget_enforcement`."""

    @contextlib.contextmanager
    def running(place: Place, cells: Sequence[Cell]) -> Iterator[Budgets]:
        shutil.copy(Path(__file__).with_name("litellm_auth.py"), place.work)
        upstream = {"model": f"openai/{MODEL}", "api_key": "sk-x", "api_base": f"{place.stub}/v1"}
        auth = {"custom_auth": "litellm_auth.check", "custom_auth_run_common_checks": True}
        settings = {"master_key": "sk-bench", "fail_closed_budget_enforcement": strict, **auth}
        with contextlib.ExitStack() as stack:
            if workers > 1:
                (place.work / "redis").mkdir()
                redis = RunningRedis(place.work / "redis")
                stack.callback(redis.stop, kill=True)
                settings["coordination_redis"] = {"url": redis.url}
            config = {
                "model_list": [{"model_name": MODEL, "litellm_params": {**upstream, "extra_headers": STUB_HEADERS}}],
                "general_settings": settings,
            }
            (place.work / "litellm.yaml").write_text(json.dumps(config))  # JSON is YAML
            port = free_port()
            words = f"--config litellm.yaml --host 127.0.0.1 --port {port} --num_workers {workers}"
            command = [f"{place.cache}/overspend-litellm/bin/litellm", *words.split()]
            env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_PROXY": "*"}
            stack.enter_context(_process(command, place, env, port))
            yield {
                cell: Target(port, "/v1/chat/completions", _bearer(f"sk-{cell.name}"), {"user": cell.name})
                for cell in cells
            }

    return running


def _bearer(key: str, header: str = "", cell: Cell | None = None) -> dict[str, str]:
    """Headers with a key and, where one is named, a header that names the cell."""
    return {"authorization": f"Bearer {key}"} | ({header: cell.name} if header and cell else {})


@contextlib.contextmanager
def burnlens(place: Place, cells: Sequence[Cell]) -> Iterator[Budgets]:
    """Its proxy; only the address of its Azure upstream can be set, which it forwards and prices as OpenAI's."""
    dollars = {cell: cell.limit / 1e6 for cell in cells}
    config: dict[str, Any] = {
        "db_path": str(place.work / "burnlens.db"),
        "alerts": {
            "terminal": False,
            "api_key_budgets": {cell.name: {"daily_usd": dollars[cell]} for cell in cells if cell.form == "key"},
            # Its default is of whoever comes first, all of them alike; so are these.
            "customer_budgets": {"customers": {cell.name: dollars[cell] for cell in cells if cell.form == "customer"}},
        },
        "budget_policies": [
            {"name": cell.name, "scope": "team", "target": cell.name, "limit_usd": dollars[cell], "period": "daily"}
            for cell in cells
            if cell.form == "policy"
        ],
    }
    (place.work / "burnlens.yaml").write_text(json.dumps(config))
    program, port = f"{place.cache}/overspend-burnlens/bin/burnlens", free_port()
    for cell in config["alerts"]["api_key_budgets"]:
        words = ["--label", cell, "--provider", "azure", "--key", f"sk-{cell}", "--config", "burnlens.yaml"]
        subprocess.run(
            [program, "key", "register", *words], cwd=place.work, check=True, timeout=60, capture_output=True
        )
    env = {"BURNLENS_AZURE_ENDPOINT": place.stub, "HOME": str(place.work)}
    with _process([program, "start", "--config", "burnlens.yaml", "--port", str(port)], place, env, port):
        path = "/proxy/azure/v1/chat/completions"
        yield {cell: Target(port, path, _bearer(f"sk-{cell.name}", TAGS.get(cell.form, ""), cell)) for cell in cells}


_LITELLM, _OURS = from_index("litellm[proxy]"), ("key", "customer")
PEERS = (
    Peer("tallystick 1 worker", _OURS, ours, tallystick(1)),
    Peer("tallystick 4 workers", _OURS, ours, tallystick(4)),
    Peer("LiteLLM 1 worker", ("key", "customer"), _LITELLM, litellm()),
    Peer("LiteLLM 4 workers", ("key", "customer"), _LITELLM, litellm(workers=4)),
    Peer("LiteLLM fail-closed", ("key", "customer"), _LITELLM, litellm(strict=True)),
    Peer("burnlens", ("key", "policy", "customer"), from_index("burnlens"), burnlens),
)
