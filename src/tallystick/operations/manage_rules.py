"""Routing rules: set, list, try, delete. A change holds for the gateway's next call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tallystick.kernel.errors import NotFound
from tallystick.kernel.ids import new_id
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.manage_keys import changed_version
from tallystick.org.model import Principal
from tallystick.routing.decide import apply, in_order, meets
from tallystick.routing.model import CallFacts, Plan, Rule
from tallystick.routing.store import find_rule, write_rule
from tallystick.routing.store import list_rules as read_rules
from tallystick.routing.wire import from_wire

_OPERATOR = Principal("operator", "admin", local=True)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a described call would meet.

    Attributes:
        plan: What would be done.
        matching: Rules whose conditions it meets, in the order in which they are asked.
    """

    plan: Plan
    matching: Sequence[Rule]


def set_rule(context: Context, name: str, wire: Mapping[str, Any], principal: Principal = _OPERATOR) -> Rule:
    """Make a rule, or put this in the place of the one of its name. It is in shadow unless it says otherwise.

    Raises:
        UsageError: The rule says something that cannot be understood.
    """
    rule = from_wire(wire, name=name)
    with changed_version(context) as version:
        known = find_rule(context.config_db, rule.name)
        at = now_us()
        rule = replace(
            rule,
            rule_id=known.rule_id if known else new_id("rule", at),
            created_at=known.created_at if known else at,
            version=version,
        )
        write_rule(context.config_db, rule)
        record(context, principal.name, "set rule", f"{rule.name}{' (shadow)' if rule.shadow else ''}")
    return rule


def shadow_rule(context: Context, name: str, *, shadow: bool, principal: Principal = _OPERATOR) -> Rule:
    """Let a rule take effect, or only say what it would do.

    Raises:
        NotFound: No such rule.
    """
    with changed_version(context) as version:
        rule = replace(_find(context, name), shadow=shadow, version=version)
        write_rule(context.config_db, rule)
        record(context, principal.name, "shadow rule" if shadow else "enable rule", rule.name)
    return rule


def delete_rule(context: Context, name: str, principal: Principal = _OPERATOR) -> Rule:
    """Delete a rule.

    Raises:
        NotFound: No such rule.
    """
    with changed_version(context) as version:
        rule = replace(_find(context, name), deleted_at=now_us(), version=version)
        write_rule(context.config_db, rule)
        record(context, principal.name, "delete rule", rule.name)
    return rule


def list_rules(context: Context) -> list[Rule]:
    """The rules in use, in the order in which they are asked."""
    return list(in_order(read_rules(context.config_db)))


def try_rules(context: Context, facts: CallFacts) -> Tried:
    """What the rules would make of a call, without making it."""
    rules = list_rules(context)
    return Tried(apply(rules, facts), [rule for rule in rules if meets(rule.conditions, facts)])


def _find(context: Context, name: str) -> Rule:
    rule = find_rule(context.config_db, name)
    if rule is None:
        raise NotFound(f'no rule "{name}"', next_steps=["tally rules list"])
    return rule
