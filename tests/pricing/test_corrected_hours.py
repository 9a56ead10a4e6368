"""DeepSeek's dear hours by weekday: figures by hand from its page, a million tokens each of input, cached input, output."""

from datetime import UTC, datetime

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.kernel.period import instant
from tallystick.pricing.book import PriceBook, minute_of_week
from tallystick.pricing.corrected import corrected
from tallystick.pricing.fingerprint import from_row, to_row
from tallystick.pricing.rate import rate
from tests.pricing.sample import card, used

# Input + cached + output, grains for one token of each.
FLASH_41, FLASH_4, PRO = 150_000 + 3_000 + 600_000, 220_000 + 7_000 + 660_000, 660_000 + 22_000 + 1_980_000
OLD_FLASH, OLD_PRO = 140_000 + 2_800 + 280_000, 435_000 + 3_625 + 870_000


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(corrected(list_prices()))


def cost(book: PriceBook, model: str, *when: int) -> int | None:
    at = instant(datetime(2026, *when, tzinfo=UTC))  # type: ignore[misc, arg-type]
    measured = used(uncached_input=1, cache_read=1, plain_output=1)
    return rate(book, provider="deepseek", model=model, service_tier="", region="", at_us=at, measured=measured).cost


@pytest.mark.parametrize(
    ("model", "when", "expected"),
    [
        ("deepseek-v4-pro", (8, 12, 2, 0), OLD_PRO),  # before, in what became a dear hour
        ("deepseek-v4-pro", (8, 16, 15, 59), OLD_PRO),
        ("deepseek-v4-pro", (8, 16, 16, 0), PRO),  # midnight in Beijing
        ("deepseek-v4-pro", (8, 17, 1, 0), 2 * PRO),  # the first dear hour, on a Monday
        ("deepseek-v4-pro", (8, 18, 2, 0), 2 * PRO),  # Tuesday
        ("deepseek-v4-pro", (8, 22, 2, 0), 2 * PRO),  # the last Saturday that was charged
        ("deepseek-v4-pro", (8, 23, 2, 0), PRO),  # Sunday
        ("deepseek-v4-pro", (8, 24, 0, 59), PRO),
        ("deepseek-v4-pro", (8, 24, 1, 0), 2 * PRO),  # Monday
        ("deepseek-v4-pro", (8, 24, 3, 59), 2 * PRO),
        ("deepseek-v4-pro", (8, 24, 4, 0), PRO),
        ("deepseek-v4-pro", (8, 24, 6, 0), 2 * PRO),
        ("deepseek-v4-pro", (8, 24, 10, 0), PRO),
        ("deepseek-v4-pro", (8, 29, 9, 59), PRO),  # Saturday
        ("deepseek-v4-pro", (9, 24, 9, 0), 2 * PRO),  # Thursday
        ("deepseek-v4-pro", (9, 25, 9, 0), PRO),  # Friday, mid-autumn
        ("deepseek-v4-pro", (9, 28, 9, 0), 2 * PRO),
        ("deepseek-v4-pro", (10, 1, 9, 0), PRO),  # Thursday, national day
        ("deepseek-v4-pro", (10, 7, 9, 0), PRO),
        ("deepseek-v4-pro", (10, 8, 9, 0), 2 * PRO),
        ("deepseek-v4-pro", (10, 10, 9, 0), PRO),  # a Saturday on which China worked
        ("deepseek-v4-flash", (8, 12, 2, 0), OLD_FLASH),
        ("deepseek-v4-flash", (8, 16, 15, 59), OLD_FLASH),
        ("deepseek-v4-flash", (8, 16, 16, 0), FLASH_4),
        ("deepseek-v4-flash", (8, 18, 2, 0), 2 * FLASH_4),
        ("deepseek-v4-flash", (8, 18, 5, 0), FLASH_4),
        ("deepseek-v4-flash", (8, 30, 2, 0), FLASH_4),
        ("deepseek-v4-flash", (9, 9, 9, 0), 2 * FLASH_4),
        ("deepseek-v4-flash", (9, 10, 3, 59), 2 * FLASH_4),
        ("deepseek-v4-flash", (9, 10, 4, 0), FLASH_41),  # noon in Beijing
        ("deepseek-v4-flash", (9, 10, 6, 0), 2 * FLASH_41),
        ("deepseek-v4-flash", (9, 11, 9, 0), 2 * FLASH_41),
        ("deepseek-v4-flash", (9, 12, 9, 0), FLASH_41),
        ("deepseek-flash", (11, 23, 7, 0), 2 * FLASH_41),  # Monday
        ("deepseek-flash", (11, 22, 7, 0), FLASH_41),
    ],
)
def test_deepseek_asks_double_in_its_dear_hours_on_working_days(
    book: PriceBook, model: str, when: tuple[int, ...], expected: int
) -> None:
    assert cost(book, model, *when) == expected


def test_weeks_begin_on_monday() -> None:
    assert minute_of_week(instant(datetime(2026, 11, 23, tzinfo=UTC))) == 0
    assert minute_of_week(instant(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))) == 7 * 1440 - 1
    assert minute_of_week(0) == 3 * 1440


def test_days_are_kept_and_make_another_price() -> None:
    every, working = card(hours=(60, 240)), card(hours=(60, 240), days=(0, 4))
    assert every.price_id != working.price_id
    row = (working.price_id, working.provider, working.model, to_row(working), 0, None)
    assert from_row(row).days == (0, 4)
    assert "days" not in to_row(every)


def test_a_card_may_hold_on_whole_days() -> None:
    book = PriceBook([card(prices={"plain_output": 10}), card(prices={"plain_output": 7}, days=(6,))])
    found = book.resolve("p", "m")
    assert [(one.from_minute, one.to_minute) for one in found.segments] == [(0, 6 * 1440), (6 * 1440, 7 * 1440)]
