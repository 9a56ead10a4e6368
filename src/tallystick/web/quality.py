"""What the money of a page rests on, written: its grade and why, and the share of each basis."""

from dataclasses import dataclass, replace

from tallystick.charts.format import money
from tallystick.explore.model import BASES, Breakdown
from tallystick.explore.parse import query_link
from tallystick.web.view import Figure, exact

_WORDS = {"metered": "metered and on no bill"}
_LOW = frozenset({"C", "D"})


@dataclass(frozen=True, slots=True)
class QualityLine:
    """The line below the headline figures.

    Attributes:
        parts: Word and amount of each basis that has one; they sum to the page's effective cost.
    """

    grade: str
    why: str
    low: bool
    parts: tuple[tuple[str, Figure], ...]


def quality_line(answer: Breakdown) -> QualityLine | None:
    """None where nothing is known of it: amounts that were converted, or no cost at all."""
    found, query = answer.quality, answer.query
    if found is None or not any(found.by_basis.values()):
        return None
    parts = []
    for basis in BASES:
        if grains := found.by_basis.get(basis, 0):
            # What is metered and covered by no bill is no basis of a query of its own.
            asked = replace(query, measure="effective", basis=basis)
            href = "" if basis in _WORDS else query_link(asked)
            parts.append((_WORDS.get(basis, basis), Figure(money(grains, query.currency, 2), exact(grains), href)))
    return QualityLine(found.grade, found.why, found.grade in _LOW, tuple(parts))
