"""Gateway workers, one unless told, with everything on: keys, fifty budgets over shared memory beside the defaults, routing rules,
the whole price book and the spool. This is what the bench measures.
"""

import os
import socket
import sys
from pathlib import Path

from tallystick.budgets.defaults import default_budgets
from tallystick.gateway.serve import serve_gateway
from tallystick.gateway.settings import BudgetSettings, GatewaySettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.context import Context
from tallystick.operations.manage_budgets import set_budget
from tallystick.operations.manage_keys import KeyRequest, create_key
from tallystick.operations.manage_rules import set_rule
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.storage.config_db import ConfigDb


def main() -> None:
    folder, upstream, port, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    context = Context(ledger=None, config_db=ConfigDb(folder / "config.db"), data_dir=folder)  # type: ignore[arg-type]
    refresh_prices(context, None)
    _, secret = create_key(context, KeyRequest("bench", locked={"team": "bench"}))
    (folder / "key").write_text(secret)
    for number in range(50):
        # Every tenth covers the call that is made: its team, and others its feature or model.
        where = {"team": "bench" if number % 10 == 0 else f"team{number}"}
        terms = {"name": f"b{number}", "where": where, "limit": "1000000", "window": ("day", "month")[number % 2]}
        set_budget(context, terms)
        create_key(context, KeyRequest(f"key {number}", locked={"team": f"team{number}"}))
    for number in range(5):
        wire = {"when": {"team": [f"team{number}"]}, "then": {"max_output": 512}, "shadow": False}
        set_rule(context, f"r{number}", wire)
    keys = (ProviderKeySecret("sk-bench"),)
    providers = {
        "openai": ProviderSettings("openai", upstream, "openai", keys=keys),
        "stream": ProviderSettings("openai", f"{upstream}/stream", "openai", keys=keys),
    }
    budgets = BudgetSettings(defaults=default_budgets(1_000_000, 10, 600, 300, "UTC"))
    settings = GatewaySettings(data_dir=folder, providers=providers, secret=b"b" * 32, budgets=budgets)
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    for _ in range(workers - 1):
        if not os.fork():
            break
    serve_gateway(settings, fd=os.dup(listener.fileno()))


if __name__ == "__main__":
    main()
