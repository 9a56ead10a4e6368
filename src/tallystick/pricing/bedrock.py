"""Where Bedrock serves a model, and what is known of prices that hold only there. Pure.

Amazon asks the price of the region that a request is made in. The list has the geography in its model's name where
it knows that it matters (`regional.`, `global.`); all others have the price of the commercial regions in the US, and
none has GovCloud's. A place without a price of its own is unknown: never the commercial one, never the US one.
"""

import re
from collections.abc import Mapping

from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import PriceCard, Tier

GOVCLOUD = "us-gov"
_QUALIFIED = ("regional.", "global.")
# Named by geography in the list, with the price of the US for all but the global endpoint.
_ONE_PRICE = "regional.amazon."
_GOVCLOUD = re.compile(r"(?:^|[:/.-])us-gov(?:[:/.-]|$)")
_GEOGRAPHY = re.compile(r"(?:^|[:/])(eu|apac|jp|au|ca|in|sa|me|af|mx|il|kr|cn)\.[a-z]")
_ABROAD = re.compile(r"(?:^|[:/])((?:eu|ap|ca|sa|me|af|il|mx|cn)-[a-z]+-\d)(?:[:/]|$)")

GOVCLOUD_PAGE = (
    "https://aws.amazon.com/bedrock/pricing: AWS GovCloud (US), as quoted in github.com/BerriAI/litellm/issues/27120 "
    "on 4 May 2026; above 200,000 tokens no price was read"
)


def place_of(model: str, name: str, region: str) -> str:
    """The place whose own price must be known; empty where the list's price holds.

    Args:
        model: The list's name of the model; a list that names the place in it has its price.
        name: As the caller wrote it: an id, an inference profile or an ARN.
        region: Of the call; empty where it is not known.
    """
    asked, region = name.lower(), region.lower()
    if _GOVCLOUD.search(model) or _GEOGRAPHY.search(model):
        return ""
    if _GOVCLOUD.search(asked) or _GOVCLOUD.search(region):
        return GOVCLOUD
    if model.startswith(_QUALIFIED) and not model.startswith(_ONE_PRICE):
        return ""
    for pattern, text in ((_GEOGRAPHY, asked), (_ABROAD, asked), (_ABROAD, region)):
        found = pattern.search(text)
        if found:
            return found.group(1)
    return ""


def _sonnet(tier: str, prices: Mapping[str, int]) -> PriceCard:
    return identify(
        PriceCard(
            "",
            "aws",
            "regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
            (Tier(0, prices), Tier(200_000, {})),
            service_tier=tier,
            region=GOVCLOUD,
            source="AWS GovCloud (US)",
            notes=(GOVCLOUD_PAGE,),
        )
    )


# Grains a token: dollars a million times a million.
GOVCLOUD_CARDS: tuple[PriceCard, ...] = (
    _sonnet(
        "",
        {
            "uncached_input": 3_600_000,
            "cache_read": 360_000,
            "cache_write_5m": 4_500_000,
            "cache_write_1h": 7_200_000,
            "cache_write_unknown": 4_500_000,
            "plain_output": 18_000_000,
        },
    ),
    _sonnet("batch", {"uncached_input": 1_800_000, "plain_output": 9_000_000}),
)
