"""Units: what a quantity counts, and how many of one unit make another.

Bills spell one thing in many ways ("1000000 Tokens", "1K tokens", "1M", "Hours"). A unit
here is a kind of thing and a size; quantities convert within a kind exactly, and between
kinds only by a conversion that somebody names, with its date and source. A spelling that
nobody knows is None, and so is a conversion that nobody can vouch for: never an exception,
never a factor of one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal

# Wide enough that hours of microseconds keep every digit of a money column.
_EXACT = Context(prec=38)


@dataclass(frozen=True, slots=True)
class Unit:
    """A size of one kind of thing.

    Attributes:
        kind: What is counted: a name of `KINDS`; `count` where the spelling has a size and no thing ("1M").
        size: How many of the kind's smallest unit one of these is: 1,000,000 for "1M Tokens", 3,600 for "Hours".
    """

    kind: str
    size: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What somebody says one kind is worth in another: so many of the one are one of the other.

    Attributes:
        factor: `target` (in its smallest unit) for one `source` (in its smallest unit).
        from_us, to_us: When it holds: microseconds, start in, end out; to_us None until further notice.
        said_by: Who says so: a page, a contract, a measurement; never empty in practice.
    """

    source: str
    target: str
    factor: Decimal
    from_us: int = 0
    to_us: int | None = None
    said_by: str = ""


# Kind → the name of its smallest unit in FOCUS's spelling.
KINDS: dict[str, str] = {
    "count": "Units",
    "tokens": "Tokens",
    "characters": "Characters",
    "words": "Words",
    "time": "Seconds",
    "gpu_time": "GPU Seconds",
    "ptu_time": "Provisioned Throughput Unit Hours",
    "model_unit_time": "Model Unit Hours",
    "compute_unit_time": "Compute Unit Hours",
    "compute_units": "Compute Units",
    "resource_units": "Resource Units",
    "requests": "Requests",
    "searches": "Searches",
    "fetches": "Fetches",
    "tool_calls": "Tool Calls",
    "images": "Images",
    "pages": "Pages",
    "messages": "Messages",
    "sessions": "Sessions",
    "credits": "Credits",
    "ai_credits": "AI Credits",
    "premium_requests": "Premium Requests",
    "seats": "Seats",
    "seat_time": "Seat Months",
    "bytes": "Bytes",
    "byte_time": "GB Hours",
}

_HOUR = Decimal(3600)
# Spelling (lower case, singular, words apart by one space) → kind and size.
_WORDS: dict[str, tuple[str, Decimal]] = {
    "unit": ("count", Decimal(1)),
    "count": ("count", Decimal(1)),
    "each": ("count", Decimal(1)),
    "quantity": ("count", Decimal(1)),
    "token": ("tokens", Decimal(1)),
    "tok": ("tokens", Decimal(1)),
    "input token": ("tokens", Decimal(1)),
    "output token": ("tokens", Decimal(1)),
    "ktok": ("tokens", Decimal(1_000)),
    "mtok": ("tokens", Decimal(1_000_000)),
    "character": ("characters", Decimal(1)),
    "char": ("characters", Decimal(1)),
    "word": ("words", Decimal(1)),
    "microsecond": ("time", Decimal("0.000001")),
    "millisecond": ("time", Decimal("0.001")),
    "ms": ("time", Decimal("0.001")),
    "second": ("time", Decimal(1)),
    "sec": ("time", Decimal(1)),
    "s": ("time", Decimal(1)),
    "audio second": ("time", Decimal(1)),
    "video second": ("time", Decimal(1)),
    "minute": ("time", Decimal(60)),
    "min": ("time", Decimal(60)),
    "audio minute": ("time", Decimal(60)),
    "hour": ("time", _HOUR),
    "hr": ("time", _HOUR),
    "h": ("time", _HOUR),
    "audio hour": ("time", _HOUR),
    "day": ("time", 24 * _HOUR),
    "gpu second": ("gpu_time", Decimal(1)),
    "gpu minute": ("gpu_time", Decimal(60)),
    "gpu hour": ("gpu_time", _HOUR),
    "gpu hr": ("gpu_time", _HOUR),
    "accelerator hour": ("gpu_time", _HOUR),
    "ptu hour": ("ptu_time", Decimal(1)),
    "ptu hr": ("ptu_time", Decimal(1)),
    "provisioned throughput unit hour": ("ptu_time", Decimal(1)),
    "model unit hour": ("model_unit_time", Decimal(1)),
    "modelunithour": ("model_unit_time", Decimal(1)),
    "compute unit hour": ("compute_unit_time", Decimal(1)),
    "cu hour": ("compute_unit_time", Decimal(1)),
    "compute unit": ("compute_units", Decimal(1)),
    "agent compute unit": ("compute_units", Decimal(1)),
    "acu": ("compute_units", Decimal(1)),
    "resource unit": ("resource_units", Decimal(1)),
    "request": ("requests", Decimal(1)),
    "call": ("requests", Decimal(1)),
    "api call": ("requests", Decimal(1)),
    "api request": ("requests", Decimal(1)),
    "invocation": ("requests", Decimal(1)),
    "transaction": ("requests", Decimal(1)),
    "search": ("searches", Decimal(1)),
    "web search": ("searches", Decimal(1)),
    "query": ("searches", Decimal(1)),
    "search query": ("searches", Decimal(1)),
    "fetch": ("fetches", Decimal(1)),
    "web fetch": ("fetches", Decimal(1)),
    "tool call": ("tool_calls", Decimal(1)),
    "image": ("images", Decimal(1)),
    "page": ("pages", Decimal(1)),
    "message": ("messages", Decimal(1)),
    "session": ("sessions", Decimal(1)),
    "credit": ("credits", Decimal(1)),
    "ai credit": ("ai_credits", Decimal(1)),
    "premium request": ("premium_requests", Decimal(1)),
    "seat": ("seats", Decimal(1)),
    "user": ("seats", Decimal(1)),
    "license": ("seats", Decimal(1)),
    "licence": ("seats", Decimal(1)),
    "seat month": ("seat_time", Decimal(1)),
    "user month": ("seat_time", Decimal(1)),
    "license month": ("seat_time", Decimal(1)),
    "seat year": ("seat_time", Decimal(12)),
    "user year": ("seat_time", Decimal(12)),
    "byte": ("bytes", Decimal(1)),
    "kb": ("bytes", Decimal(10) ** 3),
    "mb": ("bytes", Decimal(10) ** 6),
    "gb": ("bytes", Decimal(10) ** 9),
    "tb": ("bytes", Decimal(10) ** 12),
    "kib": ("bytes", Decimal(2) ** 10),
    "mib": ("bytes", Decimal(2) ** 20),
    "gib": ("bytes", Decimal(2) ** 30),
    "tib": ("bytes", Decimal(2) ** 40),
    "gb hour": ("byte_time", Decimal(1)),
}
_SIZES = {
    "k": Decimal(1_000),
    "thousand": Decimal(1_000),
    "m": Decimal(1_000_000),
    "mm": Decimal(1_000_000),
    "mio": Decimal(1_000_000),
    "million": Decimal(1_000_000),
    "b": Decimal(10) ** 9,
    "bn": Decimal(10) ** 9,
    "billion": Decimal(10) ** 9,
}
_SPELLED = re.compile(
    r"(?:per )?(?P<number>\d{1,15}(?:\.\d{1,12})?)? ?(?P<size>k|mm|mio|m|bn|b|thousand|million|billion)?(?: |$)(?P<thing>.*)"
)
_LONGEST = 100


