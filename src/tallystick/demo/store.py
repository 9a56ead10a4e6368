"""The demo's own rows: what its ledger holds day by day, its bills in, and everything out again.

The one place where ledger rows are deleted, and only made-up ones.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence
from typing import Any

from tallystick.demo.billed import Used
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, HOUR_US
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Engine
from tallystick.usage.meters import TOKEN_METERS

SOURCE = "demo"


def clear(engine: Engine) -> None:
    """Delete the demo's events and charges; what came from elsewhere stays."""
    with engine.transaction():
        engine.execute("DELETE FROM usage_event WHERE source = $source", {"source": SOURCE})
        engine.execute("DELETE FROM charge WHERE source = $source", {"source": SOURCE})


def forget_loads(config_db: ConfigDb, sources: Sequence[str]) -> None:
    """Delete the loads of the demo's statements; their lines go before."""
    with config_db.transaction():
        for source in sources:
            config_db.execute("DELETE FROM bill_load WHERE source = :source", {"source": source})


def forget_pages(config_db: ConfigDb, sources: Sequence[str]) -> list[str]:
    """Delete what is remembered of the pages of the demo's statements; their files, for whoever removes them."""
    files: list[str] = []
    with config_db.transaction():
        for source in sources:
            rows = config_db.rows(
                "SELECT file FROM source_page WHERE source = :source AND file <> ''", {"source": source}
            )
            files += [str(file) for (file,) in rows]
            config_db.execute("DELETE FROM source_page WHERE source = :source", {"source": source})
    return files


def forget_runs(config_db: ConfigDb) -> None:
    """Delete every reconciliation: a demo has none but of its own bills."""
    with config_db.transaction():
        config_db.execute("DELETE FROM reconcile_run")


def is_empty(engine: Engine) -> bool:
    """Whether no event is in the ledger, of any source."""
    return not engine.rows("SELECT 1 FROM usage_event LIMIT 1")


def list_used(engine: Engine) -> list[Used]:
    """What the demo's charges hold of each model on each day, the last hour of a day apart."""
    micros = engine.dialect.micros("charge_period_start")
    sums = ", ".join(f"sum(q_{name}), sum(c_{name})" for name in TOKEN_METERS)
    rows = engine.rows(
        f"SELECT {micros} - {micros} % {DAY_US} AS day, {micros} % {DAY_US} >= {23 * HOUR_US} AS late, "
        f"provider, provider_account, model, {sums} FROM charge WHERE source = $source "
        "GROUP BY day, late, provider, provider_account, model ORDER BY day, late, provider, provider_account, model",
        {"source": SOURCE},
    )
    return [_used(row) for row in rows]


def _used(row: Sequence[Any]) -> Used:
    quantities = dict(zip(TOKEN_METERS, row[5::2], strict=True))
    costs = dict(zip(TOKEN_METERS, row[6::2], strict=True))
    return Used(
        int(row[0]), bool(row[1]), row[2], row[3], row[4],
        {name: int(one) for name, one in quantities.items() if one},
        {name: grains_from_decimal(one) for name, one in costs.items() if one is not None},
    )  # fmt: skip
