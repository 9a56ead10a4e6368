"""What templates read: figures already written, with the exact amount and the link beside each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tallystick.charts.format import Change, money, places_for
from tallystick.explore.describe import group_text
from tallystick.explore.model import Breakdown, Query, Row, Sums
from tallystick.kernel.money import text_from_grains

NAMES = {
    "effective": "Effective cost",
    "list": "List cost",
    "contracted": "Contracted cost",
    "billed": "Billed cost",
}
BASIS = {
    "effective": "cost of record; what bills say where they are in, else metered usage at the prices of the book",
    "list": "metered usage at list price",
    "contracted": "metered usage at what contracts say, else at list price",
    "billed": "what invoices and cost reports say",
}
# Where a part of the record is asked for.
PART = {
    "metered": "only what was metered, whether a bill covers it or not",
    "reported": "only what providers report and no invoice says",
    "invoiced": "only what is invoiced",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number on screen.

    Attributes:
        exact: Decimal text of the whole amount, empty when unknown.
        href: The rows that sum to it.
    """

    text: str
    exact: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure."""

    name: str
    figure: Figure
    note: str = ""
    change: Change | None = None
    spark: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The page's answer in words, in parts that the template marks up.

    Attributes:
        missing: Said instead where no call has a cost in this measure.
    """

    amount: Figure
    during: str
    change: Change | None = None
    against: str = ""
    mover: str = ""
    mover_href: str = ""
    mover_amount: str = ""
    mover_share: str = ""
    missing: str = ""
    history: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """How one breakdown is written: the same everywhere on a page.

    Attributes:
        places: Decimals of amounts in tables, chosen by the total.
        slots: Group name to colour class.
    """

    query: Query
    places: int
    slots: Mapping[str, str] = field(default_factory=dict)

    def money(self, grains: int | None) -> str:
        """An amount in a table."""
        return money(grains, self.query.currency, self.places)


def why_unknown(query: Query) -> str:
    """Why no row of an answer has a cost in its measure, true whatever prices, contracts and bills there are."""
    bills_alone = query.basis in {"reported", "invoiced"}
    if query.measure == "billed":
        return "metered usage has none before a bill covers it" if query.basis == "metered" else _NO_BILL
    if query.measure in {"list", "contracted"} and bills_alone:
        return f"what is {query.basis} alone has none; ask for the cost of record"
    return _NO_BILL if bills_alone else "no price is known for any of them"


_NO_BILL = "no invoice or cost report covers any of them"


def shown(breakdown: Breakdown, slots: Mapping[str, str] | None = None) -> Shown:
    """The way to write a breakdown: cents from a dollar up, more decimals below."""
    total = breakdown.total.now.cost or 0
    return Shown(breakdown.query, max(2, places_for(total)) if abs(total) < 10**12 else 2, dict(slots or {}))


def exact(grains: int | None) -> str:
    """Decimal text, empty for unknown."""
    return "" if grains is None else text_from_grains(grains)


def tokens(sums: Sums) -> int:
    """All tokens of a group, in and out."""
    return sums.input_tokens + sums.output_tokens


def name_of(row: Row) -> str:
    """The group in words; the unknown is named, not blank."""
    return group_text(row) or "Everything"


def key_of(row: Row, query: Query) -> str:
    """What a group's colour is kept under, empty for the unknown."""
    values = [row.group.get(name, "") for name in query.group_by]
    return " · ".join(values) if any(values) else ""
