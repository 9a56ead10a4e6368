"""Budgets as plain dicts, for the API, files and the row database.

Limits are decimal text, exact: dollars for `usd`, whole numbers else. Instants are RFC 3339.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tallystick.budgets.cover import DIMENSIONS
from tallystick.budgets.model import ACTIONS, NANO, UNITS, WINDOWS, Budget, Override, Threshold
from tallystick.budgets.window import ENDLESS
from tallystick.kernel.errors import UsageError
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import instant, rfc3339
from tallystick.usage.dimensions import TECHNICAL, canonical_dimension

Json = dict[str, Any]

LONGEST_NAME = 256
MOST_VALUES = 1000
MOST_WINDOWS = 1000
# A billion dollars; far below what a counter of 64 bits holds.
MOST_LIMIT = 10**18
_LONGEST_TRIP = 31 * 24 * 3600
_LONGEST_NUMBER = 64
_UNKNOWN_PRICE = ("block", "ceiling", "allow")
_FAIL = ("open", "closed")
_OF = ("limit", "pace", "forecast")
_FIELDS = (
    "id", "name", "limit", "unit", "window", "window_count", "rolling", "zone", "fiscal_start", "where", "group_by",
    "action", "degrade_to", "thresholds", "carry_over", "overrides", "fail", "unknown_price", "strict",
    "trip_seconds", "owner", "preset", "created_at", "deleted_at", "version",
)  # fmt: skip
# Dimensions that are known only when the answer is there.
_LATER = frozenset(TECHNICAL) - frozenset(DIMENSIONS)


def to_wire(budget: Budget) -> Json:
    """All fields, in plain values; `from_wire` gives the same budget back."""
    return {
        "id": budget.budget_id,
        "name": budget.name,
        "limit": limit_text(budget.unit, budget.limit),
        "unit": budget.unit,
        "window": budget.window,
        "window_count": budget.window_count,
        "rolling": budget.rolling,
        "zone": budget.zone,
        "fiscal_start": budget.fiscal_start,
        "where": {name: list(values) for name, values in budget.where.items()},
        "group_by": list(budget.group_by),
        "action": budget.action,
        "degrade_to": budget.degrade_to,
        "thresholds": [threshold_text(one) for one in budget.thresholds],
        "carry_over": budget.carry_over,
        "overrides": [
            {
                "limit": limit_text(budget.unit, one.limit),
                "from": rfc3339(one.from_us),
                "until": rfc3339(one.until_us),
                "by": one.by,
                "reason": one.reason,
            }
            for one in budget.overrides
        ],
        "fail": budget.fail,
        "unknown_price": budget.unknown_price,
        "strict": budget.strict,
        "trip_seconds": budget.trip_seconds,
        "owner": budget.owner,
        "preset": budget.preset,
        "created_at": rfc3339(budget.created_at),
        "deleted_at": None if budget.deleted_at is None else rfc3339(budget.deleted_at),
        "version": budget.version,
    }


def from_wire(wire: Mapping[str, Any]) -> Budget:
    """The budget a caller describes; every field but `name` and `limit` may be left out.

    Raises:
        UsageError: A field that nobody knows, has the wrong kind, or contradicts another.
    """
    _known(wire, _FIELDS, "field")
    unit = _one_of(wire, "unit", UNITS, "usd")
    budget = Budget(
        budget_id=_text(wire, "id"),
        name=_text(wire, "name", needed=True),
        limit=parse_limit(unit, wire.get("limit")),
        unit=unit,
        window=_one_of(wire, "window", WINDOWS, "month"),
        window_count=_whole(wire, "window_count", 1, (1, MOST_WINDOWS)),
        rolling=_flag(wire, "rolling"),
        zone=_zone(wire),
        fiscal_start=_whole(wire, "fiscal_start", 1, (1, 12)),
        where=_where(wire.get("where")),
        group_by=_group_by(wire.get("group_by")),
        action=_one_of(wire, "action", ACTIONS, "block"),
        degrade_to=_text(wire, "degrade_to"),
        thresholds=tuple(parse_threshold(one) for one in _list(wire.get("thresholds"), "thresholds")),
        carry_over=_flag(wire, "carry_over"),
        overrides=tuple(_override(unit, one) for one in _list(wire.get("overrides"), "overrides")),
        fail=_one_of(wire, "fail", _FAIL, "closed"),
        unknown_price=_one_of(wire, "unknown_price", _UNKNOWN_PRICE, None),
        strict=_flag(wire, "strict"),
        trip_seconds=_whole(wire, "trip_seconds", 0, (0, _LONGEST_TRIP)),
        owner=_text(wire, "owner"),
        preset=_text(wire, "preset"),
        created_at=_instant(wire, "created_at") or 0,
        deleted_at=_instant(wire, "deleted_at"),
        version=_whole(wire, "version", 0, (0, 2**62)),
    )
    check(budget)
    return budget


def check(budget: Budget) -> None:
    """See that the parts of a budget go together.

    Raises:
        UsageError: Two of them contradict each other.
    """
    endless = budget.window in ENDLESS
    if budget.rolling and endless:
        raise _wrong(f'a window of "{budget.window}" cannot be rolling', "rolling", "leave out rolling")
    if budget.window_count > 1 and not budget.rolling:
        raise _wrong("only rolling windows have a count", "window_count", 'set "rolling": true')
    if budget.carry_over and (budget.rolling or endless):
        raise _wrong("only calendar windows carry over", "carry_over", "leave out carry_over")
    if (budget.action == "degrade") != bool(budget.degrade_to):
        raise _wrong(
            'the action "degrade" and the model to degrade to need each other', "degrade_to",
            'set "action": "degrade" and "degrade_to": a model of the same provider',
        )  # fmt: skip
    if budget.trip_seconds and budget.action != "block":
        raise _wrong("a breaker blocks; it has no other action", "trip_seconds", 'set "action": "block"')
    if (budget.rolling or endless) and any(one.of != "limit" for one in budget.thresholds):
        raise _wrong("only calendar windows have a pace and a forecast", "thresholds", 'use such as "80%"')


def limit_text(unit: str, limit: int) -> str:
    """A limit as decimal text: dollars, tokens, requests.

    >>> limit_text("usd", 100_000_000), limit_text("tokens", 5000)
    ('0.1', '5000')
    """
    return text_from_grains(limit * 1000) if unit == "usd" else str(limit)


def parse_limit(unit: str, value: object, field: str = "limit") -> int:
    """The inverse of `limit_text`; whole numbers need no quotes.

    Raises:
        UsageError: Not a number, not above 0, too large, or finer than the unit counts.
    """
    text = str(value) if type(value) in (str, int) else ""
    try:
        number = Decimal(text.strip()[:_LONGEST_NUMBER])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or len(text) > _LONGEST_NUMBER:
        raise _wrong(f"{value!r} is not an amount", field, 'write it as text: "100" or "0.10"')
    scale = NANO if unit == "usd" else 1
    if number <= 0:
        raise _wrong(f"{text} is not above 0", field, "to stop all calls, revoke the keys")
    if number > MOST_LIMIT // scale:
        raise _wrong(f"{text} is more than {MOST_LIMIT // scale}", field)
    with localcontext(prec=2 * _LONGEST_NUMBER):
        scaled = number * scale
        if scaled < 1 or scaled != scaled.to_integral_value():
            finest = "9 decimals" if unit == "usd" else "whole numbers"
            raise _wrong(f"{text} is finer than {finest}", field)
    return int(scaled)


def threshold_text(threshold: Threshold) -> str:
    """``80%``, ``pace:120`` or ``forecast:100``."""
    return f"{threshold.percent}%" if threshold.of == "limit" else f"{threshold.of}:{threshold.percent}"


def parse_threshold(value: object) -> Threshold:
    """The inverse of `threshold_text`; the sign of per cent may be left out.

    Raises:
        UsageError: Anything else, or not from 1 to 1000 per cent.
    """
    text = str(value).strip().lower()
    of, mark, number = text.rpartition(":")
    number = number.strip().removesuffix("%").strip()
    if (mark and of.strip() not in _OF) or not (number.isascii() and number.isdigit() and len(number) <= 4):
        raise _wrong(f"{text!r} is not a threshold", "thresholds", 'use "80%", "pace:120" or "forecast:100"')
    if not 1 <= int(number) <= 1000:
        raise _wrong(f"{number} is not from 1 to 1000 per cent", "thresholds")
    return Threshold(of.strip() or "limit", int(number))  # type: ignore[arg-type]


def _wrong(what: str, field: str, *steps: str) -> UsageError:
    return UsageError(what, where=field, next_steps=steps)


def _near(name: str, known: Iterable[str]) -> tuple[str, ...]:
    near = difflib.get_close_matches(name, known, n=1)
    return (f'did you mean "{near[0]}"?',) if near else ()


def _known(wire: Mapping[str, Any], fields: tuple[str, ...], what: str) -> None:
    for name in wire:
        if name not in fields:
            raise _wrong(f'no {what} is called "{name}"', str(name), *_near(str(name), fields))


def _one_of(wire: Mapping[str, Any], field: str, known: tuple[str, ...], default: str | None) -> Any:
    value = wire.get(field)
    if value is None or value == "":
        return default
    if value not in known:
        raise _wrong(f"{value!r} is none of {', '.join(known)}", field, *_near(str(value), known))
    return str(value)


def _text(wire: Mapping[str, Any], field: str, *, needed: bool = False) -> str:
    value = wire.get(field)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable():
        raise _wrong(f"it is text of at most {LONGEST_NAME} printable characters", field)
    if needed and not value.strip():
        raise _wrong("it is missing", field)
    return value.strip()


def _flag(wire: Mapping[str, Any], field: str) -> bool:
    value = wire.get(field)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(f"{value!r} is neither true nor false", field)


def _whole(wire: Mapping[str, Any], field: str, default: int, least_most: tuple[int, int]) -> int:
    value = wire.get(field)
    if value is None:
        return default
    least, most = least_most
    if type(value) is not int or not least <= value <= most:
        raise _wrong(f"{value!r} is not a whole number from {least} to {most}", field)
    return value


def _list(value: object, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MOST_VALUES:
        raise _wrong(f"it is a list of at most {MOST_VALUES}", field)
    return list(value)


def _zone(wire: Mapping[str, Any]) -> str:
    zone = _text(wire, "zone") or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # no such file, a path out of the database, a folder of it
        near = _near(zone, available_timezones())
        raise _wrong(f'no time zone is called "{zone}"', "zone", *near, "use a name such as Europe/Berlin") from None
    return zone


def _dimension(name: object, field: str) -> str:
    plain = canonical_dimension(str(name))
    if plain in _LATER:
        raise _wrong(f'"{plain}" is not known before the call', field)
    if plain not in DIMENSIONS:
        raise _wrong(f'no dimension is called "{name}"', field, *_near(plain, DIMENSIONS))
    return plain


def _group_by(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_dimension(name, "group_by") for name in _list(value, "group_by")))


def _where(value: object) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong("it is an object of dimensions with their values", "where", '{"team": ["search"]}')
    found: dict[str, tuple[str, ...]] = {}
    for name, values in value.items():
        dimension = _dimension(name, "where")
        words = [values] if isinstance(values, str) else _list(values, f"where.{dimension}")
        if dimension in found or not words:
            raise _wrong("it needs values, once", f"where.{dimension}", 'any value is "*"')
        found[dimension] = tuple(dict.fromkeys(_value(word, f"where.{dimension}") for word in words))
    return found


def _value(value: object, field: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    bare = text.removeprefix("!").strip()
    if not bare or len(bare) > LONGEST_NAME or ("*" in bare and bare != "*"):
        raise _wrong(f"{value!r} is no value", field, 'a whole value, "*" for any, or "!value" for any but that')
    return "!" + bare if text.startswith("!") else bare


def _override(unit: str, value: object) -> Override:
    if not isinstance(value, Mapping):
        raise _wrong("it is an object with limit, from and until", "overrides")
    _known(value, ("limit", "from", "until", "by", "reason"), "field of an override")
    start, end = _instant(value, "from"), _instant(value, "until")
    if start is None or end is None or start >= end:
        raise _wrong("it needs from before until", "overrides")
    limit = parse_limit(unit, value.get("limit"), "overrides.limit")
    return Override(limit, start, end, _text(value, "by"), _text(value, "reason"))


def _instant(wire: Mapping[str, Any], field: str) -> int | None:
    value = wire.get(field)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
        if found.tzinfo is not None:
            return instant(found)
    except (ValueError, OverflowError):
        pass
    raise _wrong(f"{value!r} is not an instant", field, "use such as 2026-12-01T00:00:00Z")
