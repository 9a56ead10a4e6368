"""Rules as plain dicts: what the API, files and the row database hold.

A rule is ``{"name", "priority", "shadow", "when", "then"}``. `when` holds dimensions with the
values they may have and, beside them, `input_bytes`, `max_tokens`, `messages` (``{"least", "most"}``),
`tools`, `hours` (``{"from": "22:00", "to": "06:00", "zone"}``) and `budget` (``{"name", "percent"}``).
`then` holds `model` (one or a list), `provider`, `max_output`, `cache_seconds`, `cache_scope`, `deny`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import rfc3339
from tallystick.routing.model import ANY, MINUTES_OF_DAY, SCOPE_BY_DEFAULT, Conditions, Effects, Hours, Rule, Span
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension

# What a rule may name of a call beside who it belongs to.
TECHNICAL = ("provider", "provider_account", "model", "request_model", "operation_name", "service_tier", "key")
DIMENSIONS = (*TECHNICAL, *ATTRIBUTION)
_FIELDS = ("name", "priority", "shadow", "when", "then")
_WRITTEN = ("id", "created_at", "version")
_CONDITIONS = ("input_bytes", "max_tokens", "messages", "tools", "hours", "budget")
_EFFECTS = ("model", "provider", "max_output", "cache_seconds", "cache_scope", "deny")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_LONGEST_TEXT = 512
_MOST_VALUES = 1000
_MOST_MODELS = 16
_LARGEST = 2**53
_LONGEST_CACHE = 30 * 86_400


def to_wire(rule: Rule) -> dict[str, object]:
    """A rule as `from_wire` reads it, with what only we write beside it."""
    return {
        "id": rule.rule_id,
        "name": rule.name,
        "priority": rule.priority,
        "shadow": rule.shadow,
        "when": _conditions_wire(rule.conditions),
        "then": _effects_wire(rule.effects),
        "created_at": rfc3339(rule.created_at),
        "version": rule.version,
    }


def from_wire(wire: Mapping[str, Any], *, name: str = "") -> Rule:
    """The rule a caller describes; it starts in shadow unless it says otherwise.

    Args:
        name: Where the caller names it elsewhere.

    Raises:
        UsageError: A field that nobody knows, of the wrong kind, or without any effect.
    """
    _known(wire, (*_FIELDS, *_WRITTEN), "a rule")
    said = name or _text(wire.get("name"), "name")
    if not _NAME.fullmatch(said):
        raise UsageError(
            f"{said!r} cannot name a rule",
            next_steps=["write letters, digits, spaces, dots, hyphens and underscores, 64 at most"],
        )
    effects = _effects(_table(wire.get("then"), "then"))
    if not effects.kinds:
        raise UsageError(f'rule "{said}" has no effect', next_steps=[f"say one of then.{', then.'.join(_EFFECTS)}"])
    return Rule(
        rule_id="",
        name=said,
        conditions=_conditions(_table(wire.get("when", {}), "when")),
        effects=effects,
        priority=_whole(wire.get("priority", 100), "priority", least=0),
        shadow=_flag(wire.get("shadow", True), "shadow"),
    )


def _conditions_wire(conditions: Conditions) -> dict[str, object]:
    wire: dict[str, object] = {name: list(values) for name, values in conditions.where.items()}
    for name in ("input_bytes", "max_tokens", "messages"):
        span: Span = getattr(conditions, name)
        ends = {end: value for end, value in (("least", span.least), ("most", span.most)) if value is not None}
        if ends:
            wire[name] = ends
    if conditions.tools is not None:
        wire["tools"] = conditions.tools
    if (hours := conditions.hours) is not None:
        wire["hours"] = {"from": _clock_text(hours.from_minute), "to": _clock_text(hours.to_minute), "zone": hours.zone}
    if conditions.budget:
        wire["budget"] = {"name": conditions.budget, "percent": conditions.budget_percent}
    return wire


def _effects_wire(effects: Effects) -> dict[str, object]:
    wire: dict[str, object] = {}
    if effects.models:
        wire["model"] = list(effects.models)
    if effects.provider:
        wire["provider"] = effects.provider
    if effects.max_output is not None:
        wire["max_output"] = effects.max_output
    if effects.cache_seconds:
        wire["cache_seconds"] = effects.cache_seconds
        wire["cache_scope"] = list(effects.cache_scope)
    if effects.deny:
        wire["deny"] = effects.deny
    return wire


def _conditions(wire: Mapping[str, Any]) -> Conditions:
    where: dict[str, tuple[str, ...]] = {}
    for word, value in wire.items():
        if word in _CONDITIONS:
            continue
        dimension = canonical_dimension(word)
        if dimension not in DIMENSIONS:
            raise UsageError(
                f'"{word}" is no dimension and no condition', next_steps=_near(word, (*_CONDITIONS, *DIMENSIONS))
            )
        where[dimension] = _texts(value, f"when.{word}", _MOST_VALUES)
    budget = _table(wire.get("budget", {}), "when.budget")
    _known(budget, ("name", "percent"), "when.budget")
    return Conditions(
        where=where,
        input_bytes=_span(wire.get("input_bytes"), "input_bytes"),
        max_tokens=_span(wire.get("max_tokens"), "max_tokens"),
        messages=_span(wire.get("messages"), "messages"),
        tools=_flag(wire["tools"], "when.tools") if "tools" in wire else None,
        hours=_hours(wire["hours"]) if "hours" in wire else None,
        budget=_text(budget.get("name"), "when.budget.name") if budget else "",
        budget_percent=_whole(budget.get("percent"), "when.budget.percent", least=0) if budget else 0,
    )


def _effects(wire: Mapping[str, Any]) -> Effects:
    _known(wire, _EFFECTS, "then")
    models = _texts(wire["model"], "then.model", _MOST_MODELS) if "model" in wire else ()
    if models and "provider" in wire:
        raise UsageError(
            "then.model and then.provider contradict each other", next_steps=[f'model = ["PROVIDER/{models[0]}"]']
        )
    scope = _texts(wire.get("cache_scope", SCOPE_BY_DEFAULT), "then.cache_scope", _MOST_MODELS)
    strange = [one for one in scope if one != "key" and canonical_dimension(one) not in ATTRIBUTION]
    if strange:
        raise UsageError(f'"{strange[0]}" can separate no callers', next_steps=["key, team, customer …"])
    return Effects(
        models=models,
        provider=_text(wire["provider"], "then.provider") if "provider" in wire else "",
        max_output=_whole(wire["max_output"], "then.max_output", least=1) if "max_output" in wire else None,
        cache_seconds=_cache_seconds(wire),
        cache_scope=tuple(canonical_dimension(one) for one in scope),
        deny=_text(wire["deny"], "then.deny") if "deny" in wire else "",
    )


def _cache_seconds(wire: Mapping[str, Any]) -> int:
    if "cache_seconds" not in wire:
        if "cache_scope" in wire:
            raise UsageError("then.cache_scope says nothing without then.cache_seconds")
        return 0
    seconds = _whole(wire["cache_seconds"], "then.cache_seconds", least=1)
    if seconds > _LONGEST_CACHE:
        raise UsageError(f"then.cache_seconds is {seconds}; {_LONGEST_CACHE} (30 days) is the longest")
    return seconds


def _span(value: Any, name: str) -> Span:
    if value is None:
        return ANY
    ends = _table(value, f"when.{name}")
    _known(ends, ("least", "most"), f"when.{name}")
    span = Span(
        *(_whole(ends[end], f"when.{name}.{end}", least=0) if end in ends else None for end in ("least", "most"))
    )
    if span.least is not None and span.most is not None and span.least > span.most:
        raise UsageError(f"when.{name} is empty: least {span.least} is above most {span.most}")
    return span


def _hours(value: Any) -> Hours:
    wire = _table(value, "when.hours")
    _known(wire, ("from", "to", "zone"), "when.hours")
    zone = _text(wire.get("zone", "UTC"), "when.hours.zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f'when.hours.zone "{zone}" is not an IANA name such as Europe/Berlin') from None
    hours = Hours(_clock(wire.get("from"), "from"), _clock(wire.get("to"), "to"), zone)
    if hours.from_minute == hours.to_minute:
        raise UsageError("when.hours begins when it ends", next_steps=["leave hours out for the whole day"])
    return hours


def _clock(value: Any, end: str) -> int:
    text = _text(value, f"when.hours.{end}")
    found = _CLOCK.fullmatch(text)
    minute = int(found[1]) * 60 + int(found[2]) if found else MINUTES_OF_DAY + 1
    if minute > MINUTES_OF_DAY:
        raise UsageError(f'when.hours.{end} "{text}" is no time of day', next_steps=["write it as 22:00"])
    return minute


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _known(wire: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    for name in wire:
        if name not in names:
            raise UsageError(f'{where} has no field "{name}"', next_steps=_near(name, names))


def _near(word: str, names: Iterable[str]) -> list[str]:
    near = difflib.get_close_matches(word, list(names), n=1)
    return [f'did you mean "{near[0]}"?'] if near else [f"known: {', '.join(names)}"]


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} must be a table of names and values")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where} must be a text that is not empty")
    if len(value) > _LONGEST_TEXT or not value.isprintable():
        raise UsageError(f"{where} is longer than {_LONGEST_TEXT} characters or holds a control character")
    return value.strip()


def _texts(value: Any, where: str, most: int) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not 0 < len(listed) <= most:
        raise UsageError(f"{where} must be a text, or a list of up to {most} of them")
    return tuple(_text(one, where) for one in listed)


def _whole(value: Any, where: str, *, least: int) -> int:
    if type(value) is not int or not least <= value <= _LARGEST:
        raise UsageError(f"{where} must be a whole number from {least}")
    return value


def _flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise UsageError(f"{where} must be true or false")
    return value
