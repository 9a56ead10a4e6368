"""DeepSeek's hours: when a price began, which the list knows by the day, and the dearer ones, which it has every day. Pure.

Its page of prices (https://api-docs.deepseek.com/quick_start/pricing): from 16:00 UTC on 16 August 2026 the hours
01:00-04:00 and 06:00-10:00 UTC cost twice the others; since 23 August on Monday to Friday only, and as revised on
19 September not on China's public holidays (those of 2026: State Council, notice 7 of 2025). Holidays of later
years are not known here: on those a peak price is an upper bound, and the card's note says so. V4.1 Flash and its
price began at 04:00 UTC on 10 September (https://api-docs.deepseek.com/news/news260910).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from tallystick.kernel.period import instant
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import PriceCard, Tier

RESTS_ON = (
    "https://api-docs.deepseek.com/quick_start/pricing: peak hours are Monday to Friday since 23 August 2026; "
    "China's public holidays are left out up to the end of 2026"
)
BEGAN = (
    "https://api-docs.deepseek.com/quick_start/pricing and /news/news260910: midnight of 17 August and noon of "
    "10 September 2026, Beijing time"
)
_PEAKS = ((60, 240), (360, 600))
_CORRECTED = ", corrected"
_WORKDAYS = (0, 1, 2, 3, 4)


def _at(month: int, day: int, hour: int = 0) -> int:
    return instant(datetime(2026, month, day, hour, tzinfo=UTC))


_CHARGED, _WEEKENDS, _FLASH_41 = _at(8, 16, 16), _at(8, 23), _at(9, 10, 4)
# A list that has dates only begins them at midnight UTC.
_TO_THE_HOUR = {_at(8, 17): _CHARGED, _at(9, 10): _FLASH_41}
# Working weeks between the holidays; the last has no known end. The hours lie within one day in Beijing and in UTC.
_WEEKS: tuple[tuple[int, int | None], ...] = (
    (_WEEKENDS, _at(9, 25)),
    (_at(9, 28), _at(10, 1)),
    (_at(10, 8), None),
)
# What V4 Flash cost in its dear hours before V4.1 took its name: the list has those of V4.1 only.
_FLASH_PEAK = Tier(0, {"uncached_input": 440_000, "cache_read": 14_000, "plain_output": 1_320_000})


def with_workdays(cards: Iterable[PriceCard]) -> list[PriceCard]:
    """The cards with DeepSeek's prices from their hour on and its peak prices on their days; others as they are."""
    found: list[PriceCard] = []
    for one in cards:
        card = _from_the_hour(one) if one.provider == "deepseek" else one
        if card.provider != "deepseek" or card.service_tier:
            found.append(card)
        elif card.hours in _PEAKS and not card.days and (card.valid_to or _WEEKENDS + 1) > _WEEKENDS:
            found += _worked(card)
        else:
            found.append(card)
            found += _early_flash(card)
    return found


def _from_the_hour(card: PriceCard) -> PriceCard:
    start = _TO_THE_HOUR.get(card.valid_from, card.valid_from)
    end = card.valid_to and _TO_THE_HOUR.get(card.valid_to, card.valid_to)
    if (start, end) == (card.valid_from, card.valid_to):
        return card
    return identify(_marked(replace(card, valid_from=start, valid_to=end), BEGAN))


def _marked(card: PriceCard, rests_on: str) -> PriceCard:
    source = card.source if card.source.endswith(_CORRECTED) else card.source + _CORRECTED
    return replace(card, source=source, notes=(*card.notes, rests_on))


def _worked(card: PriceCard) -> Iterator[PriceCard]:
    """A peak price of every day, cut into what holds: every day at first, then working days."""
    since = max(card.valid_from, _CHARGED)
    marked = _marked(card, RESTS_ON)
    if since < _WEEKENDS:
        yield identify(replace(marked, valid_from=since, valid_to=_WEEKENDS))
    for start, end in _WEEKS:
        low, high = max(start, since), min((one for one in (end, card.valid_to) if one is not None), default=None)
        if high is None or low < high:
            yield identify(replace(marked, valid_from=low, valid_to=high, days=_WORKDAYS))


def _early_flash(card: PriceCard) -> Iterator[PriceCard]:
    if card.model != "deepseek-v4-flash" or (card.valid_from, card.valid_to) != (_CHARGED, _FLASH_41):
        return
    for hours in _PEAKS:
        yield from _worked(replace(card, hours=hours, tiers=(_FLASH_PEAK,)))
