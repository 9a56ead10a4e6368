"""Time on a server of one's own as the price of a call: its share of the hour, and nothing for its tokens.

The rate is part of the price's id, so that a row says by itself what it was priced by
and is rated again to the same amount.
"""

from tallystick.kernel.money import divide_half_even, text_from_grains
from tallystick.pricing.model import Line, Rated
from tallystick.usage.model import Measured

METER = "gpu_seconds"
_PREFIX = "gpu-"
_HOUR_SECONDS = 3600


def gpu_price_id(grains_per_second: int) -> str:
    """The price's id; it names the rate."""
    return f"{_PREFIX}{grains_per_second}"


def gpu_rate(price_id: str) -> int | None:
    """Grains per second of a price's id; None for another kind of price."""
    digits = price_id.removeprefix(_PREFIX)
    return int(digits) if digits != price_id and digits.isascii() and digits.isdigit() else None


def gpu_rated(found: Rated, measured: Measured, grains_per_second: int) -> Rated:
    """What a call costs whose server is paid for by the hour: duration times rate, exact.

    `found` is what the price book says of the model, for its name; `measured` holds the
    duration as `gpu_seconds`, in microseconds. A half grain goes to the even one.
    """
    lines = []
    for meter, quantity in measured.quantities.items():
        price = grains_per_second if meter == METER else 0
        cost = divide_half_even(quantity * price, 1_000_000) if price else 0
        if quantity:
            lines.append(Line(meter, quantity, price, cost))
    cost = sum(line.cost or 0 for line in lines)
    return Rated(
        gpu_price_id(grains_per_second),
        found.model,
        tuple(lines),
        cost,
        why=gpu_words(grains_per_second),
        list_cost=cost,
    )


def gpu_words(grains_per_second: int) -> str:
    """The price for people."""
    hour = text_from_grains(grains_per_second * _HOUR_SECONDS)
    return (
        f"by the time the server worked, at ${hour} an hour (gpu_usd_per_hour); its tokens have no price of their own"
    )
