"""Explain and list prices: the records behind `tally prices` and `/api/v1/prices`."""

from tallystick.operations.context import Context, now_us
from tallystick.operations.load_prices import load_book
from tallystick.pricing.explain import Explanation, card_to_wire, explain, explanation_to_wire, select
from tallystick.pricing.model import PriceCard


def explain_price(context: Context, *, model: str, provider: str = "", at_us: int | None = None) -> Explanation:
    """How a model's name is matched and what it costs, now or at an instant; an unknown name is an answer too."""
    return explain(load_book(context.config_db), provider, model, now_us() if at_us is None else at_us)


def list_prices(
    context: Context,
    *,
    provider: str = "",
    model: str = "",
    at_us: int | None = None,
    history: bool = False,
    known_us: int | None = None,
) -> list[PriceCard]:
    """Cards whose provider and model contain the given texts: those in force, or with `history` all.

    With `known_us` the book as it was known at that instant.
    """
    at = now_us() if at_us is None else at_us
    book = load_book(context.config_db)
    if known_us is not None:
        book = book.as_of(known_us)
    return select(book, provider=provider, model=model, at_us=at, history=history)


__all__ = ["card_to_wire", "explain_price", "explanation_to_wire", "list_prices"]
