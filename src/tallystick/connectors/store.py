"""What the ledger holds of reports that are restated, the list of imports, and what is remembered of sources."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.connectors.kept import KeptPage, Source, Window
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


_WINDOW, _PAGE = tuple(Window.__slots__), tuple(KeptPage.__slots__)
_BODY = ("account", "options", "secrets", "backfill_days", "every_minutes", "stopped")


def list_sources(config_db: ConfigDb, *, removed: bool = False) -> list[Source]:
    """The sources that are set up, by name; with `removed` those too that were."""
    where = "1 = 1" if removed else "deleted_at IS NULL"
    rows = config_db.rows(
        f"SELECT source_id, name, kind, body, created_at, deleted_at FROM source WHERE {where} "  # noqa: S608 - ours
        "ORDER BY name, created_at"
    )
    return [_source(row) for row in rows]


def _source(row: Sequence[Any]) -> Source:
    source_id, name, kind, body, created_at, deleted_at = row
    return Source(source_id, name, kind, **json.loads(body), created_at=created_at, deleted_at=deleted_at)


def write_source(config_db: ConfigDb, source: Source) -> None:
    """Add a source, or put it in the place of what stood under its id."""
    body = json.dumps({name: getattr(source, name) for name in _BODY})
    config_db.execute(
        "INSERT INTO source (source_id, name, kind, body, created_at, deleted_at) "
        "VALUES (:source_id, :name, :kind, :body, :created_at, :deleted_at) ON CONFLICT (source_id) "
        "DO UPDATE SET name = excluded.name, kind = excluded.kind, body = excluded.body, "
        "deleted_at = excluded.deleted_at",
        {
            "source_id": source.source_id, "name": source.name, "kind": source.kind, "body": body,
            "created_at": source.created_at, "deleted_at": source.deleted_at,
        },
    )  # fmt: skip


def list_windows(config_db: ConfigDb, source: str = "", stream: str = "") -> list[Window]:
    """What was fetched or tried, of a source (and stream) or of all, in order of time."""
    rows: list[Sequence[Any]] = list(
        config_db.rows(
            f"SELECT {', '.join(_WINDOW)} FROM source_window WHERE (:source = '' OR source = :source) "  # noqa: S608 - ours
            "AND (:stream = '' OR stream = :stream) ORDER BY source, stream, start_us",
            {"source": source, "stream": stream},
        )
    )
    return [Window(*row) for row in rows]


def write_window(config_db: ConfigDb, window: Window) -> None:
    """Remember how far a slice was fetched."""
    _put(config_db, "source_window", _WINDOW, window, "source, stream, start_us")


def write_page(config_db: ConfigDb, page: KeptPage) -> None:
    """Remember a page whose file is written."""
    _put(config_db, "source_page", _PAGE, page, "page_id")


def _put(config_db: ConfigDb, table: str, names: Sequence[str], one: object, key: str) -> None:
    marks, change = (", ".join(pattern.format(name) for name in names) for pattern in (":{0}", "{0} = excluded.{0}"))
    config_db.execute(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {change}",  # noqa: S608 - ours
        {name: getattr(one, name) for name in names},
    )


def find_page(config_db: ConfigDb, page_id: str) -> KeptPage | None:
    """A kept page by its id."""
    rows: list[Sequence[Any]] = list(
        config_db.rows(f"SELECT {', '.join(_PAGE)} FROM source_page WHERE page_id = :page_id", {"page_id": page_id})  # noqa: S608 - ours
    )
    return KeptPage(*rows[0]) if rows else None


def forget_files(config_db: ConfigDb, files: Iterable[str]) -> list[str]:
    """Remember that pages have no file any more; the sources that they are of, by name."""
    found: set[str] = set()
    for file in files:
        rows = config_db.rows("SELECT DISTINCT source FROM source_page WHERE file = :file", {"file": file})
        found |= {str(source) for (source,) in rows}
        config_db.execute("UPDATE source_page SET file = '' WHERE file = :file", {"file": file})
    return sorted(found)


def list_pages(config_db: ConfigDb, window: Window) -> list[KeptPage]:
    """The pages of the fetch that a window tells of, in order: of each number the one that came last."""
    rows: list[Sequence[Any]] = list(
        config_db.rows(
            f"SELECT {', '.join(_PAGE)} FROM source_page WHERE source = :source AND stream = :stream "  # noqa: S608 - ours
            "AND start_us = :start_us AND number < :pages ORDER BY number, fetched_at",
            {
                "source": window.source,
                "stream": window.stream,
                "start_us": window.start_us,
                "pages": window.pages,
            },
        )
    )
    latest = {page.number: page for page in (KeptPage(*row) for row in rows)}
    return [latest[number] for number in sorted(latest)]


Name = tuple[str, str]
"""The attribute of a line that holds an id (`credential_id`), and the id."""


def write_names(config_db: ConfigDb, account: str, names: Iterable[tuple[str, str, str]], at_us: int) -> None:
    """Remember what ids of an account are called now: (kind, id, name); what is not among them keeps its last name."""
    for kind, id_, name in names:
        config_db.execute(
            "INSERT INTO provider_name (account, kind, id, name, seen_at) VALUES (:account, :kind, :id, :name, :at) "
            "ON CONFLICT (account, kind, id) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at",
            {"account": account, "kind": kind, "id": id_, "name": name, "at": at_us},
        )


def read_names(config_db: ConfigDb, account: str) -> dict[Name, str]:
    """What each id of an account was called last, by kind and id."""
    rows = config_db.rows("SELECT kind, id, name FROM provider_name WHERE account = :account", {"account": account})
    return {(str(kind), str(id_)): str(name) for kind, id_, name in rows}
