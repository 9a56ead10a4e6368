"""Which metered charges a claim covers: each the most specific one, exactly one, or none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tallystick.bills.claims import Claim, merged
from tallystick.bills.said import Item
from tallystick.kernel.period import DAY_US
from tallystick.usage.meters import BY_NAME

_Place = tuple[int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """A claim and the places of the items it covers; none means that nobody metered it.

    Attributes:
        moved: Claims of other service tiers that were joined to it, for their calls were metered at its own.
    """

    claim: Claim
    items: tuple[int, ...]
    moved: tuple[Claim, ...] = ()


def cover(claims: Sequence[Claim], items: Sequence[Item], quantities: Sequence[int | None]) -> list[Covered]:
    """Give every item to the most specific claim of a layer that matches it, and join what was billed at another tier.

    Args:
        claims: Of one layer.
        items: Metered charges, and what weaker layers billed beside them.
        quantities: Of the items, as far as is known by now.
    """
    index = _index(claims)
    held: dict[str, list[int]] = {claim.claim_id: [] for claim in claims}
    for place, item in enumerate(items):
        found = _best(item, index)
        if found is not None:
            held[found.claim_id].append(place)
    joined = _joined(claims, quantities, held)
    gone = {one.claim_id for moved in joined.values() for one in moved}
    return [
        Covered(
            merged(claim, joined.get(claim.claim_id, ())),
            tuple(held[claim.claim_id]),
            tuple(joined.get(claim.claim_id, ())),
        )
        for claim in claims
        if claim.claim_id not in gone
    ]


def _index(claims: Sequence[Claim]) -> Mapping[_Place, list[Claim]]:
    index: dict[_Place, list[Claim]] = defaultdict(list)
    for claim in claims:
        key = claim.key
        for day in range(claim.start, claim.end, DAY_US):
            index[day, key.provider, key.model, key.project, key.key].append(claim)
            if key.model:  # for what was metered without a model
                index[day, key.provider, "*", key.project, key.key].append(claim)
    return index


def _best(item: Item, index: Mapping[_Place, list[Claim]]) -> Claim | None:
    best: Claim | None = None
    best_rank: tuple[object, ...] | None = None
    for place in _places(item):
        for claim in index.get(place, ()):
            rank = _rank(claim, item)
            if rank is not None and (best_rank is None or rank > best_rank):
                best, best_rank = claim, rank
    return best


def _places(item: Item) -> list[_Place]:
    key = item.key
    models = (key.model, "") if key.model else ("", "*")
    return [
        (item.start, provider, model, project, secret)
        for provider in {key.provider, ""}
        for model in models
        for project in {key.project, ""}
        for secret in {key.key, ""}
    ]


def _rank(claim: Claim, item: Item) -> tuple[object, ...] | None:
    """How closely a claim speaks of an item, None where it does not; comparable."""
    meter, region = meter_rank(claim.key.meter, item.key.meter), _part(claim.key.region, item.key.region)
    if meter is None or region is None or (item.said is None and claim.end < item.end):
        return None
    tier = _tier(claim, item)
    parts = tuple(bool(mine) for mine in (claim.key.provider, claim.key.model, claim.key.project, claim.key.key))
    return (tier > 0, parts[1], meter, tier, region, *parts, claim.start - claim.end, claim.claim_id)


def _part(said: str, metered: str) -> int | None:
    if said == metered:
        return 2
    if not said:
        return 1
    return None if metered else 0


def _tier(claim: Claim, item: Item) -> int:
    if claim.key.service_tier == item.key.service_tier and (claim.key.service_tier or claim.tier_said):
        return 2
    return 1 if not claim.key.service_tier and not claim.tier_said else 0


def meter_rank(said: str, metered: str) -> int | None:
    """How well a meter of a bill speaks of ours: 3 the same, 2 one that is billed alike, 1 any, None not at all.

    >>> meter_rank("plain_output", "reasoning_output"), meter_rank("cache_read", "plain_output")
    (2, None)
    """
    if said == metered:
        return 3
    if not said:
        return 1
    if not metered:
        return 0
    if BY_NAME[metered].falls_back == said:
        return 2
    writes = "cache_write_"
    unknown = f"{writes}unknown"
    alike = said.startswith(writes) and metered.startswith(writes) and unknown in (said, metered)
    return 2 if alike else None


def _joined(
    claims: Sequence[Claim], quantities: Sequence[int | None], held: Mapping[str, Sequence[int]]
) -> dict[str, list[Claim]]:
    """Claims without items whose units are missing from a claim that differs from them in the tier alone."""
    siblings: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.quantity is not None:
            siblings[claim.start, claim.end, claim.key._replace(service_tier="")].append(claim)
    joined: dict[str, list[Claim]] = {}
    for family in siblings.values():
        alone = [claim for claim in family if not held[claim.claim_id]]
        short = next((claim for claim in family if _missing(claim, quantities, held[claim.claim_id]) > 0), None)
        if alone and short is not None:
            joined[short.claim_id] = alone
    return joined


def _missing(claim: Claim, quantities: Sequence[int | None], places: Sequence[int]) -> int:
    return sum(quantities[place] or 0 for place in places) - (claim.quantity or 0)
