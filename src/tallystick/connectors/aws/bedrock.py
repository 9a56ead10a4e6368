"""What a row of AWS's bill says of Bedrock: the model, the meter, the tier, told from the usage type.

Usage types have no grammar that AWS publishes. What is read here are the forms that bills show:
`USE1-Claude4.6Sonnet-input-tokens-cross-region-global-batch`, `USW2-anthropic.claude-opus-4-8-mantle-
cache-write-tokens-global-standard`, and the Marketplace's `USE1-MP:USE1_InputTokenCount_Global-Units`.
A word that nobody knows leaves its field empty, never guessed; the usage type itself stays with the line.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

CODES = frozenset({"AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels"})
_EDITION = re.compile(r"\s*\(Amazon Bedrock Edition\)\s*$", re.IGNORECASE)
_REGION = re.compile(r"^(?:([A-Z]{2,4}\d{0,2})-)?(?=.)")
_METERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meter)
    for pattern, meter in (
        (r"cache[-_]?write[-_]?1[-_]?h(?:our)?[a-z-_]*tok(?:en)?", "cache_write_1h"),
        (r"cache[-_]?write[a-z-_]*tok(?:en)?[a-z-_]*?[-_]1[-_]?h", "cache_write_1h"),
        (r"cache[-_]?write[-_]?5[-_]?m(?:in)?[a-z-_]*tok(?:en)?", "cache_write_5m"),
        # Without a time it is the ordinary one, which lives five minutes.
        (r"cache[-_]?(?:write|creation)[a-z-_]*tok(?:en)?", "cache_write_5m"),
        (r"cache[-_]?read[a-z-_]*tok(?:en)?", "cache_read"),
        (r"(?:input|prompt)[-_]?(?:image|video)[-_]?tok(?:en)?", "uncached_input_image"),
        (r"(?:speech|audio)[-_]input[-_]?tok(?:en)?|input[-_]audio[-_]?tok(?:en)?", "uncached_input_audio"),
        (r"(?:speech|audio)[-_]output[-_]?tok(?:en)?|output[-_]audio[-_]?tok(?:en)?", "plain_output_audio"),
        (r"input[-_]?tok(?:en)?", "uncached_input"),
        (r"(?:output|response)[-_]?tok(?:en)?", "plain_output"),
        (r"(?:output|created|t2i|i2i)[-_a-z0-9]*image|image[-_]?(?:count|generation)", "images"),
    )
)
_TIERS = ("batch", "flex", "priority", "reserved")
_LONG = re.compile(r"(?:^|[-_])(?:lctx|long[-_]?ctx|long[-_]?context|200k\+?)(?=$|[-_])", re.IGNORECASE)
_GLOBAL = re.compile(r"(?:^|[-_])global(?=$|[-_])", re.IGNORECASE)
_CROSS = re.compile(r"cross[-_]?region", re.IGNORECASE)
_PROVISIONED = re.compile(r"ProvisionedThroughput", re.IGNORECASE)
_CLAUDE = re.compile(r"^Claude[- ]?(\d)(?:[.-](\d))?[- ]?([A-Z][a-z]+)$|^Claude ([A-Z][a-z]+) (\d)(?:\.(\d))?$")
_NOVA = re.compile(r"^(?:Amazon )?Nova[- ]?(Pro|Lite|Micro|Premier|Canvas|Reel|Sonic)$")
_IN_ARN = re.compile(r":(?:foundation-model|inference-profile)/([A-Za-z0-9.:_-]+)$")
_APPLICATION = ":application-inference-profile/"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a usage type says.

    Attributes:
        prefix: AWS's short code of the region: `USE1`.
        model: As the usage type writes it, without the rest; empty where it names none.
        meter: One of ours, empty for what is none of them.
        world: Served across the world, at the price for that; `cross`: from another region at all.
        provisioned: Capacity by the hour, used or not.
    """

    prefix: str = ""
    model: str = ""
    meter: str = ""
    tier: str = ""
    context: str = ""
    world: bool = False
    cross: bool = False
    provisioned: bool = False


@lru_cache(maxsize=8192)
def read_usage_type(text: str) -> Spoken:
    """What a usage type says; what it does not say is empty.

    >>> read_usage_type("USE1-Claude4.6Sonnet-cache-write-1h-input-token-count-cross-region-global-batch").meter
    'cache_write_1h'
    """
    found = _REGION.match(text)
    prefix = (found and found[1]) or ""
    body = text[len(prefix) + 1 :] if prefix else text
    market = body.startswith("MP:")
    rest = body.removeprefix("MP:")
    place, meter = _meter(rest)
    words = set(re.split(r"[-_]", rest.lower()))
    provisioned = bool(_PROVISIONED.search(rest))
    return Spoken(
        prefix,
        "" if market else _model(rest, place, provisioned=provisioned),
        "" if provisioned else meter,
        next((tier for tier in _TIERS if tier in words), ""),
        "long" if _LONG.search(rest) else "",
        bool(_GLOBAL.search(rest)),
        bool(_CROSS.search(rest)),
        provisioned,
    )


def _meter(rest: str) -> tuple[int, str]:
    for pattern, meter in _METERS:
        found = pattern.search(rest)
        if found:
            return found.start(), meter
    return -1, ""


def _model(rest: str, place: int, *, provisioned: bool) -> str:
    """The words before the meter, or before the capacity."""
    if provisioned:
        return re.split(r"[-_]?ProvisionedThroughput", rest, flags=re.IGNORECASE)[0]
    name = rest[:place].rstrip("-_") if place > 0 else ""
    return re.sub(r"-mantle$", "", name)


def named(product_name: str) -> str:
    """The model that the Marketplace sells under this name; empty for a name that is no edition for Bedrock."""
    return _EDITION.sub("", product_name) if _EDITION.search(product_name) else ""


def of_resource(resource_id: str) -> str:
    """The model that a Bedrock ARN names; empty for an application's own profile, which names none."""
    found = _IN_ARN.search(resource_id) if _APPLICATION not in resource_id else None
    return found[1] if found else ""


def model_id(name: str, *, world: bool) -> str:
    """The name under which Bedrock itself knows a model, where a bill's own spelling of it is certain; else as it is.

    >>> model_id("Claude4.6Sonnet", world=True), model_id("Claude Opus 5.5", world=False), model_id("NovaPro", world=False)
    ('global.anthropic.claude-sonnet-4-6', 'anthropic.claude-opus-5-5', 'amazon.nova-pro')
    """
    claude, nova = _CLAUDE.match(name), _NOVA.match(name)
    if claude:
        major, minor, family = (claude[1], claude[2], claude[3]) if claude[1] else (claude[5], claude[6], claude[4])
        version = f"{major}-{minor}" if minor else major
        old = int(major) < 4
        known = f"claude-{version}-{family.lower()}" if old else f"claude-{family.lower()}-{version}"
        name = f"anthropic.{known}"
    elif nova:
        name = f"amazon.nova-{nova[1].lower()}"
    elif "." not in name or " " in name:
        return name
    return f"global.{name}" if world and not name.startswith("global.") else name


def is_bedrock(code: str, service: str, operation: str, product_name: str, usage_type: str) -> bool:
    """Whether a row is Bedrock's: by any of the identities under which AWS bills it.

    Those are `AmazonBedrock`, `AmazonBedrockService`, and the Marketplace's products, whose code is a
    random word and whose service code is empty: they are known by the operation or by the product's name.
    """
    return (
        code in CODES
        or service in CODES
        or operation.startswith("InvokeModel")
        or bool(_EDITION.search(product_name))
        or ("MP:" in usage_type and "token" in usage_type.lower())
    )
