"""What is remembered of sources: how they are set up, what was fetched of them, and what came."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A source as set up.

    Attributes:
        kind: Name of its `ports.SourceKind`.
        account: Our name of the provider account.
        options: By name; never a secret.
        secrets: Option → where its secret is (`env:NAME`, `file:PATH`), never the secret.
        backfill_days: How far back the first run reads.
        every_minutes: How often a slice that still grows is read again.
        stopped: Stream → why nothing is fetched of it until a person has done something.
        deleted_at: When it was removed; what it brought stays.
    """

    source_id: str
    name: str
    kind: str
    account: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    backfill_days: int = 92
    every_minutes: int = 60
    stopped: Mapping[str, str] = field(default_factory=dict)
    created_at: int = 0
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One slice of one stream, and how far it was fetched. Instants in microseconds UTC.

    Attributes:
        source: Name of the source.
        cursor: What asks for the next page of a fetch under way; empty before the first and after the last.
        pages: Kept of the fetch under way, or of the last whole one.
        fetched_at: When it was last fetched whole and loaded; None before.
        attempts: Failures since.
        next_at: Not tried again before; None when nothing is waited for.
        last_error: Of the last failure; empty since it went well.
    """

    source: str
    stream: str
    start_us: int
    end_us: int
    cursor: str = ""
    pages: int = 0
    fetched_at: int | None = None
    attempts: int = 0
    next_at: int | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page as it came, in a file.

    Attributes:
        number: From 0 within the slice.
        file: Below the data directory, compressed; empty where the page was dropped and is not to be had any more.
        sha256, bytes: Of the page itself.
        fetched_at: When it came last: the same page again is no new one.
    """

    page_id: str
    source: str
    stream: str
    start_us: int
    end_us: int
    number: int
    cursor: str
    next_cursor: str
    file: str
    sha256: str
    bytes: int
    fetched_at: int
