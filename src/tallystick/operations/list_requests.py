"""Single requests, newest or dearest first, by pages that stay put while rows come in."""

from dataclasses import replace

from tallystick.explore.model import Query
from tallystick.explore.paging import MOST_ROWS, PageAsked, RequestPage, cursor_after, parse_cursor, parse_sort
from tallystick.explore.store import list_event_rows
from tallystick.kernel.errors import QueryError
from tallystick.ledger.store import event_select, to_events
from tallystick.operations.context import Context
from tallystick.operations.explore import read_scope
from tallystick.operations.read_request import read_request
from tallystick.org.model import Principal

__all__ = ["list_requests", "read_request"]


def list_requests(
    context: Context, query: Query, principal: Principal, *, cursor: str = "", limit: int = 100, sort: str = ""
) -> RequestPage:
    """The requests of a query's period that its filters let through.

    Args:
        context: The instance.
        query: Its period, filters and currency count; one that converts finds rows of every currency.
        principal: Only rows of its teams are shown.
        cursor: `next_cursor` of the page before, with the same query and order.
        limit: At most 1000.
        sort: ``-occurred_at`` (default) or ``-cost``; what has no cost comes last.

    Raises:
        QueryError: The cursor or the order is not one of ours.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise QueryError(f"{limit} rows", where="limit", next_steps=[f"ask for 1 to {MOST_ROWS}"])
    order = parse_sort(sort)
    # Each row is shown in its own currency, so that a converted sum leads to the rows of all of them.
    scope = replace(read_scope(context, query, principal, raw=True), mixed=bool(query.convert))
    asked = PageAsked(event_select(context.ledger.dialect), order, parse_cursor(cursor, order), limit + 1)
    found = to_events(list_event_rows(context.ledger, scope, asked))
    shown = tuple(found[:limit])
    return RequestPage(shown, cursor_after(shown[-1], order) if len(found) > limit else "")
