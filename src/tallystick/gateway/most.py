"""The most a prepared call may use: what its request tells, route by route, put to the rule of bounds."""

from dataclasses import replace

from tallystick.budgets.bound import BoundPolicy, BoundRequest, bound
from tallystick.budgets.model import Bound
from tallystick.gateway.prepare import UNMETERED, Incoming
from tallystick.pricing.book import PriceBook

# What a provider adds of its own to a prompt: the template of a conversation.
_TEMPLATE_TOKENS = 64
# Routes whose requests have no member that caps the output, and more than any answer of theirs has: the largest
# picture is some six thousand tokens, the longest transcript that OpenAI's models give two thousand.
_LONGEST: dict[str, int] = {"generate_image": 16_384, "transcribe": 16_384, "text_to_speech": 1_024}
# Sound is some twenty tokens a second, and nobody speaks fewer than five letters in one.
_SPOKEN_TOKENS_A_BYTE = 8
_GENERATES = frozenset({"chat", "text_completion", "generate_content", *_LONGEST})
# A recording of speech has at least a thousand bytes a second.
_MICROS_A_BYTE = 1000
_UNMETERED = Bound(0, 0, 0, 0, capped=True, source="a path that is forwarded unmetered", price="covered")


def most_of(policy: BoundPolicy, book: PriceBook, incoming: Incoming, model: str) -> Bound:
    """The bound of a call when this model is asked."""
    if incoming.route is UNMETERED:
        return _UNMETERED
    provider = incoming.provider
    most = bound(book, _request(incoming, model), replace(policy, covered=True) if provider.covered else policy)
    if provider.gpu_grains_per_second:
        # Nobody knows how long it takes; longer than the timeout it cannot be silent.
        longest = int(provider.timeout_seconds) * provider.gpu_grains_per_second
        most = replace(most, base_grains=longest, grains_per_output=0, price="exact", source="GPU time to the timeout")
    return most


def _request(incoming: Incoming, model: str) -> BoundRequest:
    facts, provider, operation = incoming.facts, incoming.provider, incoming.route.operation_name
    cap = facts.max_tokens if incoming.max_tokens is None else incoming.max_tokens
    return BoundRequest(
        provider=provider.provider,
        model=model,
        at_us=incoming.arrived_us,
        input_bytes=facts.text_bytes,
        service_tier=facts.service_tier,
        region=incoming.owner.dimensions.get("region", provider.region),
        media_tokens=facts.media_ceiling,
        added_tokens=facts.added_tokens + _TEMPLATE_TOKENS,
        max_tokens=_longest(incoming, operation) if operation in _LONGEST else cap,
        choices=facts.choices,
        output=operation in _GENERATES,
        searches=facts.searches,
        counted=_counted(incoming, operation) if operation in _LONGEST else {},
        unbounded=facts.unbounded,
    )


def _longest(incoming: Incoming, operation: str) -> int:
    spoken = incoming.facts.text_bytes * _SPOKEN_TOKENS_A_BYTE if operation == "text_to_speech" else 0
    return _LONGEST[operation] + spoken


def _counted(incoming: Incoming, operation: str) -> dict[str, int]:
    if operation == "transcribe":
        return {"seconds": len(incoming.body) * _MICROS_A_BYTE}
    return {"images": incoming.facts.choices, "characters": incoming.facts.characters}
