"""A gateway in a thread, on a real socket, before a stub in another thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tallystick.counters.open import CounterSettings
from tallystick.gateway.serve import GatewayServer
from tallystick.gateway.settings import BudgetSettings, GatewaySettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.context import Context
from tallystick.operations.manage_keys import KeyRequest, create_key
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.spool import SpoolReader
from tallystick.usage.model import UsageEvent
from tests.stub.server import Stub

SECRET = "sk-upstream-planted-secret"
_decode = msgspec.msgpack.Decoder(UsageEvent).decode


@dataclass
class RunningGateway:
    url: str
    settings: GatewaySettings
    context: Context
    key: str
    key_id: str
    stub: Stub
    seen: int = 0

    def rows(self, wait_for: int | None = None) -> list[UsageEvent]:
        """Rows since the last call; waits until there are so many."""
        deadline = time.monotonic() + 10
        while True:
            rows = [_decode(one.payload) for one in self.records() if one.kind == "completion"]
            if wait_for is None or len(rows) - self.seen >= wait_for or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        fresh, self.seen = rows[self.seen :], len(rows)
        return fresh

    def records(self) -> Any:
        return SpoolReader(self.settings.spool_root).poll(10**6).records

    def make_key(self, **locked: str) -> str:
        return create_key(self.context, KeyRequest("test", locked=locked))[1]


def settings_for(folder: Path, upstream: str, **changes: Any) -> GatewaySettings:
    keys = (ProviderKeySecret(SECRET),)
    providers = {
        "openai": ProviderSettings(
            "openai", upstream, "openai", keys=keys, timeout_seconds=5, allow_paths=("/v1/batches",)
        ),
        "anthropic": ProviderSettings("anthropic", upstream, "anthropic", keys=keys, timeout_seconds=5),
        "dead": ProviderSettings("openai", "http://127.0.0.1:9", "openai", keys=keys),
        "keyless": ProviderSettings("openai", upstream, "openai"),
    }
    budgets = BudgetSettings(counters=CounterSettings("process", folder / "counters"))
    base = GatewaySettings(data_dir=folder, providers=providers, secret=b"s" * 32, drain_seconds=2, budgets=budgets)
    return replace(base, **changes)


@contextlib.contextmanager
def running_gateway(folder: Path, stub: Stub, *, prices: bool = True, **changes: Any) -> Iterator[RunningGateway]:
    settings = settings_for(folder, stub.url, **changes)
    context = Context(ledger=None, config_db=ConfigDb(folder / "config.db"), data_dir=folder)  # type: ignore[arg-type]
    if prices:
        refresh_prices(context, None)
    key, secret = create_key(context, KeyRequest("test", locked={"team": "search"}, defaults={"feature": "chat"}))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = GatewayServer(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield RunningGateway(url, settings, context, secret, key.key_id, stub)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        context.config_db.close()
