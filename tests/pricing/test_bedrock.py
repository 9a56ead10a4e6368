"""A place with prices of its own is never charged at another's: figures by hand, dollars a million are grains a token times a million."""

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.pricing.bedrock import place_of
from tallystick.pricing.book import PriceBook
from tallystick.pricing.corrected import corrected
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import parse_override
from tallystick.pricing.rate import rate
from tests.pricing.sample import day, used

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(corrected(list_prices()))


def cost(book: PriceBook, model: str, region: str = "", tier: str = "", **usage: int) -> int | None:
    measured = used(**(usage or {"uncached_input": 1, "plain_output": 1}))
    at = day("2026-11-02")
    return rate(
        book, provider="aws.bedrock", model=model, service_tier=tier, region=region, at_us=at, measured=measured
    ).cost


@pytest.mark.parametrize(
    ("model", "region"),
    [
        (f"us-gov.{SONNET}", ""),
        (SONNET, "us-gov-west-1"),
        (f"arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us-gov.{SONNET}", ""),
    ],
)
def test_govcloud_asks_a_fifth_more_for_sonnet(book: PriceBook, model: str, region: str) -> None:
    assert cost(book, model, region) == 3_600_000 + 18_000_000
    assert cost(book, model, region, "batch") == 1_800_000 + 9_000_000
    assert cost(book, model, region, uncached_input=200_000) == 200_000 * 3_600_000
    assert cost(book, model, region, uncached_input=200_001) is None
    assert cost(book, model, region, "priority") is None
    assert cost(book, model, region, cache_write_1h=1) == 7_200_000


@pytest.mark.parametrize(
    ("model", "region"),
    [
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", ""),
        ("amazon.nova-pro-v1:0", "us-gov-east-1"),
        ("eu.amazon.nova-pro-v1:0", ""),
        ("apac.amazon.nova-lite-v1:0", ""),
        ("jp.amazon.nova-2-lite-v1:0", ""),
        ("eu.meta.llama3-2-3b-instruct-v1:0", "eu-west-1"),
        ("amazon.nova-pro-v1:0", "eu-central-1"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0", ""),
    ],
)
def test_a_place_without_a_price_of_its_own_is_unknown(book: PriceBook, model: str, region: str) -> None:
    found = book.resolve("aws.bedrock", model, "", region)
    assert found.known
    assert "prices of its own and none is known" in found.why
    assert cost(book, model, region) is None


@pytest.mark.parametrize("region", ["", "us-east-1", "us-west-2", "eu"])
def test_the_commercial_regions_of_the_us_have_the_lists_price(book: PriceBook, region: str) -> None:
    for model in ("amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"):
        assert cost(book, model, region) == 800_000 + 3_200_000


def test_a_model_whose_geographies_the_list_knows_keeps_its_price_abroad(book: PriceBook) -> None:
    assert cost(book, f"eu.{SONNET}", "eu-west-1") == 3_300_000 + 16_500_000
    assert cost(book, f"global.{SONNET}", "eu-west-1") == 3_000_000 + 15_000_000


def test_a_price_that_was_set_holds_where_it_says() -> None:
    entry = {"provider": "aws", "model": "amazon.nova-pro-v1:0", "input": "1.05", "output": "4.20"}
    for region, abroad in (("eu", 5_250_000), ("", 5_250_000), ("us-gov", None)):
        override = parse_override({**entry, "region": region}, "a file")
        cards = merge_overrides(corrected(list_prices()), [override], "override prices.toml")
        assert cost(PriceBook(cards), "eu.amazon.nova-pro-v1:0") == abroad


def test_places_are_told_from_names_and_regions() -> None:
    assert place_of("amazon.x", "eu.amazon.x", "") == "eu"
    assert place_of("regional.anthropic.x", "eu.anthropic.x", "eu-west-1") == ""
    assert place_of("regional.anthropic.x", "anthropic.x", "US-GOV-WEST-1") == "us-gov"
    assert place_of("amazon.x", "amazon.x", "ap-southeast-2") == "ap-southeast-2"
    assert place_of("amazon.x", "us.amazon.x", "us-east-1") == ""
    assert place_of("eu.amazon.x", "eu.amazon.x", "eu-west-1") == ""
    assert place_of("us-gov.amazon.x", "us-gov.amazon.x", "us-gov-west-1") == ""
