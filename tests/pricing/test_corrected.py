"""Known errors of the list: figures by hand from the providers' pages, dollars a million are grains a token times a million."""

from datetime import UTC, datetime

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.kernel.period import instant
from tallystick.pricing.book import PriceBook
from tallystick.pricing.corrected import CORRECTIONS, Correction, corrected
from tallystick.pricing.halved import HALVES
from tallystick.pricing.rate import rate
from tests.pricing.sample import card, day, used


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(corrected(list_prices()))


def cost(book: PriceBook, provider: str, model: str, at_us: int, **usage: int) -> int | None:
    return rate(
        book, provider=provider, model=model, service_tier="", region="", at_us=at_us, measured=used(**usage)
    ).cost


@pytest.mark.parametrize("model", ["deepseek-chat", "deepseek-reasoner"])
def test_deepseek_costs_what_its_page_said_on_each_day(book: PriceBook, model: str) -> None:
    usage = {"uncached_input": 1_000, "cache_read": 1_000, "plain_output": 1_000}
    last = cost(book, "deepseek", model, instant(datetime(2025, 9, 5, 15, 59, tzinfo=UTC)), **usage)
    # Until 16:00 UTC by day 0.27 + 0.07 + 1.10, and of the reasoner 0.55 + 0.14 + 2.19.
    assert last == {"deepseek-chat": 1_440_000_000, "deepseek-reasoner": 2_880_000_000}[model]
    # 0.56 + 0.07 + 1.68, by night too, for the discount ended; then 0.28 + 0.028 + 0.42; then 0.14 + 0.0028 + 0.28.
    for at in (datetime(2025, 9, 5, 16, tzinfo=UTC), datetime(2025, 9, 20, 20, tzinfo=UTC)):
        assert cost(book, "deepseek", model, instant(at), **usage) == 2_310_000_000
    assert cost(book, "deepseek", model, day("2025-09-29"), **usage) == 728_000_000
    assert cost(book, "deepseek", model, day("2026-05-01"), **usage) == 422_800_000


@pytest.mark.parametrize(
    ("model", "base", "above"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (3_300_000, 16_500_000), (6_600_000, 24_750_000)),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", (3_000_000, 15_000_000), (6_000_000, 22_500_000)),
        ("eu.anthropic.claude-sonnet-4-20250514-v1:0", (3_000_000, 15_000_000), (6_000_000, 22_500_000)),
    ],
)
def test_long_contexts_of_sonnet_on_bedrock_cost_twice_the_input_one_token_above_the_threshold(
    book: PriceBook, model: str, base: tuple[int, int], above: tuple[int, int]
) -> None:
    for size, (given, made) in ((199_999, base), (200_000, base), (200_001, above)):
        found = cost(book, "aws.bedrock", model, day("2026-03-01"), uncached_input=size, plain_output=100)
        assert found == size * given + 100 * made


def test_an_hour_in_the_cache_is_twice_the_input_in_long_contexts_too(book: PriceBook) -> None:
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert cost(book, "aws", model, day("2026-03-01"), cache_write_1h=200_001) == 200_001 * 13_200_000


def test_every_correction_is_still_needed_and_says_where_it_is_from() -> None:
    ends, tiers = ", corrected", {half.rests_on for half in HALVES}
    made = [one for one in corrected(list_prices()) if one.source.endswith(ends) and one.notes]
    changed = [one for one in made if one.notes[-1] not in tiers]
    hours = {("deepseek", name) for name in ("deepseek-flash", "deepseek-v4-flash", "deepseek-v4-pro")}
    assert {(one.provider, one.model) for one in changed} == {(one.provider, one.model) for one in CORRECTIONS} | hours
    assert all(one.notes[-1].startswith("https://") for one in changed)


def test_a_correction_steps_aside_once_the_list_is_mended() -> None:
    one = Correction("p", "m", "2", ({"input": "3"},), "https://example.org")
    wrong, mended = card(prices={"uncached_input": 2_000_000}), card(prices={"uncached_input": 2_500_000})
    assert corrected([wrong], [one])[0].tiers[0].prices == {"uncached_input": 3_000_000}
    assert corrected([mended], [one]) == [mended]
    dated = card(prices={"uncached_input": 4_000_000}, valid_from=day("2026-01-01"))
    assert corrected([wrong, dated], [one]) == [wrong, dated]
    other = card("other", prices={"uncached_input": 2_000_000})
    assert corrected([other], [one]) == [other]
