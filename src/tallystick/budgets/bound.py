"""The most a call may use, known before it is made.

A token is at least one byte, so that the bytes of the prompt bound its tokens. The price
is the dearest that may hold: of all classes of input and output the model has prices for,
all sizes of input the bound reaches, and the tiers and regions the provider may choose.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from weakref import WeakKeyDictionary

from tallystick.budgets.model import Bound, UnknownPrice
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import MINUTE_US
from tallystick.kernel.record import record
from tallystick.pricing.book import PriceBook, Resolution, Segment, Step
from tallystick.usage.meters import BY_NAME, INPUT_METERS, OUTPUT_METERS

CURRENCY = "USD"
_MEDIA_INPUT = tuple(name for name in INPUT_METERS if name.endswith(("_image", "_audio", "_video")))
_WRITES = tuple(name for name in INPUT_METERS if name.startswith("cache_write"))
_TEXT_INPUT = tuple(name for name in INPUT_METERS if name not in _MEDIA_INPUT)
_UNWRITTEN = tuple(name for name in _TEXT_INPUT if name not in _WRITES)
_MEDIA_OUTPUT = tuple(name for name in OUTPUT_METERS if name.endswith(("_image", "_audio")))
_TEXT_OUTPUT = tuple(name for name in OUTPUT_METERS if name not in _MEDIA_OUTPUT)
_BY_COUNT = ("requests", "searches", "fetches", "seconds", "images", "characters")
# A card with a price for one of these need have none for tokens.
_WITHOUT_TOKENS = frozenset({"requests", "seconds", "images", "characters"})
# A request that names no tier, or this one, leaves the choice to the account's settings.
_OPEN_TIERS = frozenset({"", "auto"})
_PRIORITY = "priority"
_MOST_REMEMBERED = 4096
_NO_MOST = 2**63


@record(frozen=True, slots=True)
class BoundRequest:
    """What bounds a call, read from its request.

    Attributes:
        service_tier: As requested; empty or ``auto`` where the provider chooses.
        input_bytes: Of all text that can become tokens.
        media_tokens: Upper bound for images, audio and documents.
        added_tokens: What the provider adds of its own: templates, preambles of tools.
        max_tokens: Cap of one answer; None when the request has none.
        choices: Answers asked for.
        output: Whether it generates; embeddings do not.
        cache_writes: Whether the input may be billed as written to a cache.
        media_output: Whether images or sound may come back.
        searches: Ceiling of the provider's own web searches; None when it has none.
        counted: Ceilings of other counted meters (`fetches`, `images`, `seconds` in microseconds).
        unbounded: Why the input has no bound: a conversation or file the provider keeps; empty when it has.
    """

    provider: str
    model: str
    at_us: int
    input_bytes: int
    service_tier: str = ""
    region: str = ""
    media_tokens: int = 0
    added_tokens: int = 0
    max_tokens: int | None = None
    choices: int = 1
    output: bool = True
    cache_writes: bool = True
    media_output: bool = True
    searches: int | None = 0
    counted: Mapping[str, int] = field(default_factory=dict)
    unbounded: str = ""


@dataclass(frozen=True, slots=True)
class BoundPolicy:
    """What is assumed where nothing is known.

    Attributes:
        unknown_price: ``ceiling`` assumes the ceiling prices; ``block`` and ``allow`` assume none.
        ceiling_input, ceiling_output: Grains per token.
        assumed_output_tokens: Of one answer without a cap.
        assumed_input_tokens: Least bound of an input that has none.
        assumed_searches: Of a call whose searches have no ceiling.
        covered: A subscription pays for the call.
    """

    unknown_price: UnknownPrice = "ceiling"
    ceiling_input: int = 30_000_000
    ceiling_output: int = 180_000_000
    assumed_output_tokens: int = 131_072
    assumed_input_tokens: int = 200_000
    assumed_searches: int = 20
    covered: bool = False


@dataclass(frozen=True, slots=True)
class Dearest:
    """The dearest price of each kind; None where there is no price for any class of it.

    Attributes:
        text, media, output: Grains per token.
        calls: Grains for a call of a tool; each takes a token of output at least.
        counted: Counted meter to grains per unit.
        price_id: The card of the dearest output, else of the first tier asked for.
        said: The prices for people.
    """

    text: int | None
    media: int
    output: int | None
    calls: int
    counted: Mapping[str, int]
    price_id: str
    said: str


@dataclass(frozen=True, slots=True)
class _Priced:
    """The dearest prices of one model under one set of conditions.

    Attributes:
        from_us, until_us: First instant they hold at, first they may not.
        above, most: They hold for more tokens of input than this, and for no more than this.
        leads: Whether what was asked for is priced itself.
    """

    from_us: int
    until_us: int
    above: int
    most: int
    found: Dearest | None
    leads: bool


# What was found in each book; it goes when the book goes.
_priced: WeakKeyDictionary[PriceBook, dict[tuple[str, str, str, str, bool, bool], _Priced]] = WeakKeyDictionary()
_tiers: WeakKeyDictionary[PriceBook, dict[tuple[str, str, str, str], tuple[Resolution, ...]]] = WeakKeyDictionary()
_found: WeakKeyDictionary[PriceBook, dict[object, tuple[tuple[Segment, ...], Dearest]]] = WeakKeyDictionary()


def bound(book: PriceBook, request: BoundRequest, policy: BoundPolicy) -> Bound:
    """The upper bound of a call's tokens and cost.

    For every response whose input stays within `input_tokens` and whose output within what was
    granted, the cost by this book is at most ``base_grains + output x grains_per_output``.
    """
    tokens = request.input_bytes + request.media_tokens + request.added_tokens
    unbounded = request.unbounded or ("web searches without a ceiling" if request.searches is None else "")
    if unbounded:
        tokens = max(tokens, policy.assumed_input_tokens)
    each = policy.assumed_output_tokens if request.max_tokens is None else request.max_tokens
    found, complete = dearest(book, request, tokens)
    price: Literal["exact", "ceiling", "unknown", "covered"] = "exact"
    if found is None or not complete:
        price = "ceiling" if policy.unknown_price == "ceiling" else "unknown"
        found = _assumed(found, policy) if price == "ceiling" else None
    base, per_output = _grains(found, request, policy, tokens)
    return Bound(
        input_tokens=tokens,
        output_tokens=each * request.choices if request.output else 0,
        base_grains=base,
        grains_per_output=per_output,
        capped=not request.output or request.max_tokens is not None,
        choices=request.choices,
        source=f"input of at most {tokens} tokens, {found.said if found else 'at no known price'}",
        price="covered" if policy.covered else price,
        unbounded=unbounded,
        price_id=found.price_id if found else "",
    )


def dearest(book: PriceBook, request: BoundRequest, tokens: int) -> tuple[Dearest | None, bool]:
    """The dearest prices that may hold for so many tokens of input, and whether they price the whole call."""
    remembered = _priced.setdefault(book, {})
    key = (
        request.provider, request.model, request.service_tier, request.region,
        request.cache_writes, request.media_output,
    )  # fmt: skip
    held = remembered.get(key)
    if held is None or not (held.from_us <= request.at_us < held.until_us and held.above < tokens <= held.most):
        if len(remembered) >= _MOST_REMEMBERED:
            remembered.clear()
        held = remembered[key] = _price(book, request, tokens)
    found = held.found
    if found is None or not held.leads:
        return found, False
    if found.text is not None and (found.output is not None or not request.output):
        return found, True
    # A price for what the call has none of, such as characters of a recording, prices nothing of it.
    return found, any(
        name == "requests" or request.counted.get(name) for name in _WITHOUT_TOKENS & found.counted.keys()
    )


def _price(book: PriceBook, request: BoundRequest, tokens: int) -> _Priced:
    """What `dearest` remembers: within a minute, between the edges of all cards, and within one class of sizes."""
    candidates, at_us = _candidates(book, request), request.at_us
    minute = at_us - at_us % MINUTE_US
    edges = [edge for one in candidates for part in one.segments for edge in (part.start_us, part.end_us)]
    from_us = max([minute, *(edge for edge in edges if edge <= at_us)])
    until_us = min([minute + MINUTE_US, *(edge for edge in edges if edge > at_us)])
    at = [one.at(at_us) for one in candidates]
    segments = tuple([one for one in at if one is not None and one.card.currency == CURRENCY])
    sizes = [step.above for segment in segments for step in segment.steps]
    above = max((size for size in sizes if size < tokens), default=-1)
    most = min((size for size in sizes if size >= tokens), default=_NO_MOST)
    found = _of_segments(book, segments, request, tokens) if segments else None
    return _Priced(from_us, until_us, above, most, found, bool(segments) and at[0] is segments[0])


def _of_segments(book: PriceBook, segments: tuple[Segment, ...], request: BoundRequest, tokens: int) -> Dearest:
    remembered = _found.setdefault(book, {})
    starts = tuple([_reached(segment, tokens) for segment in segments])
    key = (tuple([id(segment) for segment in segments]), starts, request.cache_writes, request.media_output)
    held_for = remembered.get(key)
    if held_for is None:
        if len(remembered) >= _MOST_REMEMBERED:
            remembered.clear()
        # The segments are kept with the answer: as long as they are, nothing else has their identity.
        held_for = remembered[key] = segments, _dearest(segments, starts, request)
    return held_for[1]


def _candidates(book: PriceBook, request: BoundRequest) -> tuple[Resolution, ...]:
    remembered = _tiers.setdefault(book, {})
    key = (request.provider, request.model, request.service_tier, request.region)
    found = remembered.get(key)
    if found is None:
        asked = book.resolve(*key)
        found = (asked,) if not asked.known else (asked, *_others(book, asked, request))
        if len(remembered) >= _MOST_REMEMBERED:
            remembered.clear()
        remembered[key] = found
    return found


def _others(book: PriceBook, asked: Resolution, request: BoundRequest) -> list[Resolution]:
    """What else may come to hold: the standard tier, priority where the choice is open, and every region."""
    tiers = {"", request.service_tier}
    if request.service_tier.strip().lower() in _OPEN_TIERS:
        tiers.add(_PRIORITY)
    of_model = [card for card in book.cards if (card.provider, card.model) == (asked.provider, asked.model)]
    regions = {"", request.region} | {card.region for card in of_model}
    return [
        book.resolve(request.provider, request.model, tier, region)
        for tier in sorted(tiers)
        for region in sorted(regions)
        if (tier, region) != (request.service_tier, request.region)
    ]


def _reached(segment: Segment, tokens: int) -> int:
    """Index of the dearest size class that so much input reaches; those after it are reached by less."""
    for at, step in enumerate(segment.steps):
        if tokens > step.above:
            return at
    return len(segment.steps) - 1


def _dearest(segments: tuple[Segment, ...], starts: tuple[int, ...], request: BoundRequest) -> Dearest:
    steps = [
        (step, segment.card.price_id)
        for segment, start in zip(segments, starts, strict=True)
        for step in segment.steps[start:]
    ]
    text = _most(steps, _TEXT_INPUT if request.cache_writes else _UNWRITTEN)
    media = _most(steps, INPUT_METERS)
    output = _most(steps, OUTPUT_METERS if request.media_output else _TEXT_OUTPUT)
    prices = [price for price in (text, output) if price is not None]
    leading = output if output is not None else text
    price_id = next((card for step, card in steps if leading in step.prices.values()), steps[0][1])
    said = " and ".join(text_from_grains(price * 10**6) for price in prices)
    return Dearest(
        text,
        media or 0,
        output,
        _most(steps, ("tool_calls",)) or 0,
        {name: price for name in _BY_COUNT if (price := _most(steps, (name,))) is not None},
        price_id,
        f"tokens at up to ${said} a million" if prices else "priced by what it counts",
    )


def _most(steps: Iterable[tuple[Step, str]], names: tuple[str, ...]) -> int | None:
    found = [price for step, _ in steps for name in names if (price := step.prices.get(name)) is not None]
    return max(found, default=None)


def _assumed(found: Dearest | None, policy: BoundPolicy) -> Dearest:
    """The ceiling prices, and what is known where that is dearer."""
    text, output, said = policy.ceiling_input, policy.ceiling_output, "tokens at assumed ceiling prices"
    if found is None:
        return Dearest(text, text, output, 0, {}, "", said)
    text, output = max(text, found.text or 0), max(output, found.output or 0)
    return replace(found, text=text, media=max(text, found.media), output=output, said=said)


def _grains(
    found: Dearest | None, request: BoundRequest, policy: BoundPolicy, tokens: int
) -> tuple[int, int]:  # fmt: skip
    """Base and grains per token of output."""
    if found is None:
        return 0, 0
    text = found.text or 0
    base = tokens * text + request.media_tokens * max(0, found.media - text)
    if found.counted:
        base += _counted(found, request, policy)
    return base, (found.output or 0) + found.calls if request.output else 0


def _counted(found: Dearest, request: BoundRequest, policy: BoundPolicy) -> int:
    searches = policy.assumed_searches if request.searches is None else request.searches
    counts = {"requests": 1, "searches": searches, **request.counted}
    grains = 0
    for name, price in found.counted.items():
        grains -= -counts.get(name, 0) * price // BY_NAME[name].scale
    return grains
