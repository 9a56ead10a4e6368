"""Give the demo company its bills: reports, cloud bills and invoices drawn from what its ledger holds."""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from tallystick.bills.model import Load
from tallystick.bills.store import append_columns, append_loads, drop_lines, drop_unnamed_runs, list_loads
from tallystick.connectors.kept import KeptPage
from tallystick.demo.billed import BillRow, calendar_of, month_span
from tallystick.demo.model import DemoModel, DemoSpec
from tallystick.demo.reports import SOURCES
from tallystick.demo.rhythm import story_of
from tallystick.demo.statements import make_statements
from tallystick.demo.store import forget_loads, forget_pages, forget_runs, list_used
from tallystick.demo.templates import Rate
from tallystick.demo.truth import bills_document
from tallystick.kernel.ids import content_hash
from tallystick.kernel.money import GRAINS_PER_UNIT, text_from_grains
from tallystick.kernel.period import Period, rfc3339
from tallystick.operations.context import Context
from tallystick.operations.keep_pages import keep_page
from tallystick.operations.reconcile import reconcile_accounts
from tallystick.operations.reconcile_month import month_named
from tallystick.ports import Page
from tallystick.usage.meters import BY_NAME
from tallystick.usage.model import Measured

_LAYOUT = attrgetter("source", "dataset", "account", "month")


def bill_demo(context: Context, spec: DemoSpec, rate: Rate) -> dict[str, object]:
    """Put every statement in place of those that were there; the truth of them, as a document.

    Args:
        context: Of a ledger that holds the demo's charges.
        spec: Of the company; today's report is not there yet.
        rate: The price book, as the generator asks it.
    """

    def price(model: DemoModel, at_us: int, measured: Measured) -> int | None:
        return rate(model, at_us, measured).cost

    calendar = calendar_of(story_of(spec).first_day, spec.now_us)
    made = make_statements(list_used(context.ledger), calendar, spec.seed, price)
    _clear(context)
    _append(context, sorted(made.rows, key=_LAYOUT), spec.now_us)
    # The month with something to find is there from the first page on; the others follow in their time.
    period = month_named(calendar.finding_month)
    accounts = sorted({one.account for one in made.rows if one.month == calendar.finding_month})
    reconcile_accounts(context, accounts, period)
    return bills_document(made.months, calendar.finding_month)


def _clear(context: Context) -> None:
    before = [one.load_id for source in SOURCES for one in list_loads(context.config_db, source, all_of_them=True)]
    drop_lines(context.ledger, before)
    for name in forget_pages(context.config_db, SOURCES):
        (context.data_dir / name).unlink(missing_ok=True)
    forget_loads(context.config_db, SOURCES)
    forget_runs(context.config_db)
    drop_unnamed_runs(context.ledger, [])


def _append(context: Context, rows: Sequence[BillRow], now_us: int) -> None:
    """All lines, a source at a time, then their loads at once."""
    loads: list[Load] = []
    with context.ledger.transaction():
        for source, of_source in groupby(rows, attrgetter("source")):
            named, lines, pages = [], [], []
            for _, group in groupby(of_source, _LAYOUT):
                of_slice = list(group)
                kept = _keep(context, of_slice, now_us)
                loads.append(_load(of_slice, now_us))
                named += [(loads[-1].load_id, number) for number in range(1, len(of_slice) + 1)]
                pages += [kept.page_id] * len(of_slice)
                lines += of_slice
            append_columns(context.ledger, source, [one for one, _ in named], pages, _columns(lines, named))
    append_loads(context.config_db, loads)


def _keep(context: Context, rows: Sequence[BillRow], now_us: int) -> KeptPage:
    """The statement as its source would give it, kept as a real one is: a line of it is a line of the bill."""
    first = rows[0]
    window = Period(*month_span(first.month))
    body = "".join(f"{_said(row)}\n" for row in rows).encode()
    return keep_page(context, first.source, Page(first.dataset, window, 0, "", "", body, first.account), now_us)


