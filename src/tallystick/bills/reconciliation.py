"""What a month of a provider account comes to when its bills are held against what was metered.

The operation `operations.reconcile` makes and lists these; pages, command line and API render them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Why an amount that was billed differs from the amount that was metered; see `bills.classify`.
VarianceClass = Literal[
    "price_drift",
    "missing_calls",
    "unpriced",
    "tier",
    "discount",
    "tax",
    "credit",
    "purchase",
    "adjustment",
    "residual",
    "duplicate",
    "timing",
    "pending",
    "rounding",
    "unknown",
]
CLASSES: tuple[VarianceClass, ...] = (
    "price_drift", "missing_calls", "unpriced", "tier", "discount", "tax", "credit", "purchase", "adjustment",
    "residual", "duplicate", "timing", "pending", "rounding", "unknown",
)  # fmt: skip

CLASS_TITLES: Mapping[VarianceClass, str] = {
    "price_drift": "The price is another than in our book",
    "missing_calls": "More or fewer units than were metered",
    "unpriced": "Metered without a price in our book",
    "tier": "Billed at another service tier than metered",
    "discount": "Discount on the list price",
    "tax": "Tax",
    "credit": "Credits and refunds",
    "purchase": "Purchases and commitments",
    "adjustment": "Adjustments",
    "residual": "Billed and never metered",
    "duplicate": "Metered twice, by two gateways",
    "timing": "Billed in another period, or not yet due",
    "pending": "Metered and not on any bill",
    "rounding": "Rounding of the invoice",
    "unknown": "Not explained",
}

# What can be opened: the rows of `operations.reconcile.lines_of` sum to it in the column named here.
FIGURE_COLUMNS: Mapping[str, str] = {
    "metered": "metered_cost",
    "reported": "reported_cost",
    "invoiced": "invoiced_cost",
    "difference": "amount",
    **dict.fromkeys(CLASSES, "amount"),
}


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """One class of the difference.

    Attributes:
        amount: Grains; negative where less was billed than metered.
        claims: How many steps of claims it was found in.
    """

    name: VarianceClass
    amount: int
    claims: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """Lines that say what another source of the same layer says already: counted once, shown here.

    Attributes:
        source: Whose lines were set aside; `for_source` is the one that counts.
        amount: Grains that they say.
    """

    layer: str
    source: str
    for_source: str
    lines: int
    amount: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One month of one provider account in one currency. Money is grains; None is unknown, not 0.

    `metered` + the classes = `billed`; `record` = `billed` + what stays metered (`pending`).

    Attributes:
        run_id: Names the rows in `true_up` and `variance`.
        account: Our name of the provider account.
        period_start, period_end: The UTC month, start in, end out.
        metered: All that was metered of the account, by our book; unpriced charges add nothing. What two gateways
            metered is in it twice, and taken out again by the class `duplicate`: it is in charges once.
        reported: What the provider's cost reports come to (layer `cost`), None without one.
        invoiced: What invoices and cost exports come to (layer `invoice`), None without one.
        billed: The strongest word on every dollar; `difference` is it less `metered`.
        record: The cost of record: what charges and true-ups of this run sum to.
        pending: Metered and on no bill, which stays in the record (timing's part included).
        residual: Billed and never metered: ungoverned, owner unknown.
        own: Tax, credits, purchases, adjustments and refunds: rows of their own, part of `billed`.
        classes: The difference taken apart, only what is not 0, in the order of `CLASSES`.
        shares: Of the record, by basis: `metered`, `reported`, `invoiced`.
        coverage: The share of metered money that some bill covers, as a whole number of millionths.
        grade: A to D, see `bills.grade`; `grade_why` in words.
        unpriced_tokens: Metered without a price in our book.
        claims: Distinct keys of bill lines; `lines` the lines in them.
        loads: The loads whose lines were used.
        billed_until: The last instant any bill speaks of, None without bills.
        content_hash: Of everything it was made from: the same again is no new run.
    """

    run_id: str
    account: str
    currency: str
    period_start: int
    period_end: int
    created_at: int
    metered: int
    billed: int
    difference: int
    record: int
    pending: int = 0
    residual: int = 0
    own: int = 0
    reported: int | None = None
    invoiced: int | None = None
    classes: tuple[ClassTotal, ...] = ()
    shares: Mapping[str, int] = field(default_factory=dict)
    coverage: int = 0
    grade: str = "D"
    grade_why: str = ""
    unpriced_tokens: int = 0
    claims: int = 0
    lines: int = 0
    set_aside: tuple[SetAside, ...] = ()
    loads: tuple[str, ...] = ()
    billed_until: int | None = None
    content_hash: str = ""
    superseded_at: int | None = None


@dataclass(frozen=True, slots=True)
class VarianceRow:
    """One step from what was known before to what a claim says, or one class of that step.

    Every layer takes a step: metered to reported, reported to invoiced. A row with an empty
    `class_` is the step itself: its `amount` is the whole change, and only it carries quantities
    and costs, so that each column sums to its figure over all rows. The rows with a class and the
    same `claim` sum to its amount.

    Attributes:
        claim: The same key in the same layer has the same id in every run.
        metered_cost: Of the charges that this step is the first to cover (or that none covers).
        reported_cost, invoiced_cost: What the claim says, by its layer.
        amount: Grains.
        why: What was found, with the figures it comes from.
    """

    claim: str
    charge_period_start: int
    charge_period_end: int
    provider: str
    provider_account: str
    model: str
    meter: str
    service_tier: str
    region: str
    service_name: str
    charge_category: str
    currency: str
    metered_quantity: int | None = None
    billed_quantity: int | None = None
    metered_cost: int | None = None
    reported_cost: int | None = None
    invoiced_cost: int | None = None
    class_: str = ""
    amount: int = 0
    why: str = ""
