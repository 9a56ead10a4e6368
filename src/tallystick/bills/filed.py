"""From rows of the database to items and to what lines say: pure."""

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import Any

from tallystick.bills.cells import Cell, KeyOf, Metered, parts_of
from tallystick.bills.said import Amounts, Item, Key, Said
from tallystick.bills.spread import spread
from tallystick.bills.statements import SAID_KEYS, SAID_SUMS
from tallystick.kernel.money import PLACES
from tallystick.pricing.book import card_tier
from tallystick.usage.dimensions import ATTRIBUTION, CHARGE_DIMENSIONS
from tallystick.usage.meters import FACT_METERS

_WIDE = Context(prec=60)


def grains(value: Any) -> int | None:
    """Of a sum with 12 places, which is whole in grains."""
    return None if value is None else int(_WIDE.scaleb(value, PLACES)) if isinstance(value, Decimal) else int(value)


def to_figures(row: Sequence[Any], meters: Sequence[str], facts: frozenset[str]) -> tuple[Metered, ...]:
    """Three columns a meter: quantity, cost, quantity without a price. A fact that no bill names is not unpriced."""
    found = []
    for place, name in enumerate(meters):
        quantity, cost, free = row[3 * place : 3 * place + 3]
        unpriced = None if free is None or (name in FACT_METERS and name not in facts) else int(free)
        found.append(Metered(None if quantity is None else int(quantity), grains(cost), unpriced))
    return tuple(found)


def to_cell(row: Sequence[Any], meters: Sequence[str], facts: frozenset[str]) -> Cell:
    """A row of `statements.metered_cells`."""
    width = 1 + len(CHARGE_DIMENSIONS)
    figures = to_figures(row[width + 3 :], meters, facts)
    gap = (grains(row[width + 1]) or 0) - sum(one.cost or 0 for one in figures)
    return Cell(int(row[0]), tuple(row[1:width]), figures, gap)


def to_items(
    rows: Iterable[Sequence[Any]], meters: Sequence[str], facts: frozenset[str], key_of: KeyOf
) -> tuple[list[Item], int]:
    """The items of rows of `statements.metered_items`, and the tokens without a price."""
    sums: dict[tuple[int, Key, bool], list[int]] = {}
    free_tokens = 0
    for row in rows:
        name = key_of.of(row[1:7])
        listed, effective = grains(row[7]), grains(row[8]) or 0
        free_tokens += int(row[9] or 0)
        figures = to_figures(row[10:], meters, facts)
        parts = [(full, priced, quantity, cost) for _, full, priced, quantity, cost in parts_of(name, meters, figures)]
        gap = effective - sum(one.cost or 0 for one in figures)
        if gap:
            parts.append((name, True, 0, gap))
        lists = spread(listed if listed is not None else effective, [cost for *_, cost in parts])
        for (full, priced, quantity, cost), one in zip(parts, lists, strict=True):
            held = sums.setdefault((int(row[0]), full, priced), [0, 0, 0])
            for place, value in enumerate((quantity, cost, one)):
                held[place] += value
    items = [
        Item(day, full, held[0] if full.meter else None, held[1] if priced else None, held[2] if priced else None)
        for (day, full, priced), held in sorted(sums.items())
    ]
    return items, free_tokens


def to_said(row: Sequence[Any], *, matched: bool) -> Said:
    """A row of `statements.said`."""
    keys = dict(zip(SAID_KEYS, row, strict=False))
    owners = dict(zip(ATTRIBUTION, row[len(SAID_KEYS) :], strict=False))
    sums = dict(zip(SAID_SUMS, row[len(SAID_KEYS) + len(ATTRIBUTION) :], strict=True))
    lines = int(sums["lines"])
    every = {name: int(sums[f"{name}s"]) == lines for name in ("listed", "contracted")}
    amounts = Amounts(
        grains(sums["effective"]),
        grains(sums["billed"]),
        grains(sums["listed"]) if every["listed"] else None,
        grains(sums["contracted"]) if every["contracted"] else None,
    )
    return Said(
        layer=keys["layer"], source=keys["source"], dataset=keys["dataset"], start=int(keys["start_us"]),
        end=int(keys["end_us"]), amounts=amounts, provider=keys["provider"], model=keys["model"], meter=keys["meter"],
        service_tier=card_tier(keys["service_tier"]), region=keys["region"],
        sub_account_id=keys["sub_account_id"] if matched else "", credential_id=keys["credential_id"] if matched else "",
        category=keys["category"], refund=bool(keys["refund"]), late=bool(keys["late"]), ai=bool(keys["ai"]),
        service_category=keys["service_category"], service_name=keys["service_name"], lines=lines,
        quantity=int(sums["quantity"]) if int(sums["quantities"]) == lines else None, whole=not int(sums["odd"] or 0),
        dimensions={name: value for name, value in owners.items() if value},
    )  # fmt: skip
