"""Pages of requests by keyset: a cursor names the last row shown, so that rows that come in move nothing."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from tallystick.kernel.errors import QueryError
from tallystick.kernel.money import grains_from_text, text_from_grains
from tallystick.usage.model import UsageEvent

Sort = Literal["newest", "cost"]
SORTS: dict[str, Sort] = {"": "newest", "-occurred_at": "newest", "newest": "newest", "-cost": "cost", "cost": "cost"}
MOST_ROWS = 1000
_UNKNOWN_COST = -(10**24)  # sorts after every cost, also after credits


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One page of events.

    Attributes:
        next_cursor: For the page after this one, empty on the last.
    """

    events: tuple[UsageEvent, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of the page before.

    Attributes:
        cost: Decimal text of its effective cost; of `UNKNOWN_COST` where it has none.
    """

    sort: Sort
    occurred_at: int
    event_id: str
    cost: str


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which rows are wanted.

    Attributes:
        columns: The select list, from whoever turns rows into events.
        cursor: The last row of the page before, None for the first page.
    """

    columns: str
    sort: Sort
    cursor: Cursor | None
    limit: int


UNKNOWN_COST = text_from_grains(_UNKNOWN_COST)


def parse_sort(word: str) -> Sort:
    """The order that a word means.

    Raises:
        QueryError: Nobody knows it.
    """
    found = SORTS.get(word)
    if found is None:
        raise QueryError(f'"{word[:40]}" is no order', where="sort", next_steps=["use -occurred_at or -cost"])
    return found


def cursor_after(event: UsageEvent, sort: Sort) -> str:
    """The cursor for the rows after an event."""
    cost = UNKNOWN_COST if event.effective_cost is None else text_from_grains(event.effective_cost)
    text = "\n".join((sort, str(event.occurred_at), cost, event.event_id))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(text: str, sort: Sort) -> Cursor | None:
    """The inverse of `cursor_after`; None for an empty cursor.

    Raises:
        QueryError: It is not ours, or of another order.
    """
    if not text:
        return None
    try:
        plain = base64.urlsafe_b64decode(text[:2000] + "=" * (-len(text[:2000]) % 4)).decode()
        ordered, occurred_at, cost, event_id = plain.split("\n", 3)
        if ordered == sort:
            return Cursor(sort, _instant(occurred_at), event_id, text_from_grains(grains_from_text(cost)))
    except (ValueError, ArithmeticError, binascii.Error):
        pass
    raise QueryError("the cursor is not one of this list", where="cursor", next_steps=["start again without a cursor"])


def _instant(text: str) -> int:
    at = int(text)
    if abs(at) >= 2**62:
        raise ValueError(text)
    return at
