"""The one question everybody asks of the ledger, and its answer.

Pages, API, command line and reports all build a `Query` and read a `Breakdown`, so
that the same figure is the same number everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallystick.kernel.period import Period
from tallystick.pricing.currency import Leg

Measure = Literal["effective", "list", "contracted", "billed"]
Grain = Literal["hour", "day", "week", "month"]
Compare = Literal["weekdays", "calendar", "year", "none"]
Basis = Literal["record", "metered", "reported", "invoiced"]
Spend = Literal["ai", "all", "cloud"]
Operator = Literal["is", "is_not", "contains", "starts_with"]

MEASURES: tuple[Measure, ...] = ("effective", "list", "contracted", "billed")
BASES: tuple[Basis, ...] = ("record", "metered", "reported", "invoiced")
SPENDS: tuple[Spend, ...] = ("ai", "all", "cloud")
SERIES_ROWS = 50
UNOWNED = ""  # the group of calls for which a dimension is unknown: shown, never dropped


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; values are alternatives, several filters must all hold.

    Attributes:
        dimension: A dimension, or ``tag.<name>``.
        values: Compared without case and with space, hyphen and underscore alike; `""` matches unknown.
    """

    dimension: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What to sum, over when, by what.

    Attributes:
        period: Half-open, already aligned to local days of `zone`.
        previous: The period to compare with, None for none; of the same shape.
        group_by: Dimensions or ``tag.<name>``, outermost first; may be empty.
        grain: Bucket of the series, None for no series.
        zone: Time zone whose days are meant.
        limit: Largest number of groups; the rest is summed in `others`.
        range_word: How the period was asked for (`mtd`), empty for dates; links repeat it.
        compare: How `previous` was chosen.
        basis: The cost of record, where the strongest word counts; or only what was metered, or
            only what the record takes from reports or from invoices.
        scope: AI spend, other cloud spend of the same bills, or both.
        currency: Only amounts in it are summed; with `convert` it is the same.
        convert: Amounts of every currency, each day's at that day's rate, in this one; empty for none.
        via: A currency to cross two rates through where a pair has none; empty for none.
    """

    period: Period
    previous: Period | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    measure: Measure = "effective"
    grain: Grain | None = None
    zone: str = "UTC"
    limit: int = 1000
    currency: str = "USD"
    range_word: str = ""
    compare: Compare = "none"
    basis: Basis = "record"
    scope: Spend = "ai"
    convert: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of one group in one period. Costs are grains.

    Attributes:
        cost: In the query's measure; None when no row has a figure in it (a metered
            charge has no billed cost), which is not 0.
        calls: Client requests, refused ones included.
        attempts: What reached a provider.
        quantities: Meter name to quantity, zero entries left out; empty in the previous period.
    """

    cost: int | None = None
    calls: int = 0
    attempts: int = 0
    errors: int = 0
    estimated_calls: int = 0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    quantities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One group.

    Attributes:
        group: A value for each dimension of the query, `""` for unknown.
        series: Cost in grains per bucket of the grain, aligned with `Breakdown.buckets`;
            empty without a grain, and for the rows after the first `SERIES_ROWS`.
    """

    group: Mapping[str, str]
    now: Sums
    before: Sums | None = None
    series: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFresh:
    """How far one source has come.

    Attributes:
        kind: `calls` that were metered here or elsewhere, or `bills`: reports, exports and invoices.
        last_at: Begin of the latest call or charge that it has brought, None where nobody knows.
        loaded_at: When it was read last; None where calls come by themselves.
    """

    source: str
    kind: Literal["calls", "bills"]
    last_at: int | None
    loaded_at: int | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far the ledger has come.

    Attributes:
        sources: Each import and each source of bills; empty for who may not see them.
    """

    last_event_at: int | None
    ledger_at: int
    pending: int | None = None
    first_event_at: int | None = None
    sources: tuple[SourceFresh, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """What the money of an answer rests on.

    Attributes:
        by_basis: Effective cost in grains: `metered`, `reported`, `invoiced`; they sum to the answer's effective cost.
        coverage: The reported and invoiced share, in millionths.
        grade: A to D, see `bills.grade`; `why` in words.
    """

    by_basis: Mapping[str, int]
    coverage: int
    grade: str
    why: str


@dataclass(frozen=True, slots=True)
class RateUsed:
    """A rate that an answer rests on.

    Attributes:
        days: On how many days of the period and of the one before amounts were converted by it.
    """

    leg: Leg
    days: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the amounts of an answer came into one currency.

    Attributes:
        currencies: Those that amounts were in, the target too where some were.
        rates: By pair and date.
    """

    target: str
    via: str = ""
    currencies: tuple[str, ...] = ()
    rates: tuple[RateUsed, ...] = ()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The answer to a `Query`.

    Attributes:
        rows: By falling cost, then by name; at most `query.limit`.
        others: The sum of the groups beyond the limit, None when there are none; its
            `group` is empty.
        other_groups: How many groups `others` holds.
        total: Of everything the filters let through: rows + others, exactly.
        buckets: Start instants of the series' buckets.
        previous_series: The total per bucket of the previous period, grains, first with
            first; as long as that period has buckets, the last one cut at the same time of day
            when the period is not over. The present one is `total.series`.
        conversion: How amounts came into the query's currency, None where nothing was to be converted.
        unconverted: What no rate says: for each such currency an answer of its own, in it, of the days before its
            first rate. None of it is in the figures of this answer.
    """

    query: Query
    rows: tuple[Row, ...]
    total: Row
    freshness: Freshness
    others: Row | None = None
    other_groups: int = 0
    buckets: tuple[int, ...] = ()
    previous_series: tuple[int, ...] = ()
    quality: Quality | None = None
    conversion: Conversion | None = None
    unconverted: tuple["Breakdown", ...] = ()