def parse_unit(text: str) -> Unit | None:
    """The unit a bill's spelling means, or None for one that nobody knows.

    Upper and lower case, plural, hyphens, underscores and thousands separators do not
    matter; a size without a thing ("1M") is a `count`: `meant` says of what.
    """
    if len(text) > _LONGEST:
        return None
    words = re.sub(r"(?<=\d),(?=\d{3})", "", text.strip().lower())
    if words.startswith(("-", "+")):
        return None
    words = re.sub(r"[\s_/-]+", " ", words).strip()
    found = _thing(words)
    if found is not None:
        return found
    match = _SPELLED.fullmatch(words)
    if match is None or not (match["number"] or match["size"]):
        return None
    thing = _thing(match["thing"]) if match["thing"] else Unit("count")
    size = Decimal(match["number"] or 1) * _SIZES.get(match["size"] or "", Decimal(1))
    return None if thing is None or not size else replace(thing, size=thing.size * size)


def _thing(words: str) -> Unit | None:
    for name in (words, *_singulars(words)):
        if name in _WORDS:
            return Unit(*_WORDS[name])
    return None


def _singulars(words: str) -> list[str]:
    """The words with the plural taken off the last, and off every one ("GBs hours")."""
    last = [words[: -len(end)] + put for end, put in (("ies", "y"), ("es", ""), ("s", "")) if words.endswith(end)]
    return [*last, " ".join(re.sub(r"s$", "", word) for word in words.split())]


def spell(unit: Unit) -> str:
    """The unit in FOCUS's spelling: "Tokens", "1000000 Tokens", "Hours"."""
    for name, (kind, size) in (("Hours", ("time", _HOUR)), ("GPU Hours", ("gpu_time", _HOUR))):
        if unit == Unit(kind, size):
            return name
    if unit.kind == "bytes" and unit.size == Decimal(10) ** 9:
        return "GB"
    name = KINDS.get(unit.kind, unit.kind)
    return name if unit.size == 1 else f"{unit.size.normalize():f} {name}"


def meant(unit: Unit, kind: str) -> Unit:
    """A bare count ("1M") as so many of a kind that its meter is known to count; other units as they are."""
    return replace(unit, kind=kind) if unit.kind == "count" else unit


def convert(
    quantity: Decimal,
    source: Unit,
    target: Unit,
    *,
    conversions: Sequence[Conversion] = (),
    at_us: int | None = None,
) -> Decimal | None:
    """How many of `target` a quantity of `source` is; None where nobody can say.

    Between kinds the conversion that holds at `at_us` (the one that started last) is used,
    in either direction. Exact to 38 digits.
    """
    if not quantity.is_finite():
        return None
    one = Decimal(1)
    factors = (one, one) if source.kind == target.kind else _factors(source.kind, target.kind, conversions, at_us)
    if factors is None:
        return None
    amount = _EXACT.multiply(_EXACT.multiply(quantity, source.size), factors[0])
    return _EXACT.divide(amount, _EXACT.multiply(target.size, factors[1]))


def _factors(
    source: str, target: str, conversions: Sequence[Conversion], at_us: int | None
) -> tuple[Decimal, Decimal] | None:
    """What to multiply by and what to divide by: a conversion read backwards is divided by, and loses nothing."""
    held = [one for one in conversions if one.factor > 0 and _holds(one, at_us)]
    for one in sorted(held, key=lambda one: one.from_us, reverse=True):
        if (one.source, one.target) == (source, target):
            return one.factor, Decimal(1)
        if (one.target, one.source) == (source, target):
            return Decimal(1), one.factor
    return None


def _holds(conversion: Conversion, at_us: int | None) -> bool:
    """Without an instant only a conversion that always holds can be used."""
    if at_us is None:
        return conversion.from_us == 0 and conversion.to_us is None
    return conversion.from_us <= at_us and (conversion.to_us is None or at_us < conversion.to_us)
