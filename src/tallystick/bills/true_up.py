"""The rows that bills add to the charges, by column."""

from collections.abc import Mapping, Sequence

from tallystick.bills.cells import SERVICE_CATEGORY, Landed
from tallystick.bills.reconcile import Outcome, Own
from tallystick.bills.said import Said
from tallystick.bills.spread import spread
from tallystick.bills.step import Held
from tallystick.kernel.period import DAY_US
from tallystick.usage.dimensions import CHARGE_DIMENSIONS
from tallystick.usage.meters import BY_NAME

Columns = Mapping[str, Sequence[object]]


def covered_columns(run_id: str, currency: str, landed: Sequence[Landed], meters: Sequence[str]) -> Columns:
    """Covered charges: what is to be added to each, all its dimensions kept."""
    count = len(landed)
    data: dict[str, Sequence[object]] = {
        "charge_period_start": [one.cell.at for one in landed],
        "run_id": [run_id] * count,
        "basis": [one.basis for one in landed],
        "currency": [currency] * count,
        "part": ["covered"] * count,
        "charge_category": ["Usage"] * count,
        "service_category": [SERVICE_CATEGORY] * count,
        "ai": [True] * count,
        "claim": [one.claim for one in landed],
        "effective_cost": [one.effective for one in landed],
        "whole_cost": [one.whole for one in landed],
        "billed_cost": [one.billed for one in landed],
        "list_cost": [one.list_cost for one in landed],
        "contracted_cost": [one.contracted for one in landed],
    }
    for place, name in enumerate(CHARGE_DIMENSIONS):
        data[name] = [one.cell.dimensions[place] for one in landed]
    for name in meters:
        values = [one.meters.get(name) for one in landed]
        if values.count(None) < count:
            data[f"c_{name}"] = values
    return data


def other_columns(run_id: str, account: str, currency: str, outcome: Outcome, until: int) -> Columns:
    """What was billed and never metered, and the rows of their own: whole, with what their lines know.

    What is said of several days is the same on each of them, so that no day stands out for a line of a month; of
    days from `until` on, which is the end of the month, nothing is said.
    """
    found = [(_residual(one), one.item.said) for one in outcome.held if one.item.said is not None]
    found += [(_own(one), one.said) for one in outcome.own]
    rows = [day for row, said in found for day in _by_day(row, said.start, min(said.end, until))]
    data: dict[str, list[object]] = {}
    for row in rows:
        row |= {"run_id": run_id, "currency": currency, "provider_account": account}
    names = {name for row in rows for name in row}
    texts = names - _NULLABLE
    for name in sorted(names):
        data[name] = [row.get(name, "" if name in texts else None) for row in rows]
    return data


_AMOUNTS = frozenset({"effective_cost", "whole_cost", "billed_cost", "list_cost", "contracted_cost"})
_NULLABLE = _AMOUNTS | {"input_tokens", "output_tokens"} | {f"{kind}_{name}" for name in BY_NAME for kind in "qc"}


def _by_day(row: dict[str, object], start: int, end: int) -> list[dict[str, object]]:
    days = range(start, max(end, start + 1), DAY_US)
    shares = {
        name: spread(amount, [1] * len(days))
        for name, amount in row.items()
        if name in _NULLABLE and isinstance(amount, int)
    }
    return [
        row | {"charge_period_start": day} | {name: parts[place] for name, parts in shares.items()}
        for place, day in enumerate(days)
    ]


def _residual(one: Held) -> dict[str, object]:
    said = one.item.said
    assert said is not None
    row = _row(said, "residual", one.claims, one.basis)
    amounts = {"effective_cost": one.effective, "whole_cost": one.effective, "billed_cost": one.billed}
    row |= amounts | {"list_cost": one.list_cost, "contracted_cost": one.contracted}
    if said.meter:
        row |= {f"q_{said.meter}": one.quantity, f"c_{said.meter}": one.effective}
        side = BY_NAME[said.meter].side
        if side != "counted":
            row[f"{side}_tokens"] = one.quantity
    return row


def _own(own: Own) -> dict[str, object]:
    amounts = own.said.amounts
    costs = {"effective_cost": amounts.effective, "whole_cost": amounts.effective, "billed_cost": amounts.billed}
    row = _row(own.said, "own", own.claim, own.basis)
    return row | costs | {"list_cost": amounts.list_cost, "contracted_cost": amounts.contracted}


def _row(said: Said, part: str, claim: str, basis: str) -> dict[str, object]:
    known = {name: said.dimensions[name] for name in CHARGE_DIMENSIONS if said.dimensions.get(name)}
    return {
        "charge_period_start": said.start, "part": part, "claim": claim, "basis": basis, "provider": said.provider,
        "model": said.model, "service_tier": said.service_tier, "source": said.source, "ai": said.ai,
        "charge_category": said.category, "service_category": said.service_category, "service_name": said.service_name,
        **known, **({"region": said.region} if said.region else {}),
    }  # fmt: skip
