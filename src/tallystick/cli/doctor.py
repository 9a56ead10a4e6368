"""`tally doctor`: finds each broken thing a person can cause, and names the fix."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from tallystick import wiring
from tallystick.cli.open_client import open_client, read_config
from tallystick.cli.options import AsJson, ConfigFile, Data
from tallystick.cli.output import print_json
from tallystick.cli.server_lock import running_server
from tallystick.config import Config, data_dir, environment
from tallystick.kernel.errors import TallyError
from tallystick.operations.instance import prepare_instance

_LEAST_FREE_BYTES = 1 << 30
_MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state` is ok, warn or fail; `fix` is empty when nothing is to be done."""

    name: str
    state: str
    found: str
    fix: str = ""


def doctor(data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Look at everything that can be broken and say how to mend it; exit 1 when something is."""
    folder = data_dir(data)
    checks = [check for step in _STEPS for check in _guarded(step, folder, config)]
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{_MARKS[check.state]} {check.name:<14} {check.found}")
            if check.fix:
                typer.echo(f"  {'':<14} fix: {check.fix}")
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)


Step = Callable[[Path, Path | None], Iterator[Check]]


def _guarded(step: Step, folder: Path, config: Path | None) -> Iterator[Check]:
    try:
        yield from step(folder, config)
    except TallyError as error:
        yield Check(step.__name__.strip("_"), "fail", str(error), "; ".join(error.next_steps))


def _python(folder: Path, config: Path | None) -> Iterator[Check]:
    yield Check("python", "ok", sys.version.split()[0])


def _configuration(folder: Path, config: Path | None) -> Iterator[Check]:
    settings = read_config(config)
    wiring.check_bind(settings)
    yield Check("configuration", "ok", f"{len(settings.providers)} providers, time zone {settings.timezone}")
    yield from _provider_keys(settings)


def _provider_keys(settings: Config) -> Iterator[Check]:
    for name, provider in settings.providers.items():
        variables = [one for one in (provider.api_key_env, *(key.api_key_env for key in provider.keys)) if one]
        missing = [one for one in variables if not environment(one)]
        if missing and not settings.gateway.bring_your_own_key:
            yield Check(f"{name} key", "fail", f"{', '.join(missing)} not set", f"export {missing[0]}=…")
        elif missing:
            yield Check(
                f"{name} key",
                "warn",
                f"{', '.join(missing)} not set: callers must bring their own",
                f"export {missing[0]}=…",
            )
        else:
            yield Check(f"{name} key", "ok", "set" if variables else "none needed")


def _folder(folder: Path, config: Path | None) -> Iterator[Check]:
    prepare_instance(folder)
    free = shutil.disk_usage(folder).free
    state = "ok" if free > _LEAST_FREE_BYTES else "warn"
    fix = "" if state == "ok" else "free some space: calls are refused when nothing can be written"
    yield Check("data directory", state, f"{folder}, {free / 2**30:.1f} GiB free", fix)
    mode = folder.stat().st_mode & 0o077
    if mode:
        yield Check("permissions", "warn", f"others may read {folder}", f"chmod 700 {folder}")


def _server(folder: Path, config: Path | None) -> Iterator[Check]:
    running = running_server(folder)
    settings = read_config(config)
    if running is None:
        yield Check("server", "ok", "not running")
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", settings.server.port)) == 0
        if taken:
            yield Check("port", "fail", f"{settings.server.port} is taken by another program", "tally up --port N")
        else:
            yield Check("port", "ok", f"{settings.server.port} is free")
        return
    yield Check("server", "ok", f"{running.url}, process {running.pid}")


def _ledger(folder: Path, config: Path | None) -> Iterator[Check]:
    with open_client(folder, config) as client:
        status: dict[str, Any] = client.call("GET", "/api/v1/status")
        sources: dict[str, Any] = client.call("GET", "/api/v1/sources")
        spent: dict[str, Any] = client.call("GET", "/api/v1/explore", {"range": "30d", "cmp": "none"})
    found = f"{status['events']:,} events, {status['prices']:,} prices, {status['pending']} waiting in the spool"
    yield Check("ledger", "ok", found)
    yield _priced(spent["unpriced"])
    for source in sources["sources"]:
        late = source.get("stale") or source.get("error")
        yield Check(
            f"source {source['source']}", "warn" if late else "ok", str(late or source.get("last_at") or "no rows yet")
        )
    yield from _set_up(sources["set_up"])


def _priced(unpriced: dict[str, int]) -> Check:
    """Calls without a price are in no sum of money."""
    if not unpriced["calls"]:
        return Check("prices", "ok", "every call of the last 30 days has a price")
    found = f"{unpriced['calls']:,} calls of the last 30 days, {unpriced['tokens']:,} tokens, have no price"
    fix = "tally costs --range 30d --by model; tally prices explain MODEL; once it has one: tally prices rerate"
    return Check("prices", "warn", found, fix)


def _set_up(sources: list[dict[str, Any]]) -> Iterator[Check]:
    """Sources of bills: those that only a person can mend fail, those that are tried again or wait for somebody warn."""
    states = {"stopped": "fail", "failing": "warn", "stale": "warn"}
    for one in sources:
        name, state = one["name"], states.get(one["state"], "ok")
        found = one["error"] or f"{one['state']}, {one['covered_days']} of {one['wanted_days']} days"
        yield Check(f"source {name}", state, found, "" if state == "ok" else f"mend it, then: tally sync {name}")


_STEPS: tuple[Step, ...] = (_python, _configuration, _folder, _server, _ledger)
