"""Rate a whole table of events in one statement of the column engine."""

import threading
from collections.abc import Mapping

from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.storage.engine import Engine, Param

RATING = threading.Lock()
"""Held while a prepared statement is used: the book beside the events is one for the whole ledger."""


def prepare_rating(
    engine: Engine,
    book: PriceBook,
    events: str = "usage_event",
    params: Mapping[str, Param] | None = None,
    *,
    suffix: str = "",
) -> str:
    """Lay the book out beside a table of events, or a SELECT of one in brackets; returns the SELECT that rates it.

    With another `suffix` a second book lies beside the first.

    The answer has a row for each event: event_id, model, price_id, currency, c_<meter> …,
    list_cost, effective_cost, unpriced_tokens.
    """
    names = store.list_names(engine, events, params)
    store.create_rating_tables(engine, suffix)
    store.append_rating(engine, names, book, suffix)
    return store.rating_query(engine.dialect, events, suffix)
