"""Pages kept as they came: what they are told by, and how they are packed."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.kernel.period import DAY_US, Period
from tallystick.operations.context import Context
from tallystick.operations.keep_pages import keep_page, read_page
from tallystick.ports import Page
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

BODY = b"day,model,cost\n" + b"2026-10-01,gpt-4o,0.25\n" * 500


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder = tmp_path_factory.mktemp("data")
    engine, config_db = DuckDbEngine(None), ConfigDb(folder / "config.db")
    yield Context(ledger=engine, config_db=config_db, data_dir=folder)
    engine.close()
    config_db.close()


def page(body: bytes = BODY) -> Page:
    return Page("costs", Period(0, DAY_US), 0, "", "", body, "main")


def test_a_page_is_the_same_page_however_its_file_was_packed(context: Context) -> None:
    first = keep_page(context, "acme", page(), 1)
    file: Path = context.data_dir / first.file
    file.write_bytes(gzip.compress(BODY, 9))
    assert read_page(context, first) == BODY
    again = keep_page(context, "acme", page(), 2)
    assert again == replace(first, fetched_at=2)
    assert read_page(context, first) == read_page(context, again) == BODY


def test_another_page_is_another(context: Context) -> None:
    one, two = (keep_page(context, "acme", page(body), 1) for body in (BODY, BODY + b"\n"))
    assert (one.page_id, one.sha256, one.file) != (two.page_id, two.sha256, two.file)
    assert (one.bytes, two.bytes) == (len(BODY), len(BODY) + 1)


def test_a_page_is_packed_quickly_and_still_much_smaller(context: Context) -> None:
    kept = keep_page(context, "acme", page(), 1)
    packed = (context.data_dir / kept.file).read_bytes()
    assert packed == gzip.compress(BODY, 1, mtime=0)
    assert len(packed) * 20 < len(BODY)
