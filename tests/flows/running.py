"""Starts the product and the provider stub as a user would: real processes, free ports, an empty directory."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from tests.free_ports import free_port

TALLY = Path(sys.executable).with_name("tally")


def fetch(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body; a refused connection is status 0."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0, b""


def wait_for(url: str, seconds: float, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if fetch(url)[0] == 200:
            return
        assert process is None or process.poll() is None, f"the process ended with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer 200 within {seconds} s; last: {fetch(url)}")


@dataclass
class Running:
    """A running product over one data directory."""

    data: Path
    port: int
    config: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 60) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [TALLY, "up", "--config", self.config, "--data", self.data, "--port", str(self.port)],
                env=self.env, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(f"{self.url}/healthz", seconds, self.process)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def tally(self, *words: str, check: bool = True) -> Any:
        """A command's JSON."""
        done = subprocess.run(
            [TALLY, *words, "--data", str(self.data), "--json"],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def drained(self, seconds: float = 30) -> None:
        wait_for(f"{self.url}/readyz?drained=1", seconds)

    def api(self, path: str) -> Any:
        token = (self.data / "cli.token").read_text().strip()
        status, body = fetch(self.url + path, {"authorization": f"Bearer {token}"})
        assert status == 200, (status, body[:500])
        return json.loads(body)

    def processes(self) -> dict[str, int]:
        """Process ids by role, as the system lists them."""
        found = {"supervisor": self.process.pid if self.process else 0}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"tallystick.cli.child" in words and str(self.data).encode() in words:
                    role = words[words.index(b"tallystick.cli.child") + 1].decode()
                    found[role] = int(entry.name)
        return found


# Providers by their dialect, and whose made-up prices hold for them.
_OTHERS = {"gemini": "google", "vertex": "google", "cohere": "cohere", "azure": "openai", "mistral": "openai"}


def tally_toml(path: Path, stub_url: str, extra: str = "") -> Path:
    path.write_text(
        f'[providers.openai]\ndialect = "openai"\nbase_url = "{stub_url}"\napi_key_env = "STUB_OPENAI_KEY"\n'
        f'[providers.anthropic]\ndialect = "anthropic"\nbase_url = "{stub_url}"\napi_key_env = "STUB_ANTHROPIC_KEY"\n'
        + "".join(
            f'[providers.{name}]\ndialect = "{name}"\nprovider = "{prices}"\nbase_url = "{stub_url}"\n'
            'api_key_env = "STUB_OPENAI_KEY"\n'
            for name, prices in _OTHERS.items()
        )
        + extra
    )
    return path


def ledger_rows(data: Path) -> list[tuple[Any, ...]]:
    """run, outcome, attempt, effective cost and usage state of every row on disk, read when nobody serves."""
    with duckdb.connect(str(data / "ledger.duckdb"), read_only=True) as ledger:
        return ledger.execute("SELECT run, outcome, attempt, effective_cost, usage_state FROM usage_event").fetchall()


@contextlib.contextmanager
def running_stub() -> Iterator[str]:
    """The provider stub as a process of its own; its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stub"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        # It says where it is as soon as it listens, and nothing if it ends before.
        url = process.stdout.readline().strip()
        assert url, "the stub did not start"
        yield url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def running_product(folder: Path, stub_url: str, extra: str = "") -> Iterator[Running]:
    config = tally_toml(folder / "tally.toml", stub_url, extra)
    env = {**os.environ, "STUB_OPENAI_KEY": "sk-stub-openai", "STUB_ANTHROPIC_KEY": "sk-ant-stub"}
    product = Running(folder / "data", free_port(), config, env, log=folder / "log.txt")
    product.start()
    try:
        yield product
    finally:
        product.stop()
        for pid in product.processes().values():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
