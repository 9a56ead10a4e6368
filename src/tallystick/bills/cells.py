"""From items to the finest rows: what each hour and owner gets of a claim, exactly."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tallystick.bills.said import Key
from tallystick.bills.spread import spread
from tallystick.bills.step import Held
from tallystick.pricing.book import card_tier
from tallystick.usage.dimensions import CHARGE_DIMENSIONS

SERVICE_CATEGORY = "AI and Machine Learning"
_KEY_PLACES = tuple(
    CHARGE_DIMENSIONS.index(name) for name in ("provider", "model", "service_tier", "region", "project", "key")
)


class Metered(NamedTuple):
    """One meter of one metered row. `unpriced` is the part of `quantity` that our book has no price for."""

    quantity: int | None
    cost: int | None
    unpriced: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Metered charges of one charge period and all dimensions.

    Attributes:
        meters: In the order of the meters that were asked for.
        gap: Effective cost that no meter carries, in grains; 0 where the meters carry all of it.
    """

    at: int
    dimensions: tuple[str, ...]
    meters: tuple[Metered, ...]
    gap: int = 0


def parts_of(key: Key, meters: Sequence[str], figures: Sequence[Metered]) -> Iterator[tuple[int, Key, bool, int, int]]:
    """The items a row adds to: place of the meter, key, priced or not, quantity, grains."""
    for place, (quantity, cost, unpriced) in enumerate(figures):
        free = unpriced or 0
        if cost is not None:
            yield place, key._replace(meter=meters[place]), True, (quantity or 0) - free, cost
        if free:
            yield place, key._replace(meter=meters[place]), False, free, 0


@dataclass(slots=True)
class _Row:
    """What becomes of one metered row on one basis."""

    effective: int = 0
    whole: int = 0
    billed: int | None = None
    list_cost: int | None = None
    contracted: int | None = None
    meters: dict[int, int] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Landed:
    """Part of a metered row that a claim decides.

    Attributes:
        effective: Grains to add to what was metered; `whole` what it then comes to.
        list_cost: To add to the metered list cost; None where no line says one.
        contracted: To add to what was metered, which is rated at the contract; None where no line says one.
        meters: Name of a meter to the grains to add to its cost.
    """

    cell: Cell
    basis: str
    claim: str
    effective: int
    whole: int
    billed: int | None
    list_cost: int | None
    contracted: int | None
    meters: Mapping[str, int]


def land(
    cells: Sequence[Cell], meters: Sequence[str], key_of: "KeyOf", held: Mapping[tuple[Key, bool], Held]
) -> list[Landed]:
    """Split the items of one day over their cells.

    Args:
        cells: All of the day, in an order that is always the same.
        meters: Names of the cells' meters.
        key_of: The key of a cell, without its meter.
        held: The items of the day that a claim covers.
    """
    members: dict[tuple[Key, bool], list[tuple[int, int, int, int]]] = defaultdict(list)
    for number, cell in enumerate(cells):
        key = key_of(cell.dimensions)
        for place, full, priced, quantity, cost in parts_of(key, meters, cell.meters):
            members[full, priced].append((number, place, quantity, cost))
        if cell.gap:
            members[key, True].append((number, -1, 0, cell.gap))
    rows: dict[tuple[int, str], _Row] = {}
    for name, mine in members.items():
        one = held.get(name)
        if one is not None:
            _split(one, mine, rows)
    return [_landed(cells[number], basis, row, meters) for (number, basis), row in sorted(rows.items())]


class KeyOf:
    """The key of a row's dimensions; projects and keys are part of it only where somebody mapped them."""

    def __init__(self, *, projects: bool, keys: bool) -> None:
        self._projects, self._keys = projects, keys
        self._known: dict[tuple[str, ...], Key] = {}

    def __call__(self, dimensions: tuple[str, ...]) -> Key:
        found = self._known.get(dimensions)
        if found is None:
            found = self._known[dimensions] = self.of([dimensions[place] for place in _KEY_PLACES])
        return found

    def of(self, values: Sequence[str]) -> Key:
        """The key of provider, model, tier, region, project and key; all names of the ordinary tier are one."""
        provider, model, tier, region, project, key = values
        return Key(
            provider,
            model,
            "",
            card_tier(tier),
            region,
            project if self._projects else "",
            key if self._keys else "",
        )


def _split(one: Held, mine: Sequence[tuple[int, int, int, int]], rows: dict[tuple[int, str], _Row]) -> None:
    weights = [cost for _, _, _, cost in mine]
    if not sum(weights):
        weights = [quantity for _, _, quantity, _ in mine]
    effective = one.effective or 0
    added = spread(effective - (one.item.cost or 0), weights)
    billed = None if one.billed is None or one.billed == effective else spread(one.billed, weights)
    listed = spread((one.list_cost or 0) - (one.item.list_cost or 0), weights) if one.listed else None
    contracted = None if one.contracted is None else spread(one.contracted - (one.item.cost or 0), weights)
    for index, (number, place, _, cost) in enumerate(mine):
        row = rows.setdefault((number, one.basis), _Row())
        whole = cost + added[index]
        row.effective += added[index]
        row.whole += whole
        if one.claim not in row.claims:
            row.claims.append(one.claim)
        if place >= 0 and added[index]:
            row.meters[place] = row.meters.get(place, 0) + added[index]
        if one.billed is not None:
            row.billed = (row.billed or 0) + (whole if billed is None else billed[index])
        if listed is not None:
            row.list_cost = (row.list_cost or 0) + listed[index]
        if contracted is not None:
            row.contracted = (row.contracted or 0) + contracted[index]


def _landed(cell: Cell, basis: str, row: _Row, meters: Sequence[str]) -> Landed:
    return Landed(
        cell, basis, " ".join(row.claims), row.effective, row.whole, row.billed, row.list_cost, row.contracted,
        {meters[place]: grains for place, grains in row.meters.items()},
    )  # fmt: skip
