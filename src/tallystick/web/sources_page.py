"""Sources as rows: what is in, how fresh, how sure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.bills.model import Brought
from tallystick.charts.format import count, money, percent
from tallystick.explore.sources import SourceStatus, ago_text
from tallystick.kernel.period import local_day
from tallystick.operations.report_sources import COVERED_DAYS, SourceReport
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


BILL_COLUMNS: tuple[Column, ...] = (
    Column("Source"),
    Column("Account"),
    Column("State"),
    Column("Days loaded", number=True),
    Column("Lines", number=True),
    Column("Rejected", number=True),
    Column("Latest day"),
    Column("Lag"),
    Column("Last load"),
    Column("Next run"),
)
_STATES = {
    "new": "not read yet",
    "ok": "well",
    "stale": "not read lately",
    "failing": "retrying",
    "stopped": "stopped",
}


def bill_row(report: SourceReport, zone: str) -> list[Figure]:
    """Write one source of bills, in the order of `BILL_COLUMNS`."""
    source = report.source
    return [
        Figure(f"{source.name} ({source.kind})"),
        Figure(source.account),
        Figure(_STATES[report.state]),
        Figure(f"{count(report.covered_days)} of {COVERED_DAYS}"),
        Figure(count(report.rows)),
        Figure(count(report.rejected)),
        Figure("–" if report.last_at is None else dates.day(local_day(report.last_at), year=True)),
        Figure("–" if report.lag_us is None else ago_text(report.lag_us)),
        Figure(_at(report.loaded_at, zone)),
        Figure(
            _at(report.next_at, zone)
            if report.next_at
            else "when a person has acted"
            if report.state == "stopped"
            else "now"
        ),
    ]


LOADED_COLUMNS: tuple[Column, ...] = (
    Column("Source"),
    Column("Accounts"),
    Column("Lines", number=True),
    Column("Rejected", number=True),
    Column("First day"),
    Column("Latest day"),
    Column("Loaded"),
    Column("Newest file"),
)


def loaded_row(one: Brought, zone: str) -> list[Figure]:
    """Write what was loaded by hand, in the order of `LOADED_COLUMNS`; its days are those of its bills, UTC."""
    days = ("–" if at is None else dates.day(local_day(at), year=True) for at in (one.first_at, one.last_at))
    return [
        Figure(one.source),
        Figure(", ".join(one.accounts) or "–"),
        Figure(count(one.lines)),
        Figure(count(one.rejected)),
        *(Figure(day) for day in days),
        Figure(_at(one.loaded_at, zone)),
        Figure(one.file or "–"),
    ]


def troubles(reports: Sequence[SourceReport]) -> list[tuple[str, str]]:
    """Sources that want somebody, with what happened and what to do: whole, for a cell of a table would cut it."""
    return [(one.source.name, one.error) for one in reports if one.error]
