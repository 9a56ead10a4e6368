"""A client of the application in this process: plain ASGI, so that every header is ours to set."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def ask(
    app: FastAPI, method: str, target: str, headers: Headers = (), body: object = b"", *, host: str = "tally.test"
) -> Reply:
    """Send one request. A dict is sent as JSON; a list of chunks as they are, without an end when it holds None."""
    lines = [*([("host", host)] if host else []), *headers]
    chunks = body if isinstance(body, list) else [body]
    if isinstance(body, dict):
        chunks = [json.dumps(body).encode()]
        lines.append(("content-type", "application/json"))
    return asyncio.run(_ask(app, method, target, lines, chunks))


async def _ask(app: FastAPI, method: str, target: str, headers: Headers, chunks: list[Any]) -> Reply:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": None,
        "server": ("app.sock", None),
        "state": {},
    }
    waiting = list(chunks)
    got: list[Any] = []

    async def receive() -> dict[str, Any]:
        if waiting and waiting[0] is not None:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        got.append(message)

    await app(scope, receive, send)
    start = got[0]
    answered = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]]
    return Reply(start["status"], answered, b"".join(one.get("body", b"") for one in got[1:]))
