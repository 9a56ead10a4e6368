"""What a claim stands on: its steps, and each line of the source with the way back to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import LAYERS, BillLine
from tallystick.bills.reconciliation import CLASS_TITLES
from tallystick.charts.format import count, money
from tallystick.explore.describe import label
from tallystick.kernel.money import text_from_grains
from tallystick.ledger.duplicates import Copy
from tallystick.operations.trace_claim import Trace, Traced
from tallystick.web import dates
from tallystick.web.reconcile_page import calls_href, days_words
from tallystick.web.view import Figure, exact

_LAYERS = {"usage": "usage report", "cost": "cost report", "invoice": "invoice or billing export"}
_MOST_LINES = 200
_GRAINS = frozenset(
    {"pricing_currency_cost", "list_unit_price", "contracted_unit_price", "billed_cost", "effective_cost", "list_cost", "contracted_cost"}
)  # fmt: skip
_INSTANTS = frozenset({"charge_period_start", "charge_period_end", "billing_period_start", "billing_period_end"})


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a source: where it stands, its page, its amount, and every field it has."""

    place: tuple[tuple[str, str], ...]
    page: str
    amount: Figure
    title: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CopyView:
    """A call that does not count, beside the one that does."""

    at: str
    href: str
    source: str
    amount: Figure
    kept_href: str
    kept_source: str


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """A claim, written.

    Attributes:
        facts: What was metered and what is claimed.
        more: Lines that are not shown.
        copies: Calls that two gateways brought, of a claim that sums them.
    """

    title: str
    layer: str
    facts: tuple[tuple[str, Figure], ...]
    parts: tuple[tuple[str, Figure, str], ...]
    lines: tuple[LineView, ...]
    total: Figure
    more: int
    calls: str
    explore: str
    copies: tuple[CopyView, ...] = ()


def claim_page(trace: Trace, zone: str) -> ClaimPage:
    """Write a claim."""
    first, currency = trace.steps[0], trace.run.currency
    lines = [one.line for one in trace.lines]
    layers = [layer for layer in LAYERS if any(one.layer == layer for one in lines)]
    total = sum(amount_of(one) or 0 for one in lines)
    what = first.model or first.service_name or first.charge_category
    meter = f", {label(first.meter)}" if first.meter else ""
    return ClaimPage(
        title=f"{what}{meter}, {days_words(first.charge_period_start, first.charge_period_end)}",
        layer=" and the ".join(_LAYERS[one] for one in layers) or _LAYERS.get(trace.layer or "", "no bill"),
        facts=tuple(
            (name, Figure(money(grains, currency, sign=name == "Change"), exact(grains)))
            for name, grains in (
                (name, _known([getattr(one, column) for one in trace.steps])) for name, column in _FACTS
            )
            if grains is not None
        ),
        parts=tuple(
            (CLASS_TITLES.get(one.class_, one.class_), Figure(money(one.amount, currency, sign=True), exact(one.amount)), one.why)  # type: ignore[call-overload]
            for one in trace.parts
        ),
        lines=tuple(_line(one, zone) for one in trace.lines[:_MOST_LINES]),
        # A report and the invoice over it say the same dollars: they are not added.
        total=Figure(money(total, currency), exact(total)) if len(layers) == 1 else Figure(""),
        more=max(0, max(len(lines), len(trace.copies)) - _MOST_LINES),
        calls=calls_href(first),
        explore=calls_href(first, "/explore"),
        copies=tuple(_copy(one, zone) for one in trace.copies[:_MOST_LINES]),
    )  # fmt: skip


def _copy(one: Copy, zone: str) -> CopyView:
    amount = Figure(money(one.effective_cost, one.currency), exact(one.effective_cost))
    return CopyView(
        dates.clock(one.occurred_at, zone), f"/requests/{one.event_id}", one.source, amount,
        f"/requests/{one.kept_id}", one.kept_source,
    )  # fmt: skip


_FACTS = (
    ("Metered", "metered_cost"), ("Reported", "reported_cost"), ("Invoiced", "invoiced_cost"), ("Change", "amount"),
)  # fmt: skip


def _known(amounts: Sequence[int | None]) -> int | None:
    known = [one for one in amounts if one is not None]
    return sum(known) if known else None


def amount_of(line: BillLine) -> int | None:
    """What a line comes to: effective where it says so, else billed."""
    return line.effective_cost if line.effective_cost is not None else line.billed_cost


def _line(one: Traced, zone: str) -> LineView:
    line, load = one.line, one.load
    place = (
        ("Source", one.source),
        ("Dataset", line.dataset),
        ("Slice", line.slice_key),
        ("Load", load.load_id if load else ""),
        ("Loaded", dates.clock(load.loaded_at, zone) if load else ""),
        ("Read from", load.file if load else ""),
        ("Line", count(line.line_no)),
    )
    amount = amount_of(line)
    return LineView(
        tuple(pair for pair in place if pair[1]),
        one.page_id,
        Figure(money(amount, line.currency), exact(amount)),
        line.charge_description or line.raw_model or line.service_name or line.charge_category,
        raw_fields(line),
    )


def raw_fields(line: BillLine) -> tuple[tuple[str, str], ...]:
    """Every field that a line has, and what its source says beside them, as text."""
    found = []
    for name in LINE_FIELDS:
        value = getattr(line, name)
        if value in (None, "", {}) or name in {"tags", "extra"}:
            continue
        if name in _GRAINS:
            value = text_from_grains(value)
        elif name in _INSTANTS:
            value = dates.clock(value, "UTC") + " UTC"
        found.append((name, str(value)))
    found += [(f"dimension {name}", value) for name, value in line.dimensions.items()]
    found += [(f"tag {name}", value) for name, value in sorted(line.tags.items())]
    return (*found, *sorted(line.extra.items()))
