"""A provider's reporting API on a local port: what the fakes of single providers share."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tallystick.transport.ask import forget_connections


@dataclass(frozen=True)
class Question:
    """One request: lists keep their order, names keep their brackets."""

    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def one(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def many(self, name: str) -> list[str]:
        return [value for key, value in self.query if key in {name, f"{name}[]"}]

    @property
    def names(self) -> set[str]:
        return {key.removesuffix("[]") for key, _ in self.query}


class Refuse(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


@dataclass
class Served:
    url: str = ""
    questions: list[Question] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Question], object], error: Callable[[Refuse], object]) -> Iterator[Served]:
    """Answers on a port of this machine; bytes are sent as they are, all else as JSON."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are sent apart

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            question = Question(
                parts.path,
                parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("content-length", "0"))),
            )
            served.questions.append(question)
            try:
                status, found, headers = 200, answer(question), {}
            except Refuse as refused:
                status, found, headers = refused.status, error(refused), refused.headers
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the server's

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        forget_connections()
        server.shutdown()
        server.server_close()
        thread.join()


def page_of(items: list[object], limit: int, cursor: str) -> tuple[list[object], str | None]:
    """Some of a list from a cursor on, and the cursor of the rest; a cursor nobody gave is refused."""
    if cursor and not (cursor.startswith("page_") and cursor[5:].isdecimal() and int(cursor[5:]) < len(items)):
        raise Refuse(400, f"invalid page cursor {cursor}")
    start = int(cursor[5:]) if cursor else 0
    end = start + limit
    return items[start:end], f"page_{end}" if end < len(items) else None


def after(entries: list[dict[str, object]], last: str, most: int) -> dict[str, object]:
    """A directory's list after an id, in the envelope that both providers give; an id nobody gave is refused."""
    ids = [one["id"] for one in entries]
    if last and last not in ids:
        raise Refuse(400, f"no entry {last}")
    start = ids.index(last) + 1 if last else 0
    data = entries[start : start + most]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "first_id": ends[0], "last_id": ends[1], "has_more": start + most < len(entries)}


def summed(rows: list[dict[str, object]], groups: list[str], dimensions: set[str]) -> list[dict[str, object]]:
    """Rows with the same values of the groups as one; what is not grouped by is null, figures are added."""
    found: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows:
        key = tuple(json.dumps(row.get(name)) for name in groups)
        if key in found:
            found[key] = _add(found[key], row, dimensions)
        else:
            found[key] = {name: value if name not in dimensions or name in groups else None
                          for name, value in row.items()}  # fmt: skip
    return list(found.values())


def _add(left: dict[str, object], right: dict[str, object], dimensions: set[str]) -> dict[str, object]:
    total = dict(left)
    for name, value in right.items():
        if name in dimensions:
            continue
        if isinstance(value, dict):
            total[name] = _add(left[name], value, dimensions)  # type: ignore[arg-type]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            total[name] = left[name] + value  # type: ignore[operator]
        elif name in {"amount", "list_amount"}:
            total[name] = str(Decimal(str(left[name])) + Decimal(str(value)))
    return total