_AMOUNTS = frozenset({"billed", "list_cost"})
_NO_WORDS = frozenset({"source", "dataset", "layer", "month", "start_us", "end_us"})
_TOLD = tuple(name for name in BillRow.__slots__ if name not in _NO_WORDS)
_told = attrgetter(*_TOLD)


def _said(row: BillRow) -> str:
    """A line of JSON: its days, amounts as decimal text, and what else it says."""
    found: dict[str, object] = {"from": _day(row.start_us), "to": _day(row.end_us)}
    for name, value in zip(_TOLD, _told(row), strict=True):
        if value is not None and value != "":
            found[name] = text_from_grains(value) if name in _AMOUNTS else value
    return json.dumps(found)


@lru_cache(maxsize=1024)
def _day(at_us: int) -> str:
    return rfc3339(at_us)


def _load(rows: Sequence[BillRow], now_us: int) -> Load:
    first = rows[0]
    sums: defaultdict[str, int] = defaultdict(int)
    for one in rows:
        for name, amount in (("billed_cost", one.billed), ("list_cost", one.list_cost)):
            if amount is not None:
                sums[name] += amount
    content = content_hash(*(repr(one).encode() for one in rows))
    return Load(
        load_id=f"load_demo_{content_hash(*(part.encode() for part in (*_LAYOUT(first), content)))[:20]}",
        source=first.source, dataset=first.dataset, slice_key=_slice(first), provider_account=first.account,
        content_hash=content, loaded_at=now_us, rows=len(rows), rejected=0, currency="USD",
        first_at=min(one.start_us for one in rows), last_at=max(one.start_us for one in rows), sums=dict(sums),
        file=f"{first.dataset} {first.month}, made up for the demo",
    )  # fmt: skip


def _slice(row: BillRow) -> str:
    return f"{row.account}/{row.month}"


def _columns(rows: Sequence[BillRow], named: Sequence[tuple[str, int]]) -> dict[str, Sequence[object]]:
    """What differs from line to line, as columns of the table."""
    spans = {one.month: month_span(one.month) for one in rows}
    billing = [spans[one.month] if one.layer == "invoice" else (None, None) for one in rows]
    amounts = [one.list_cost if one.billed is None else one.billed for one in rows]
    return {
        "line_no": [number for _, number in named],
        "layer": [one.layer for one in rows],
        "dataset": [one.dataset for one in rows],
        "slice_key": [_slice(one) for one in rows],
        "charge_period_start": [one.start_us for one in rows],
        "charge_period_end": [one.end_us for one in rows],
        "billing_period_start": [start for start, _ in billing],
        "billing_period_end": [end for _, end in billing],
        "currency": ["USD"] * len(rows),
        "charge_category": [one.category for one in rows],
        "charge_description": [one.description for one in rows],
        "provider": [one.provider for one in rows],
        "provider_account": [one.account for one in rows],
        "billing_account_id": [one.account for one in rows],
        "service_provider_name": [one.service.split()[0] for one in rows],
        "service_category": ["AI and Machine Learning" if one.ai else "Compute" for one in rows],
        "service_name": [one.service for one in rows],
        "sub_account_id": [one.project for one in rows],
        "sub_account_name": [one.project_name for one in rows],
        "credential_id": [one.credential for one in rows],
        "invoice_id": [one.invoice for one in rows],
        "ai": [one.ai for one in rows],
        "raw_model": [one.model for one in rows],
        "model": [one.model for one in rows],
        "meter": [one.meter for one in rows],
        "quantity": [one.quantity for one in rows],
        "consumed_quantity": [None if one.quantity is None else one.quantity * GRAINS_PER_UNIT for one in rows],
        "consumed_unit": [BY_NAME[one.meter].unit if one.meter else "" for one in rows],
        "billed_cost": [one.billed for one in rows],
        "effective_cost": amounts,
        "list_cost": [one.list_cost for one in rows],
    }
