"""One gateway worker with a key, the whole price book and the spool on: what the bench measures."""

import sys
from pathlib import Path

from tallystick.gateway.serve import serve_gateway
from tallystick.gateway.settings import GatewaySettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.context import Context
from tallystick.operations.manage_keys import KeyRequest, create_key
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.storage.config_db import ConfigDb


def main() -> None:
    folder, upstream, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    context = Context(ledger=None, config_db=ConfigDb(folder / "config.db"), data_dir=folder)  # type: ignore[arg-type]
    refresh_prices(context, None)
    _, secret = create_key(context, KeyRequest("bench", locked={"team": "bench"}))
    (folder / "key").write_text(secret)
    keys = (ProviderKeySecret("sk-bench"),)
    providers = {
        "openai": ProviderSettings("openai", upstream, "openai", keys=keys),
        "stream": ProviderSettings("openai", f"{upstream}/stream", "openai", keys=keys),
    }
    serve_gateway(GatewaySettings(data_dir=folder, providers=providers, secret=b"b" * 32), port=port)


if __name__ == "__main__":
    main()
