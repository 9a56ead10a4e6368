"""The models in use as rows: what each cost of late, and what a million of its tokens costs now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tallystick.charts.format import count, money
from tallystick.operations.list_used_models import UsedModel
from tallystick.pricing.model import PriceCard
from tallystick.web.address import Address
from tallystick.web.view import Figure, exact


@dataclass(frozen=True, slots=True)
class UsedRow:
    """One model.

    Attributes:
        href: To its prices; "" where it has none.
        cost: Of the last thirty days; it opens the calls.
        amounts: The standard price by meter, "" where that has none.
        dearer: From which size of input on another price holds, "" where none does.
        command: What gives the model a price where it has none.
    """

    model: str
    href: str
    provider: str
    cost: Figure
    amounts: tuple[str, ...]
    dearer: str
    source: str
    unpriced: str
    command: str


def used_rows(used: Sequence[UsedModel], amounts_of: Callable[[PriceCard], tuple[str, ...]]) -> list[UsedRow]:
    """Write the models that were used; those without a price first."""
    return [_row(one, amounts_of) for one in sorted(used, key=lambda one: one.card is not None)]


def _row(one: UsedModel, amounts_of: Callable[[PriceCard], tuple[str, ...]]) -> UsedRow:
    calls = Address("/requests").filtered("model", one.model).filtered("provider", one.provider).having(range="30d")
    cost = Figure(money(one.cost, one.currency, 2), exact(one.cost), str(calls))
    if one.card is None:
        command = f"tally prices set {one.provider or 'PROVIDER'} {one.model} --input … --output …"
        return UsedRow(one.model, "", one.provider, cost, (), "", "", count(one.unpriced_tokens), command)
    href = "/prices?" + urlencode({"model": one.model, "provider": one.provider})
    sizes = sorted(tier.above_input_tokens for tier in one.card.tiers if tier.above_input_tokens)
    dearer = f"above {count(sizes[0])} tokens" if sizes else ""
    return UsedRow(one.model, href, one.provider, cost, amounts_of(one.card), dearer, one.card.source, "", "")
