"""``python -m tests.stub --port N``."""

import argparse
import asyncio
import contextlib

from tests.stub.server import Stub, start


async def main() -> None:
    parser = argparse.ArgumentParser(description="a provider for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    stub = Stub()
    server = await start(stub, options.host, options.port)
    print(stub.url, flush=True)
    async with server:
        await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
