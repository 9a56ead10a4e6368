"""Rate a whole table of events in one statement of the column engine."""

from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.storage.engine import Engine


def prepare_rating(engine: Engine, book: PriceBook, events: str = "usage_event") -> str:
    """Lay the book out beside a table of events; returns the SELECT that rates it.

    The answer has a row for each event: event_id, model, price_id, currency, c_<meter> …,
    list_cost, effective_cost, unpriced_tokens.
    """
    names = store.list_names(engine, events)
    store.create_rating_tables(engine)
    store.append_rating(engine, names, book)
    return store.rating_query(engine.dialect, events)
