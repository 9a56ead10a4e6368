"""From lines to claims: one per layer, period and key; two sources that say the same are one voice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tallystick.bills.model import LAYERS, Layer
from tallystick.bills.reconciliation import SetAside
from tallystick.bills.said import Amounts, Key, Match, Said
from tallystick.kernel.ids import content_hash
from tallystick.kernel.period import DAY_US


@dataclass(frozen=True, slots=True)
class Claim:
    """What a layer says of a period and key.

    Attributes:
        claim_id: The same layer, period and key have the same id in every run.
        tier_said: Its source names service tiers, so an empty one is the ordinary one and not any.
    """

    claim_id: str
    layer: Layer
    start: int
    end: int
    key: Key
    amounts: Amounts
    quantity: int | None
    said: tuple[Said, ...]
    tier_said: bool = False

    @property
    def lines(self) -> int:
        return sum(one.lines for one in self.said)

    @property
    def whole(self) -> bool:
        return all(one.whole for one in self.said)


def one_voice(said: Sequence[Said]) -> tuple[list[Said], list[SetAside]]:
    """Of several sources of a layer the one that covers the most days counts, per category and day; the rest is set
    aside where they speak of the same days, and used where they are alone.
    """
    kept: list[Said] = []
    aside: list[SetAside] = []
    for layer in LAYERS:
        mine = [one for one in said if one.layer == layer]
        spoken: dict[tuple[str, int], str] = {}
        for source in _by_weight(mine):
            theirs = [one for one in mine if one.source == source]
            heard = {id(one): _heard(one, spoken) for one in theirs}
            kept += [one for one in theirs if not heard[id(one)]]
            aside += _set_aside(layer, source, [(one, heard[id(one)]) for one in theirs if heard[id(one)]])
            spoken.update(
                {key: source for one in theirs if not heard[id(one)] for key in _days(one) if key not in spoken}
            )
    return kept, aside


def _by_weight(said: Sequence[Said]) -> list[str]:
    days: dict[str, set[tuple[str, int]]] = defaultdict(set)
    lines: dict[str, int] = defaultdict(int)
    for one in said:
        days[one.source].update(_days(one))
        lines[one.source] += one.lines
    return sorted(days, key=lambda source: (-len(days[source]), -lines[source], source))


def _days(one: Said) -> list[tuple[str, int]]:
    kind = one.category if one.ai else "other"
    return [(kind, day) for day in range(one.start, one.end, DAY_US)]


def _heard(one: Said, spoken: dict[tuple[str, int], str]) -> str:
    return next((spoken[key] for key in _days(one) if key in spoken), "")


def _set_aside(layer: Layer, source: str, pairs: Sequence[tuple[Said, str]]) -> list[SetAside]:
    found = []
    for winner in sorted({name for _, name in pairs}):
        mine = [one for one, name in pairs if name == winner]
        amount = sum(one.amounts.effective or 0 for one in mine)
        found.append(SetAside(layer, source, winner, sum(one.lines for one in mine), amount))
    return found


def claims_of(said: Iterable[Said], match: Match, without_region: frozenset[str]) -> list[Claim]:
    """The claims of usage lines, in one order whatever the order of the lines.

    Args:
        said: Usage of AI; what is a row of its own is none.
        match: What the provider's ids of workspaces and keys mean to us.
        without_region: Providers whose region was never metered: theirs is no part of a key.
    """
    lines = list(said)
    speaks = {(one.layer, one.source, one.dataset) for one in lines if one.service_tier}
    grouped: dict[tuple[Layer, int, int, Key], list[Said]] = defaultdict(list)
    for one in lines:
        grouped[one.layer, one.start, one.end, key_of(one, match, without_region)].append(one)
    claims = []
    for (layer, start, end, key), mine in sorted(grouped.items()):
        mine.sort(key=_order)
        named = all((one.layer, one.source, one.dataset) in speaks for one in mine)
        quantity = sum_all([one.quantity for one in mine]) if key.meter else None
        claim_id = claim_id_of(layer, start, end, *key)
        claims.append(Claim(claim_id, layer, start, end, key, add_amounts(mine), quantity, tuple(mine), named))
    return claims


def key_of(one: Said, match: Match, without_region: frozenset[str]) -> Key:
    """The parts by which a line finds its charges."""
    return Key(
        one.provider,
        one.model,
        one.meter,
        one.service_tier,
        "" if one.provider in without_region else one.region,
        match.projects.get(one.sub_account_id, ""),
        match.keys.get(one.credential_id, ""),
    )


def _order(one: Said) -> tuple[str, ...]:
    texts = (one.source, one.dataset, one.region, one.sub_account_id, one.credential_id, one.service_name)
    return (*texts, str(one.amounts), str(one.quantity), str(sorted(one.dimensions.items())))


def claim_id_of(*parts: object) -> str:
    """An id that says the same thing in every run."""
    return content_hash(*(str(part).encode() for part in parts))[:16]


def add_amounts(said: Iterable[Said]) -> Amounts:
    """What all of them come to. List and contracted costs are known only where every line gives them."""
    amounts = [one.amounts for one in said]
    return Amounts(
        effective=sum_known([one.effective for one in amounts]),
        billed=sum_known([one.billed for one in amounts]),
        list_cost=sum_all([one.list_cost for one in amounts]),
        contracted=sum_all([one.contracted for one in amounts]),
    )


def sum_known(values: Sequence[int | None]) -> int | None:
    """The sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def sum_all(values: Sequence[int | None]) -> int | None:
    """The sum, None where any part is unknown."""
    return None if None in values or not values else sum(value or 0 for value in values)


def merged(claim: Claim, others: Sequence[Claim]) -> Claim:
    """One claim of several: their lines and amounts together, under the key and id of the first."""
    if not others:
        return claim
    every = (claim, *others)
    said = tuple(one for part in every for one in part.said)
    return replace(claim, said=said, amounts=add_amounts(said), quantity=sum_all([one.quantity for one in every]))
