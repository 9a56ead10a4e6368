"""Sources as rows: what is in, how fresh, how sure."""

from dataclasses import dataclass

from tallystick.charts.format import count, money, percent
from tallystick.explore.sources import SourceStatus
from tallystick.web import dates
from tallystick.web.address import Address
from tallystick.web.view import Figure, exact


@dataclass(frozen=True, slots=True)
class Column:
    """One head."""

    title: str
    number: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("Source"),
    Column("Freshness"),
    Column("Rows", number=True),
    Column("Cost", number=True),
    Column("Tokens", number=True),
    Column("Priced", number=True),
    Column("Estimated calls", number=True),
    Column("Errors", number=True),
    Column("First row"),
    Column("Last row"),
    Column("Last import"),
)


def source_row(status: SourceStatus, zone: str) -> list[Figure]:
    """Write one source, in the order of `COLUMNS`."""
    calls = str(Address("/requests").filtered("source", status.source).having(range="12m"))
    return [
        Figure(status.source, href=calls),
        Figure(status.freshness),
        Figure(count(status.events)),
        Figure(money(status.cost, status.currency, 2), exact(status.cost)),
        Figure(count(status.tokens)),
        Figure(percent(status.tokens - status.unpriced_tokens, status.tokens)),
        Figure(count(status.estimated_calls)),
        Figure(count(status.errors)),
        Figure(_at(status.first_at, zone)),
        Figure(_at(status.last_at, zone)),
        Figure(_imported(status, zone)),
    ]


def _at(at_us: int | None, zone: str) -> str:
    return "–" if at_us is None else dates.clock(at_us, zone)


def _imported(status: SourceStatus, zone: str) -> str:
    if status.imported_at is None:
        return "–"
    aside = f", {count(status.rejected)} rejected" if status.rejected else ""
    known = f", {count(status.duplicates)} known before" if status.duplicates else ""
    return f"{status.file} ({status.shape}{aside}{known}), {dates.clock(status.imported_at, zone)}"
