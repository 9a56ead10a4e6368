"""From AWS's line item types to FOCUS's categories and costs.

Which of AWS's columns is which of FOCUS's costs, by line item type (sources: AWS's "Line item details",
"Reservation" and "Savings Plans" columns of the CUR dictionary; its published amortised-cost query in the
CUR Query Library; FOCUS 1.2, BilledCost and EffectiveCost):

| type | category | billed | effective | contracted |
|---|---|---|---|---|
| Usage | Usage | paid | paid | paid |
| DiscountedUsage (covered by a reservation) | Usage | paid (0 as a rule) | reservation effective cost | public on-demand |
| SavingsPlanCoveredUsage | Usage | 0 | savings plan effective cost | paid |
| SavingsPlanNegation | Adjustment | 0 | 0 | 0 |
| SavingsPlanRecurringFee | Purchase | paid | commitment to date less what was used | paid |
| SavingsPlanUpfrontFee | Purchase | paid | 0 | paid |
| RIFee | Purchase | paid | unused upfront + unused recurring | paid |
| Fee of a reservation | Purchase | paid | 0 | paid |
| Fee, other purchases | Purchase | paid | paid | paid |
| Tax | Tax | paid | paid | paid |
| Credit, and every kind of discount | Credit | paid | paid | paid |
| Refund | Adjustment | paid | paid | paid |

*Paid* is the net unblended cost where the row has one, else the unblended cost. AWS bills discounts in one of
two ways: as lines of their own (net cost 0 there, and reduced on the lines they reduce) or only within the net
cost. So a net cost counts where it is given; a net 0 beside an unblended cost counts only where the row is a
discount or says that its discount is all of it, since exports of accounts without discounts may fill the column
with zeros. Covered usage and its negation cancel out: FOCUS bills what covers, not what is covered.

List cost is the public on-demand cost for usage, and what was paid for all else. The Marketplace writes 0 there:
that is unknown, not free.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tallystick.bills.model import ChargeCategory

DISCOUNTS = frozenset({
    "EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "SppDiscount", "Discount", "RiVolumeDiscount",
    "DistributorDiscount", "MigrationDiscount",
})  # fmt: skip
_CATEGORIES: dict[str, ChargeCategory] = {
    "Usage": "Usage", "DiscountedUsage": "Usage", "SavingsPlanCoveredUsage": "Usage",
    "SavingsPlanNegation": "Adjustment", "SavingsPlanRecurringFee": "Purchase", "SavingsPlanUpfrontFee": "Purchase",
    "RIFee": "Purchase", "Fee": "Purchase", "FlatRateSubscription": "Purchase", "Tax": "Tax", "Credit": "Credit",
    "Refund": "Adjustment",
}  # fmt: skip
COVERED = frozenset({"DiscountedUsage", "SavingsPlanCoveredUsage"})
_RECURRING = frozenset({"RIFee", "SavingsPlanRecurringFee", "FlatRateSubscription"})


@dataclass(frozen=True, slots=True)
class Costs:
    """Grains; None where the row does not say."""

    billed: int | None
    effective: int | None
    listed: int | None
    contracted: int | None


def category_of(kind: str) -> ChargeCategory | None:
    """FOCUS's category of a line item type; None for one that nobody knows."""
    return "Credit" if kind in DISCOUNTS else _CATEGORIES.get(kind)


def frequency_of(kind: str) -> str:
    """FOCUS's ChargeFrequency."""
    if kind in _RECURRING:
        return "Recurring"
    return "Usage-Based" if category_of(kind) == "Usage" else "One-Time"


# Reads one money column of the row, in grains.
Read = Callable[[str], int | None]


def paid(kind: str, read: Read) -> int | None:
    """What is on the invoice for this row, before anything is spread over time."""
    gross, net = read("line_item_unblended_cost"), read("line_item_net_unblended_cost")
    if net is None or gross is None:
        return gross if net is None else net
    if net or not gross or kind in DISCOUNTS:
        return net
    wholly = (read("discount_total_discount") or 0) + gross == 0
    return net if wholly else gross


def costs_of(kind: str, read: Read, *, reserved: bool, market: bool) -> Costs:
    """The four costs of a row.

    Args:
        kind: Its line item type.
        read: Of a column of the row.
        reserved: It names a reservation.
        market: The Marketplace sells it.
    """
    money = paid(kind, read)
    if kind == "SavingsPlanNegation":
        return Costs(0, 0, 0, 0)
    public = read("pricing_public_on_demand_cost")
    listed = None if market and not public else public
    if kind == "Usage":
        return Costs(money, money, listed, money)
    if kind == "DiscountedUsage":
        effective = _first(read, "reservation_net_effective_cost", "reservation_effective_cost")
        return Costs(money, effective, listed, listed)
    if kind == "SavingsPlanCoveredUsage":
        effective = _first(
            read, "savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost"
        )
        return Costs(0, effective, listed, money)
    return Costs(money, _spread(kind, read, money, reserved=reserved), money, money)


def _spread(kind: str, read: Read, money: int | None, *, reserved: bool) -> int | None:
    """What a purchase costs beside what its use is charged with: what was bought and left."""
    if kind == "SavingsPlanUpfrontFee" or (kind == "Fee" and reserved):
        return 0
    if kind == "SavingsPlanRecurringFee":
        return _sum(read("savings_plan_total_commitment_to_date"), read("savings_plan_used_commitment"), -1)
    if kind == "RIFee":
        return _sum(
            read("reservation_unused_amortized_upfront_fee_for_billing_period"),
            read("reservation_unused_recurring_fee"),
            1,
        )
    return money


def _first(read: Read, net: str, gross: str) -> int | None:
    """The net amount where it is given and not a filler zero."""
    return read(net) or read(gross)


def _sum(left: int | None, right: int | None, sign: int) -> int | None:
    """Unknown where neither is given."""
    return None if left is None and right is None else (left or 0) + sign * (right or 0)
