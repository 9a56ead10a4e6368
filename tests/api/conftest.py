"""One instance with its secrets, and the application over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.operations.context import Context
from tallystick.operations.instance import prepare_instance
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    instance = prepare_instance(tmp_path)
    engine, config_db = DuckDbEngine(None), ConfigDb(tmp_path / "config.db")
    context = Context(ledger=engine, config_db=config_db, data_dir=tmp_path, secret=instance.secret)
    start_ledger(context)
    yield context
    engine.close()
    config_db.close()


@pytest.fixture
def services() -> Services:
    return Services(book=lambda: PriceBook([]), base_url="https://tally.test")


@pytest.fixture
def app(context: Context, services: Services) -> FastAPI:
    return build_api(context, services)


@pytest.fixture
def local(context: Context) -> list[tuple[str, str]]:
    """Headers of the command line."""
    return [("authorization", f"Bearer {prepare_instance(context.data_dir).cli_token}")]
