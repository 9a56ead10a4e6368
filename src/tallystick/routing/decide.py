"""What rules make of a call: the first match of each kind of effect, always the same for the same call."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tallystick.routing.model import NO_PLAN, CallFacts, Conditions, Effect, Hours, Plan, Rule
from tallystick.usage.match import matches

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules in use, in the order in which they are asked."""
    return tuple(sorted((one for one in rules if one.deleted_at is None), key=lambda one: (one.priority, one.name)))


def apply(rules: Iterable[Rule], facts: CallFacts) -> Plan:
    """The plan of a call.

    A rule in shadow takes no effect from another. Of a rule whose effects are of several
    kinds each counts by itself. A rule that denies ends the asking.

    Args:
        rules: In order, see `in_order`.
    """
    values: dict[str, Any] = {}
    by: dict[str, str] = {}
    shadowed: list[str] = []
    would: set[str] = set()
    for rule in rules:
        kinds = rule.effects.kinds
        if all(kind in by for kind in kinds) or not meets(rule.conditions, facts):
            continue
        if rule.shadow:
            # What an earlier rule in shadow would have done, a later one would not.
            if any(kind not in by and kind not in would for kind in kinds):
                shadowed.append(rule.name)
            would.update(kinds)
            continue
        for kind in kinds:
            if kind not in by:
                by[kind] = rule.name
                values.update(_of(rule, kind))
        if "deny" in by:
            break
    return Plan(**values, by=by, shadowed=tuple(shadowed)) if by or shadowed else NO_PLAN


def meets(conditions: Conditions, facts: CallFacts) -> bool:
    """Whether all conditions are true of a call."""
    return (
        matches(conditions.where, facts.dimensions)
        and conditions.input_bytes.holds(facts.input_bytes)
        and conditions.max_tokens.holds(facts.max_tokens)
        and conditions.messages.holds(facts.messages)
        and conditions.tools in {None, facts.tools}
        and (not conditions.budget or facts.budgets.get(conditions.budget, -1) >= conditions.budget_percent)
        and (conditions.hours is None or in_hours(conditions.hours, facts.at_us))
    )


def in_hours(hours: Hours, at_us: int) -> bool:
    """Whether an instant is in this part of the local day."""
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    if hours.from_minute <= hours.to_minute:
        return hours.from_minute <= minute < hours.to_minute
    return minute >= hours.from_minute or minute < hours.to_minute


def _of(rule: Rule, kind: Effect) -> dict[str, object]:
    effects = rule.effects
    if kind == "route":
        return {"models": effects.models, "provider": effects.provider}
    if kind == "cache":
        return {"cache_seconds": effects.cache_seconds, "cache_scope": effects.cache_scope}
    return {kind: getattr(effects, kind)}
