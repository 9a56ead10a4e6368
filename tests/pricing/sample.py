"""Books and usage for the tests of pricing; prices are small whole grains, easy to check by head."""

from collections.abc import Mapping
from datetime import date

from tallystick.kernel.period import day_start
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import Clause, PriceCard, Tier
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tallystick.usage.model import Measured


def day(text: str) -> int:
    """The first instant of a UTC day."""
    return day_start(date.fromisoformat(text))


def card(model: str = "m", prices: Mapping[str, int] | None = None, **more: object) -> PriceCard:
    """A card of provider "p" with one tier, unless `tiers` says otherwise."""
    given: dict[str, object] = {
        "tiers": (Tier(0, prices if prices is not None else {"uncached_input": 2, "plain_output": 10}),),
        "match": Clause("equals", model),
    } | more
    return identify(PriceCard("", str(given.pop("provider", "p")), model, **given))  # type: ignore[arg-type]


def used(input_tokens: int | None = None, **quantities: int) -> Measured:
    """Reported usage; the totals are the sums of the classes unless given."""
    total_in = sum(quantities.get(name, 0) for name in INPUT_METERS)
    total_out = sum(quantities.get(name, 0) for name in OUTPUT_METERS)
    return Measured(quantities, total_in if input_tokens is None else input_tokens, total_out, "reported")
