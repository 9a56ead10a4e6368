"""Prices of your own: dated entries that win over the list, component by component.

    [[price]]
    provider = "anthropic"
    model = "claude-sonnet-4-5"
    from = "2026-11-01"
    input = "2.70"
    cache_read = "0.27"
    output = "13.50"

Amounts are decimals, as strings or numbers (never rounded through a float), for `per`
tokens (1,000,000 unless said otherwise); requests, searches, images and seconds are per
one. What an entry leaves out keeps the list's price. `from` is in, `to` is out, both UTC
days. `service_tier`, `region`, `currency` and `above_input_tokens` are conditions.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import day_start, instant
from tallystick.pricing.book import card_tier
from tallystick.pricing.match import canonical_provider
from tallystick.usage.meters import METERS, TOKEN_METERS

ALIASES: dict[str, str] = {
    "input": "uncached_input",
    "input_image": "uncached_input_image",
    "input_audio": "uncached_input_audio",
    "input_video": "uncached_input_video",
    "output": "plain_output",
    "output_image": "plain_output_image",
    "output_audio": "plain_output_audio",
    "reasoning": "reasoning_output",
}
COMPONENTS: dict[str, str] = {meter.name: meter.name for meter in METERS} | ALIASES
CONDITIONS = (
    "provider",
    "model",
    "from",
    "to",
    "service_tier",
    "region",
    "currency",
    "per",
    "above_input_tokens",
)
# Bounds of the believable, per million tokens and per counted unit: outside them an
# amount per token was taken for one per million, or the other way round.
DEAREST_PER_MILLION = Decimal(10_000)
CHEAPEST_PER_MILLION = Decimal("0.0001")
DEAREST_PER_UNIT = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Override:
    """One entry of the file.

    Attributes:
        end_us: First microsecond out; None for until further notice.
        prices: Meter to grains per unit.
        where: File and line, for messages.
    """

    provider: str
    model: str
    prices: Mapping[str, int]
    start_us: int = 0
    end_us: int | None = None
    service_tier: str = ""
    region: str = ""
    currency: str = "USD"
    above: int = 0
    where: str = ""


def parse_override(entry: Mapping[str, object], where: str) -> Override:
    """One `[[price]]` table as a record.

    Args:
        entry: As tomllib gives it, with `parse_float=Decimal`.
        where: File and line of the entry.

    Raises:
        ConfigError: An unknown name, a wrong kind of value, or a price nobody would charge.
    """
    for name in entry:
        if name not in COMPONENTS and name not in CONDITIONS:
            near = difflib.get_close_matches(name, [*CONDITIONS, *COMPONENTS], n=1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join([*CONDITIONS, *COMPONENTS])}"
            raise ConfigError(f'unknown entry "{name}"{hint}', where=where)
    start, end = _instant(entry, "from", where) or 0, _instant(entry, "to", where)
    if end is not None and end <= start:
        raise ConfigError(
            '"to" must be later than "from"; it is the first day on which the price no longer holds', where=where
        )
    prices = _prices(entry, where)
    if not prices:
        raise ConfigError("the entry has no price; give input, output or another component", where=where)
    return Override(
        provider=canonical_provider(_text(entry, "provider", where, needed=True)),
        model=_text(entry, "model", where, needed=True),
        prices=prices,
        start_us=start,
        end_us=end,
        service_tier=card_tier(_text(entry, "service_tier", where)),
        region=_text(entry, "region", where),
        currency=_currency(entry, where),
        above=_whole(entry, "above_input_tokens", 0, where),
        where=where,
    )


def _prices(entry: Mapping[str, object], where: str) -> dict[str, int]:
    per = _whole(entry, "per", 1_000_000, where) or 1
    prices: dict[str, int] = {}
    for name, value in entry.items():
        if name not in COMPONENTS:
            continue
        meter = COMPONENTS[name]
        if meter in prices:
            raise ConfigError(f'"{name}" is given twice (it is another name of {meter})', where=where)
        amount = _decimal(name, value, where)
        prices[meter] = _grains(name, amount, per if meter in TOKEN_METERS else 0, where)
    return prices


def _grains(name: str, amount: Decimal, per: int, where: str) -> int:
    """Grains per unit; `per` is 0 for counted units."""
    if amount < 0:
        raise ConfigError(f"{name} = {amount} is negative; credits are not prices", where=where)
    if per == 0:
        if amount > DEAREST_PER_UNIT:
            raise ConfigError(
                f"{name} = {amount} each is above {DEAREST_PER_UNIT}; counted units are per one", where=where
            )
        return grains_from_decimal(amount)
    million = amount * 1_000_000 / per
    if million > DEAREST_PER_MILLION:
        raise ConfigError(
            f"{name} = {amount} per {per:,} tokens is {million:,f} per million, above {DEAREST_PER_MILLION:,}",
            where=where,
            next_steps=["if the amount is per million tokens, leave `per` out or set per = 1_000_000"],
        )
    if 0 < million < CHEAPEST_PER_MILLION:
        raise ConfigError(
            f"{name} = {amount:f} per {per:,} tokens is {million:f} per million, below {CHEAPEST_PER_MILLION:f}",
            where=where,
            next_steps=["if the amount is per token, set per = 1", "for a free model write 0"],
        )
    return grains_from_decimal(amount / per)


def _decimal(name: str, value: object, where: str) -> Decimal:
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite() and abs(amount.adjusted()) < 40:
            return amount
    raise ConfigError(f"{name} = {value!r} is not a decimal amount such as 2.50", where=where)


def _text(entry: Mapping[str, object], name: str, where: str, *, needed: bool = False) -> str:
    value = entry.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ConfigError(f'"{name}" must be a text{" and is needed" if needed else ""}', where=where)
    return value.strip()


def _whole(entry: Mapping[str, object], name: str, default: int, where: str) -> int:
    value = entry.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or value > 10**9:
        raise ConfigError(f"{name} = {value!r} is not a whole number from 0 to 1,000,000,000", where=where)
    return value


def _currency(entry: Mapping[str, object], where: str) -> str:
    code = _text(entry, "currency", where) or "USD"
    if len(code) != 3 or not code.isalpha() or not code.isascii():
        raise ConfigError(f'currency = "{code}" is not an ISO 4217 code such as EUR', where=where)
    return code.upper()


def _instant(entry: Mapping[str, object], name: str, where: str) -> int | None:
    value = entry.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return instant(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return day_start(value)
    raise ConfigError(f"{name} = {entry[name]!r} is not a day such as 2026-11-01", where=where)
