"""Records of the demo's bills: what was used in a day, a line of a report or an invoice, what a month was made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from tallystick.bills.model import ChargeCategory, Layer
from tallystick.kernel.period import DAY_US, day_start, local_day


@dataclass(frozen=True, slots=True)
class Used:
    """What the ledger holds of one model on one day.

    Attributes:
        day_us: Its first instant, UTC.
        late: Whether it is of the last hour of that day.
        quantities: Meter to whole units.
        costs: Meter to grains; a meter without a price is absent.
    """

    day_us: int
    late: bool
    provider: str
    account: str
    model: str
    quantities: Mapping[str, int]
    costs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BillRow:
    """One line of a statement, as far as Northwind's say anything.

    Attributes:
        month: `YYYY-MM` of the slice that it belongs to.
        billed, list_cost: Grains; None where the source gives no such amount.
    """

    source: str
    dataset: str
    layer: Layer
    month: str
    start_us: int
    end_us: int
    provider: str
    account: str
    model: str = ""
    meter: str = ""
    quantity: int | None = None
    billed: int | None = None
    list_cost: int | None = None
    category: ChargeCategory = "Usage"
    description: str = ""
    service: str = ""
    project: str = ""
    project_name: str = ""
    credential: str = ""
    invoice: str = ""
    ai: bool = True


@dataclass(slots=True)
class MonthBilled:
    """The truth of one account in one month. `metered` and the parts sum to `invoiced`, to the grain.

    Attributes:
        reported: Of the provider's cost report; None where it has none.
        parts: Why the invoice is not what was metered, by name, in grains.
        other_cloud: What is billed beside AI, in no other figure.
    """

    account: str
    month: str
    metered: int = 0
    reported: int | None = None
    invoiced: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    other_cloud: int = 0


@dataclass(frozen=True, slots=True)
class Calendar:
    """Months of the demo, oldest first; the last whole one is the one with the finding.

    Attributes:
        today_us: First instant of today: reports end where it begins.
    """

    months: tuple[str, ...]
    today_us: int

    @property
    def finding_month(self) -> str:
        return self.months[-1]


def calendar_of(first_day: date, now_us: int) -> Calendar:
    """The whole months from a first day on."""
    today, months, day = local_day(now_us), [], first_day.replace(day=1)
    while (day.year, day.month) < (today.year, today.month):
        months.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=31)).replace(day=1)
    return Calendar(tuple(months), day_start(today))


@lru_cache(maxsize=1024)
def month_of(at_us: int) -> str:
    """``2026-10``."""
    return f"{local_day(at_us):%Y-%m}"


@lru_cache(maxsize=64)
def month_span(month: str) -> tuple[int, int]:
    """First instant in and first instant out, UTC."""
    first = date.fromisoformat(f"{month}-01")
    return day_start(first), day_start((first + timedelta(days=31)).replace(day=1))


def days_of(month: str) -> range:
    """The first instants of its days."""
    start, end = month_span(month)
    return range(start, end, DAY_US)
