"""List prices from the package `genai-prices` (MIT), read from its bundled data.

Read from the installed package and never over the network: its updater stays unused.
Importing it costs half a second and 40 MB, so it is imported here, when asked, and the
hot path reads the cards made of it.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from importlib import metadata
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import day_start, instant
from tallystick.pricing.listed import Dated, Listed, cards_of
from tallystick.pricing.model import Clause, PriceCard
from tallystick.usage.meters import TOKEN_METERS

PACKAGE = "genai-prices"

_MILLION = 1_000_000
METERED: dict[str, tuple[str, int]] = {
    "input_mtok": ("uncached_input", _MILLION),
    "input_image_mtok": ("uncached_input_image", _MILLION),
    "input_audio_mtok": ("uncached_input_audio", _MILLION),
    "input_video_mtok": ("uncached_input_video", _MILLION),
    "cache_read_mtok": ("cache_read", _MILLION),
    "cache_image_read_mtok": ("cache_read_image", _MILLION),
    "cache_audio_read_mtok": ("cache_read_audio", _MILLION),
    "cache_write_5m_mtok": ("cache_write_5m", _MILLION),
    "cache_write_1h_mtok": ("cache_write_1h", _MILLION),
    "output_mtok": ("plain_output", _MILLION),
    "output_image_mtok": ("plain_output_image", _MILLION),
    "output_audio_mtok": ("plain_output_audio", _MILLION),
    "output_reasoning_mtok": ("reasoning_output", _MILLION),
    "web_searches_kcount": ("searches", 1000),
    "requests_kcount": ("requests", 1000),
    "audio_hours": ("seconds", 3600),
    "input_audio_hours": ("seconds", 3600),
    "input_mchars": ("characters", _MILLION),
}
# Units of the list that no meter counts: known, and left out.
UNMETERED = frozenset(
    {
        "output_video_mtok",
        "output_citation_mtok",
        "storage_searches_kcount",
        "input_document_kpages",
        "input_annotated_document_kpages",
        "input_text_messages_kcount",
    }
)
_CLAUSES = ("equals", "starts_with", "ends_with", "contains", "regex")
# An empty price means "free" where the list or the provider's own page says so.
_FREE_WORDS = ("free of charge", "included in the subscription", "zero token cost")
_FREE = frozenset({("openai", "moderation"), ("google", "gemma-3"), ("google", "gemma-3n")})
# Models whose output is pictures: what the list calls their output is the picture, where it names no other price.
_MAKES_IMAGES = "gpt-image"
_TIERS = {"processing": {"batch": "batch"}, "speed": {"fast": "fast"}}


def version() -> str:
    """The installed catalogue, without importing it."""
    return f"{PACKAGE} {metadata.version(PACKAGE)}"


def list_prices() -> list[PriceCard]:
    """All cards of the installed catalogue; `known_since` is for the caller to set."""
    from genai_prices.data import providers

    source = version()
    return [
        card
        for provider in providers
        for order, model in enumerate(provider.models)
        for card in cards_of(_listed(provider.id, model, order, source))
    ]


def _listed(provider: str, model: Any, order: int, source: str) -> Listed:
    variants: dict[tuple[str, str], list[Dated]] = {}
    for variant in model.price_variants or ():
        key = _condition(variant.when)
        if key is not None:
            variants.setdefault(key, []).append(_dated(provider, model, variant))
    prices = model.prices if isinstance(model.prices, list) else [model]
    return Listed(
        provider=provider,
        model=model.id,
        prices=tuple(_dated(provider, model, entry) for entry in prices),
        variants={key: tuple(entries) for key, entries in variants.items()},
        match=_clause(model.match),
        order=order,
        source=source,
        notes=(model.price_comments,) if model.price_comments else (),
    )


def _condition(when: dict[str, str]) -> tuple[str, str] | None:
    """Service tier and region of a variant; None for the standard one and for conditions no event carries."""
    if len(when) != 1:
        return None
    name, value = next(iter(when.items()))
    if name == "service_tier":
        return None if value == "default" else (value, "")
    if name == "route":
        return "", value
    tier = _TIERS.get(name, {}).get(value)
    return (tier, "") if tier else None


def _dated(provider: str, model: Any, entry: Any) -> Dated:
    constraint = getattr(entry, "constraint", None)
    ladder = _ladder(provider, model, entry.prices)
    if constraint is None:
        return Dated(ladder)
    if hasattr(constraint, "start_date"):
        return Dated(ladder, start_us=_day(constraint.start_date))
    return Dated(ladder, hours=(_minute(constraint.start_time), _minute(constraint.end_time)))


def _day(day: date) -> int:
    return instant(day) if isinstance(day, datetime) else day_start(day)


def _minute(at: time) -> int:
    offset = at.utcoffset()
    shift = int(offset.total_seconds()) // 60 if offset else 0
    return (at.hour * 60 + at.minute - shift) % (24 * 60)


def _ladder(provider: str, model: Any, prices: Any) -> dict[int, dict[str, int]]:
    ladder: dict[int, dict[str, int]] = {0: {}}
    for name, value in prices.__dict__.items():
        if value is None or name in UNMETERED:
            continue
        for meter, per in _meters(provider, model.id, name):
            for above, amount in _amounts(value):
                ladder.setdefault(above, {})[meter] = grains_from_decimal(amount / per)
    if _MAKES_IMAGES in model.id:
        _price_pictures(ladder)
    if not prices.__dict__ and _is_free(provider, model):
        ladder[0] = dict.fromkeys((*TOKEN_METERS, "requests"), 0)
    return ladder


def _price_pictures(ladder: dict[int, dict[str, int]]) -> None:
    for step in ladder.values():
        if "plain_output" in step:
            step.setdefault("plain_output_image", step["plain_output"])


def _amounts(value: Any) -> Iterator[tuple[int, Decimal]]:
    if isinstance(value, Decimal):
        yield 0, value
        return
    yield 0, value.base
    for tier in value.tiers:
        yield tier.start, tier.price


def _meters(provider: str, model: str, name: str) -> tuple[tuple[str, int], ...]:
    """The meters one price of the list is for; none for a unit nobody knows (a test names those).

    Cache writes without a lifetime are those of the maker's default: OpenAI's keep 30
    minutes, all others 5. A write whose lifetime nobody reported is taken for the default.
    """
    if name != "cache_write_mtok":
        return (METERED[name],) if name in METERED else ()
    is_openai = provider in ("openai", "azure") or "openai/" in model or model.startswith("gpt-")
    default = "cache_write_30m" if is_openai else "cache_write_5m"
    return (default, _MILLION), ("cache_write_unknown", _MILLION)


def _is_free(provider: str, model: Any) -> bool:
    if model.id.endswith((":free", "-free")) or (provider, model.id) in _FREE:
        return True
    comment = (model.price_comments or "").lower()
    return any(words in comment for words in _FREE_WORDS)


def _clause(clause: Any) -> Clause:
    for kind in _CLAUSES:
        if hasattr(clause, kind):
            return Clause(kind, getattr(clause, kind))  # type: ignore[arg-type]
    if hasattr(clause, "or_"):
        return Clause("any", parts=tuple(_clause(part) for part in clause.or_))
    return Clause("all", parts=tuple(_clause(part) for part in clause.and_))
