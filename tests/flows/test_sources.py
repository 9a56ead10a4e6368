"""A source of another package, from the terminal to the ledger: set up, fetched by the running product, told of."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.contracts.source_case import Reply, StandIn, standing_in
from tests.contracts.tiny_source import CASE
from tests.flows.running import Running, tally_toml
from tests.free_ports import free_port

ROOT = Path(__file__).parents[2]
FROM = "2026-11-03"


@pytest.fixture
def product(tmp_path: Path) -> Running:
    """A product beside which another package brings a kind of source, and one that is broken."""
    package = tmp_path / "packages" / "tiny-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[tallystick.sources]\ntiny = tests.contracts.tiny_source:KIND\nlost = tests.contracts.nowhere:KIND\n"
    )
    path = os.pathsep.join([str(package.parent), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "TINY_KEY": "planted-secret", "STUB_OPENAI_KEY": "k", "STUB_ANTHROPIC_KEY": "k"}  # fmt: skip
    config = tally_toml(tmp_path / "tally.toml", "http://127.0.0.1:9")
    return Running(tmp_path / "data", free_port(), config, env, log=tmp_path / "log.txt")


def _add(product: Running, stand_in: StandIn, name: str = "bill") -> None:
    product.tally("sources", "add", "tiny", name, "--account", "acct", "--option", f"base_url={stand_in.url}", "--secret", "key=env:TINY_KEY", "--backfill", "1")  # fmt: skip


@pytest.mark.slow
def test_a_source_is_read_by_the_running_product_and_by_hand(product: Running) -> None:
    with standing_in(CASE) as stand_in:
        product.start()
        try:
            kinds = product.tally("sources", "kinds")
            assert "tiny" in [one["kind"] for one in kinds["kinds"]]
            assert "lost" in kinds["broken"]
            _add(product, stand_in)
            assert "costs" in product.tally("sources", "test", "bill")["reads"]
            _wait_until_read(product)
            (done,) = product.tally("sync", "bill", "--since", FROM)["sources"]
            assert (done["failed"], done["rows"], done["due"] > 1) == (0, 3, True)
            again = product.tally("sync", "--since", FROM)["sources"][0]
            assert (again["changed"], again["failed"]) == (0, 0)
            stand_in.fault = lambda number, reply: Reply(401, b"{}")
            assert product.tally("sync", "bill", check=False)["sources"][0]["failed"]
            assert product.tally("sources", "show", "bill")["state"] == "stopped"
            checks = product.tally("doctor", check=False)["checks"]
            assert [one["state"] for one in checks if one["name"] == "source bill"] == ["fail"]
            assert product.api("/api/v1/sources")["set_up"][0]["rows"] >= 3
        finally:
            product.stop()
    assert _rows(product) == [("m-1", "0.015000000000"), ("m-1", "0.015000000000"), ("m-2", "-0.002500000000")]
    written = [path.read_bytes() for path in product.data.rglob("*") if path.is_file()]
    assert not any(b"planted-secret" in one for one in [*written, product.log.read_bytes()])


def _wait_until_read(product: Running) -> None:
    """The product asks without being told to."""
    deadline = time.monotonic() + 40
    while True:
        one: dict[str, Any] = product.api("/api/v1/sources/bill")
        if one["state"] == "ok":
            return
        assert time.monotonic() < deadline, one
        time.sleep(0.2)


def _rows(product: Running) -> list[tuple[str, str]]:
    with sqlite3.connect(product.data / "config.db") as rows:
        named = [one for (one,) in rows.execute("SELECT load_id FROM bill_load WHERE superseded_at IS NULL")]
    rows.close()
    with duckdb.connect(str(product.data / "ledger.duckdb"), read_only=True) as ledger:
        return ledger.execute(
            "SELECT raw_model, CAST(billed_cost AS VARCHAR) FROM bill_line WHERE list_contains(?, load_id) ORDER BY 1, line_no",
            [named],
        ).fetchall()
