"""Every store's suite runs on both column engines: DuckDB, and ClickHouse in process through its own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.operations.context import Context
from tallystick.storage.clickhouse_engine import ClickHouseEngine
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.storage.engine import Engine

ENGINES = ("duckdb", "clickhouse")


def open_engine(name: str, folder: Path) -> Engine:
    """An engine on a folder; the ClickHouse engine serves one folder per process at a time, so close it."""
    return DuckDbEngine(folder / "ledger.duckdb") if name == "duckdb" else ClickHouseEngine(f"chdb://{folder}/ch")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty engine."""
    opened = open_engine(request.param, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def context(engine: Engine, tmp_path: Path) -> Context:
    """An instance on that engine."""
    return Context(ledger=engine, config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
