"""What each column of one file fills: worked out once from the names of its columns."""

from dataclasses import dataclass
from functools import lru_cache

from tallystick.focus.ai import METER_COLUMNS, MODEL_COLUMNS, TIER_COLUMNS
from tallystick.focus.columns import INSTANTS, MONEY, QUANTITIES, STAND_INS, TEXTS, focus_name

IDS = frozenset({"billing_account_id", "sub_account_id", "invoice_id", "sku_id", "resource_id"})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where to find what, by place of the column in the file.

    Attributes:
        texts, money, quantities, instants: Attribute of a bill line → place and FOCUS name.
        tags: Place of the tags; None when there are none.
        extras: Place and the source's own name of every other column.
        hints: Place of each hint that is no attribute of a line (sellers, details, meter, model, tier).
    """

    names: tuple[str, ...]
    texts: dict[str, tuple[int, str]]
    money: dict[str, tuple[int, str]]
    quantities: dict[str, tuple[int, str]]
    instants: dict[str, tuple[int, str]]
    tags: int | None
    extras: tuple[tuple[int, str], ...]
    hints: dict[str, tuple[int, ...]]


@lru_cache(maxsize=200)
def lay_out(names: tuple[str, ...]) -> Layout:
    """The layout of a file with these columns; of two that mean the same, the first holds and the other is extra."""
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        found.setdefault(focus_name(name), place)
    for wanted, others in STAND_INS.items():
        stand_in = next((one for one in others if one in found), None)
        if wanted not in found and stand_in:
            found[wanted] = found.pop(stand_in)
    parts = [
        {attribute: (found[name], name) for name, attribute in table.items() if name in found}
        for table in (TEXTS, MONEY, QUANTITIES, INSTANTS)
    ]
    used = {place for part in parts for place, _ in part.values()} | {found.get("Tags", -1)}
    return Layout(
        names=names,
        texts=parts[0],
        money=parts[1],
        quantities=parts[2],
        instants=parts[3],
        tags=found.get("Tags"),
        extras=tuple((place, name) for place, name in enumerate(names) if place not in used),
        hints=_hints(found, {name: place for place, name in enumerate(names)}),
    )


def _hints(focus: dict[str, int], own: dict[str, int]) -> dict[str, tuple[int, ...]]:
    def first(names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(own[name] for name in names if name in own)[:1]

    return {
        "sellers": tuple(focus[name] for name in ("ProviderName", "PublisherName") if name in focus),
        "details": tuple(focus[name] for name in ("SkuPriceDetails",) if name in focus),
        "meter": first(METER_COLUMNS),
        "model": first(MODEL_COLUMNS),
        "tier": first(TIER_COLUMNS),
    }
