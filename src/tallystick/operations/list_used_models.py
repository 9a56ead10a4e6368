"""The models that were used of late, each with what it cost and the list price that holds now."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.explore.parse import parse_query
from tallystick.operations.context import Context
from tallystick.operations.explore import explore
from tallystick.operations.load_prices import load_book
from tallystick.org.model import Principal
from tallystick.pricing.model import PriceCard


@dataclass(frozen=True, slots=True)
class UsedModel:
    """One model of one provider, as calls name it.

    Attributes:
        cost: Grains of cost of record; None where nothing of it has a price.
        unpriced_tokens: Tokens in no sum of money, because no price held for them.
        card: The standard price that holds now; None where there is none.
        why: How its name was matched, or why it has no price.
    """

    provider: str
    model: str
    cost: int | None
    currency: str
    calls: int
    unpriced_tokens: int
    card: PriceCard | None
    why: str


def list_used_models(context: Context, principal: Principal, at_us: int, most: int) -> Sequence[UsedModel]:
    """The models of the last thirty days that cost most, and all whose tokens have no price; the dearest first."""
    asked = {"range": "30d", "by": "provider,model", "cmp": "none", "limit": "1000"}
    query = parse_query(asked, now_us=at_us, zone=context.zone)
    book = load_book(context.config_db)
    found = []
    for row in explore(context, query, principal).rows:
        provider, model = row.group["provider"], row.group["model"]
        if not model or not row.now.calls:
            continue
        resolution = book.resolve(provider, model)
        segment = resolution.at(at_us)
        found.append(
            UsedModel(
                provider, model, row.now.cost, query.currency, row.now.calls, row.now.unpriced_tokens,
                segment.card if segment else None, resolution.why,
            )
        )  # fmt: skip
    found.sort(key=lambda one: (-(one.cost or 0), one.model))
    return [one for number, one in enumerate(found) if number < most or one.card is None]
