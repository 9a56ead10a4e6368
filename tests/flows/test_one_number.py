"""For every documented usage shape: header, ledger, API, command line and page say one exact number.

The expectation is spelled in the golden file as rate x tokens, class by class; nothing
here asks the product what a call should cost.
"""

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.flows.running import Running, fetch, running_product
from tests.golden.read_shapes import PRICES, SHAPES, answer_bytes, expected_cost, read_shape, request_body


class _Replay(BaseHTTPRequestHandler):
    """Answers with the shape that the request names; a cut shape ends in mid-stream."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        shape = read_shape(next(path for path in SHAPES if path.stem == self.headers["x-stub-shape"]))
        body = answer_bytes(shape)
        self.send_response(shape["expect"]["status"])
        if "stream" not in shape:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("content-type", shape.get("content_type", "text/event-stream"))
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in shape["stream"]:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event.encode()), event.encode()))
        if shape["expect"]["complete"]:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def _replaying() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Replay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _send(product: Running, shape: dict[str, Any], key: str) -> tuple[str, str]:
    """The event's id and the cost that the answer tells; '' where it tells none."""
    request = urllib.request.Request(
        f"{product.url}/{shape['dialect']}{shape['path']}",
        request_body(shape),
        {
            "authorization": f"Bearer {key}", "content-type": "application/json", "x-stub-shape": shape["name"],
            "x-cost-run": shape["name"], "x-tally-stream-cost": "true", "anthropic-version": "2023-06-01",
        },
    )  # fmt: skip
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        try:
            body = answer.read()
        except Exception:  # a cut stream ends in an error, as it does without a gateway
            body = b""
    comment = re.search(rb"^: x-tally-cost (\S+)$", body, re.MULTILINE)
    told = answer.headers.get("x-tally-cost") or (comment[1].decode() if comment else "")
    return answer.headers["x-tally-event-id"], told


@pytest.mark.slow
def test_every_shape_has_one_cost_everywhere(tmp_path: Path) -> None:
    shapes = [read_shape(path) for path in SHAPES]
    assert len(shapes) >= 60
    # Hundreds of calls of one key within a minute, none of them to be refused.
    rules = f'[prices]\noverride = "{PRICES}"\n[budgets]\nkey_usd_per_day = 0\n'
    with _replaying() as stub, running_product(tmp_path, stub, rules) as product:
        key = product.tally("keys", "create", "--team", "golden")["key"]
        sent = {shape["name"]: (shape, *_send(product, shape, key)) for shape in shapes}
        product.drained()
        api = _values(product.api("/api/v1/explore?by=run&range=7d&limit=1000"))
        command = _values(product.tally("costs", "--by", "run", "--range", "7d", "--limit", "1000"))
        pages = {name: _page(product, event_id) for name, (_, event_id, _) in sent.items()}
        total = product.tally("costs", "--range", "7d")["total"]
        product.stop()
        ledger = _ledger(product.data)
    wrong = []
    for name, (shape, event_id, told) in sent.items():
        want = _wanted(shape)
        figures = {"ledger": ledger[event_id], "api": api[name], "command": command[name], "page": pages[name]}
        if told:
            figures["answer"] = None if told == "unknown" else Decimal(told)
        # An array has no comments, in which the cost could be told.
        mute = not shape["expect"]["complete"] or shape.get("content_type", "").startswith("application/json")
        if any(figure != want for figure in figures.values()) or (not mute and not told and want):
            wrong.append((name, want, figures))
    assert not wrong, [one[0] for one in wrong]
    assert Decimal(total) == sum(_wanted(shape) or 0 for shape in shapes)


def _wanted(shape: dict[str, Any]) -> Decimal | None:
    """The hand-written sum; a reported zero costs nothing, what is absent costs nobody knows what."""
    known = shape["expect"]["cost"] or shape["expect"]["state"] == "reported"
    return expected_cost(shape) if known else None


def _values(answer: dict[str, Any]) -> dict[str, Decimal | None]:
    return {row["group"]["run"]: None if row["value"] is None else Decimal(row["value"]) for row in answer["rows"]}


def _page(product: Running, event_id: str) -> Decimal | None:
    token = (product.data / "cli.token").read_text().strip()
    status, html = fetch(f"{product.url}/requests/{event_id}", {"authorization": f"Bearer {token}"})
    assert status == 200, html[:300]
    figure = re.search(r'This call cost <b><data value="([^"]+)">', html.decode())
    return Decimal(figure[1]) if figure else None


def _ledger(data: Path) -> dict[str, Decimal | None]:
    with duckdb.connect(str(data / "ledger.duckdb"), read_only=True) as ledger:
        return dict(ledger.execute("SELECT event_id, effective_cost FROM usage_event").fetchall())
