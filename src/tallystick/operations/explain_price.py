"""Explain and list prices: the records behind `tally prices` and `/api/v1/prices`."""

from dataclasses import dataclass, replace

from tallystick.operations.context import Context, now_us
from tallystick.operations.contract_months import reached_in
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import list_contracts
from tallystick.pricing.agreed import Paid, Standing, agreement_to_wire, covering, paid_beside_list
from tallystick.pricing.explain import Explanation, card_to_wire, explain, explanation_to_wire, select
from tallystick.pricing.model import PriceCard


def explain_price(context: Context, *, model: str, provider: str = "", at_us: int | None = None) -> Explanation:
    """How a model's name is matched and what it costs, now or at an instant; an unknown name is an answer too."""
    return explain(load_book(context.config_db), provider, model, now_us() if at_us is None else at_us)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What contracts make of a model: those that cover it, and each price that is paid instead of the list's."""

    standings: tuple[Standing, ...]
    paid: tuple[Paid, ...]


def explain_contracts(context: Context, explanation: Explanation) -> Agreed:
    """The contracts about a model of an explanation, with how far the month of its instant has come.

    A call is rated at a contract's own discount; what a volume reached is applied when the month is re-rated.
    """
    if not explanation.known:
        return Agreed((), ())
    book = load_book(context.config_db)
    tiers = {card.service_tier for card in explanation.cards}
    found = covering(list_contracts(context), explanation.provider, explanation.model, tiers, explanation.at_us)
    standings = []
    for one in found:
        reached = reached_in(context, book, one.contract, explanation.at_us) if one.state == "holds" else None
        standings.append(replace(one, volume=reached.volume, factor=reached.factor) if reached else one)
    live = [card for card in explanation.cards if card.withdrawn_at is None]
    return Agreed(tuple(standings), tuple(paid_beside_list(book, live, explanation.at_us)))


def agreed_to_wire(explanation: Explanation, agreed: Agreed) -> dict[str, object]:
    """The explanation as JSON with contracts and what is paid beside its cards."""
    return explanation_to_wire(explanation) | agreement_to_wire(explanation, agreed.standings, agreed.paid)


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


__all__ = [
    "agreed_to_wire",
    "card_to_wire",
    "explain_contracts",
    "explain_price",
    "explanation_to_wire",
    "list_prices",
]
