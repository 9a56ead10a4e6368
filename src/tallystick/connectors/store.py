"""What the ledger holds of reports that are restated, and the list of imports."""

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Engine
from tallystick.usage.meters import METERS

FIGURES: tuple[str, ...] = ("input_tokens", "output_tokens", *(f"q_{meter.name}" for meter in METERS))


@dataclass(frozen=True, slots=True)
class Held:
    """A bucket as the ledger has it: its rows so far, and the sum of each figure."""

    rows: int
    figures: Mapping[str, int]


def sum_reports(engine: Engine, source: str, first_us: int, last_us: int) -> dict[str, Held]:
    """The buckets of a source that begin between two instants, both in, by their key."""
    instant = engine.dialect.instant
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in FIGURES)
    table = engine.dialect.final("usage_event")
    found = engine.rows(
        f"SELECT source_key, count(*), {sums} FROM {table} WHERE source = $source "  # noqa: S608 - names of columns
        f"AND occurred_at >= {instant('$first')} AND occurred_at <= {instant('$last')} GROUP BY source_key",
        {"source": source, "first": first_us, "last": last_us},
    )
    return {
        str(key): Held(int(str(rows)), {name: int(str(value)) for name, value in zip(FIGURES, values, strict=True)})
        for key, rows, *values in found
    }


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One file taken in."""

    import_id: str
    source: str
    shape: str
    file: str
    content_hash: str
    started_at: int
    ended_at: int
    rows: int
    duplicates: int
    rejected: int
    first_at: int | None
    last_at: int | None


def append_run(config_db: ConfigDb, run: ImportRun) -> None:
    """Remember an import."""
    with config_db.transaction():
        config_db.execute(
            """
            INSERT INTO import_run (import_id, source, shape, file, content_hash, started_at, ended_at, rows, duplicates,
                rejected, first_at, last_at)
            VALUES (:import_id, :source, :shape, :file, :content_hash, :started_at, :ended_at, :rows, :duplicates,
                :rejected, :first_at, :last_at)
            """,
            {name: getattr(run, name) for name in ImportRun.__slots__},
        )
