"""What a source's lines come to by the provider's own ids. The id is the identity; a name only stands beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.bills.filed import grains

# What can be asked for → the attribute of a line that holds the id, and the one that may hold its name.
BY: Mapping[str, tuple[str, str]] = {
    "project": ("sub_account_id", "sub_account_name"),
    "key": ("credential_id", "''"),
    "person": ("principal", "''"),
}


@dataclass(frozen=True, slots=True)
class IdCosts:
    """One id. Amounts are grains; each layer says the same money in its own words, so they are never added.

    Attributes:
        id: Empty for lines that name none.
        name: The newest one known; empty where nobody knows one.
        rated: Counted usage at our prices; None where nothing of it has a price.
        reported, invoiced: What the provider says; None where it says nothing of this id.
        unpriced: Lines of usage whose cost nobody knows.
    """

    id: str
    name: str
    currency: str
    rated: int | None
    reported: int | None
    invoiced: int | None
    unpriced: int
    lines: int


Found = tuple[str, str, str, int, int | None, int | None, int | None, int, int]


def to_found(row: Sequence[Any]) -> Found:
    """A row of `statements.id_costs`: id, name, currency, latest instant, the three layers, unpriced, lines."""
    id_, name, currency, latest, rated, reported, invoiced, unpriced, lines = row
    return (
        str(id_), str(name), str(currency), int(latest), grains(rated), grains(reported), grains(invoiced),
        int(unpriced), int(lines),
    )  # fmt: skip


def by_id(rows: Iterable[Found], names: Mapping[str, str]) -> list[IdCosts]:
    """One entry for each id and currency, the dearest first, whatever names it had.

    Args:
        rows: As `to_found` gives them, one for each id, name and currency.
        names: Id to name, from the provider's directory, which is newer than what stands on lines.
    """
    merged: dict[tuple[str, str], list[Found]] = {}
    for row in rows:
        merged.setdefault((row[0], row[2]), []).append(row)
    found = [_merged(parts, names.get(id_, "")) for (id_, _), parts in merged.items()]
    return sorted(
        found, key=lambda one: (-max(one.invoiced or 0, one.reported or 0, one.rated or 0), one.currency, one.id)
    )


def _merged(parts: Sequence[Found], name: str) -> IdCosts:
    latest = max((one for one in parts if one[1]), key=lambda one: (one[3], one[1]), default=parts[0])
    rated, reported, invoiced = (_sum([one[place] for one in parts]) for place in (4, 5, 6))
    return IdCosts(
        latest[0], name or latest[1], latest[2], rated, reported, invoiced,
        sum(one[7] for one in parts), sum(one[8] for one in parts),
    )  # fmt: skip


def _sum(amounts: Iterable[object]) -> int | None:
    known = [one for one in amounts if isinstance(one, int)]
    return sum(known) if known else None
