"""Budgets: set, list, read, delete, override for a while, reopen. What is set holds for the next call."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallystick.budgets.defaults import PRESETS, preset
from tallystick.budgets.history import Change
from tallystick.budgets.model import Budget, Override
from tallystick.budgets.store import find_budget, list_budgets, write_budget
from tallystick.budgets.wire import from_wire, limit_text, parse_limit, to_wire
from tallystick.kernel.errors import Conflict, Denied, NotFound, UsageError
from tallystick.kernel.ids import new_id
from tallystick.kernel.period import DAY_US, HOUR_US, MINUTE_US, instant, rfc3339
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.manage_keys import changed_version
from tallystick.operations.repair_counters import seed_counters
from tallystick.org.model import Principal
from tallystick.ports import CountersAway

_LENGTH = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US}
_OPERATOR = Principal("operator", "admin", local=True)
# Ours to say, whatever a caller sends back to us.
_OURS = frozenset({"id", "created_at", "deleted_at", "version", "overrides"})
_KEEP_OVERRIDES_US = 90 * DAY_US
_LONGEST_OVERRIDE_US = 366 * DAY_US


def set_budget(context: Context, wire: Mapping[str, Any], principal: Principal = _OPERATOR) -> tuple[Budget, bool]:
    """Make a budget, or change the one of that name; what is not given stays as it is. Whether it is new.

    Its counters are built from the ledger first, so that what was spent in the window counts.

    Raises:
        UsageError: A field that cannot be.
        Denied: The principal's teams do not hold the budget.
        Conflict: Somebody else changes it at the same time.
    """
    given = {name: value for name, value in wire.items() if name not in _OURS}
    before = find_budget(context.config_db, str(given.get("name", "")).strip())
    if before is not None:
        _check_scope(principal, before)
    wanted = _merged(context, given, before)
    if before is None:
        _check_name(context, wanted.name)
    _check_scope(principal, wanted)
    _seed(context, wanted, before)
    with changed_version(context) as version:
        now = find_budget(context.config_db, wanted.name)
        if (now.version if now else 0) != (before.version if before else 0):
            raise Conflict(
                f'the budget "{wanted.name}" was changed by somebody else just now', next_steps=["try again"]
            )
        made = replace(wanted, version=version)
        write_budget(context.config_db, made, _change(principal, before, made))
        record(context, principal.name, "change budget" if before else "create budget", _detail(before, made))
    return made, before is None


def visible_budgets(context: Context, principal: Principal = _OPERATOR) -> list[Budget]:
    """The budgets a principal may see, by name; the defaults too, for whoever sees all teams."""
    found = [*list_budgets(context.config_db), *context.default_budgets]
    return [budget for budget in found if _in_scope(principal, budget)]


def read_budget(context: Context, name: str, principal: Principal = _OPERATOR) -> Budget:
    """One budget by its name or id.

    Raises:
        NotFound: There is none, or it is another team's: the answer does not tell which.
    """
    found = [one for one in visible_budgets(context, principal) if name in {one.name, one.budget_id}]
    if not found:
        raise NotFound(f'there is no budget "{name[:80]}"', next_steps=["tally budgets list"])
    return found[0]


def delete_budget(context: Context, name: str, principal: Principal = _OPERATOR) -> Budget:
    """Delete a budget; it holds no longer from the next call on.

    Raises:
        NotFound: There is none that the principal may see.
        UsageError: It is one of the defaults.
    """
    found = _own(read_budget(context, name, principal))
    with changed_version(context) as version:
        gone = replace(found, deleted_at=now_us(), version=version)
        write_budget(context.config_db, gone)
        record(context, principal.name, "delete budget", f"{gone.budget_id} {gone.name}")
    return gone


def override_budget(
    context: Context, name: str, wanted: tuple[str, int, str], principal: Principal = _OPERATOR
) -> Budget:
    """Let another limit hold until an instant, and say why.

    Args:
        wanted: The limit as text in the budget's unit, the instant it ends, the reason.

    Raises:
        NotFound: There is none that the principal may see.
        UsageError: The instant has passed or is too far away, or no reason is given.
    """
    found, (limit, until_us, reason), at = _own(read_budget(context, name, principal)), wanted, now_us()
    if not at < until_us <= at + _LONGEST_OVERRIDE_US:
        raise UsageError("an override ends in the future, within a year", where="until", next_steps=["--for 24h"])
    if not reason.strip() or len(reason) > 500:
        raise UsageError("an override needs a reason of at most 500 characters", next_steps=['--reason "launch day"'])
    added = Override(parse_limit(found.unit, limit), at, until_us, principal.name, reason.strip())
    kept = [one for one in found.overrides if one.until_us > at - _KEEP_OVERRIDES_US]
    with changed_version(context) as version:
        made = replace(found, overrides=(*kept, added), version=version)
        write_budget(context.config_db, made)
        text = f"{limit_text(found.unit, added.limit)} until {rfc3339(until_us)}"
        record(context, principal.name, "override budget", f"{made.budget_id} {made.name}: {text}: {added.reason}")
    return made


def override_end(until: str, lasts: str) -> int:
    """When an override ends, from an instant or a length of time.

    Raises:
        UsageError: Neither or both are given, or they mean nothing.
    """
    if bool(until) == bool(lasts):
        raise UsageError("say how long it lasts, or until when", where="until", next_steps=["--for 24h"])
    if lasts:
        found = _LENGTH.fullmatch(lasts.strip().lower())
        if not found:
            raise UsageError(f'"{lasts[:40]}" is no length of time', next_steps=["90m", "24h", "3d"])
        return now_us() + int(found[1]) * _UNITS[found[2]]
    try:
        at = datetime.fromisoformat(until)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f'"{until[:40]}" is not an instant', where="until", next_steps=["2026-12-01T00:00:00Z"])
    return instant(at)


def _merged(context: Context, given: Mapping[str, Any], before: Budget | None) -> Budget:
    if before is not None and given.get("unit", before.unit) != before.unit and "limit" not in given:
        raise UsageError("another unit needs a limit in it", where="limit", next_steps=["--limit 100 --unit usd"])
    kept = to_wire(before) if before else {"zone": context.zone}
    merged = from_wire({**kept, **given, **_unfit(kept, given)})
    stage = str(given.get("preset") or "")
    if stage:
        if stage not in PRESETS:
            raise UsageError(f'"{stage}" is no preset', where="preset", next_steps=[f"known: {', '.join(PRESETS)}"])
        merged = from_wire({**to_wire(preset(merged, stage)), **{k: v for k, v in given.items() if v is not None}})
    at = now_us()
    if before is None:
        return replace(merged, budget_id=new_id("bud", at), created_at=at, version=0, overrides=(), deleted_at=None)
    return merged


def _unfit(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a change of action makes meaningless, where it is not given anew."""
    action = given.get("action", kept.get("action"))
    dropped: dict[str, Any] = {}
    if action != "degrade" and "degrade_to" not in given:
        dropped["degrade_to"] = ""
    if action != "block" and "trip_seconds" not in given:
        dropped["trip_seconds"] = 0
    return dropped


def _seed(context: Context, wanted: Budget, before: Budget | None) -> None:
    if context.counters is None or (before is not None and _counts(before) == _counts(wanted)):
        return
    try:
        if context.counters.built():
            # What gateways have settled and the ledger does not hold yet was spent too.
            context.drain()
            seed_counters(context, context.counters, wanted)
    except CountersAway:
        # They are built anew when they are there again; until then every budget does what its `fail` says.
        return


def _counts(budget: Budget) -> Budget:
    """All that decides which counters there are and what they count."""
    return Budget(
        "", "", 0, budget.unit, budget.window, dict(budget.where), budget.group_by, zone=budget.zone,
        fiscal_start=budget.fiscal_start, rolling=budget.rolling, window_count=budget.window_count,
        carry_over=budget.carry_over,
    )  # fmt: skip


def _change(principal: Principal, before: Budget | None, made: Budget) -> Change:
    if before is None:
        return Change(made.created_at, principal.name, None, made.limit, made.blocks)
    lower = before.unit == made.unit and made.limit < before.limit
    return Change(now_us(), principal.name, before.limit, made.limit, lower or (made.blocks and not before.blocks))


def _detail(before: Budget | None, made: Budget) -> str:
    limit = f"{limit_text(made.unit, made.limit)} {made.unit} a {made.window}, {made.action}"
    was = f", was {limit_text(before.unit, before.limit)} {before.unit}" if before else ""
    return f"{made.budget_id} {made.name}: {limit}{was}"


def _check_name(context: Context, name: str) -> None:
    """See that a new budget's name means no other one: budgets are found by their name or their id."""
    defaults = context.default_budgets
    taken = {one.budget_id for one in (*list_budgets(context.config_db), *defaults)} | {one.name for one in defaults}
    if name in taken:
        raise UsageError(
            f'"{name}" means another budget already', where="name",
            next_steps=["choose another name", "a default is changed under [budgets] in tally.toml"],
        )  # fmt: skip


def _own(budget: Budget) -> Budget:
    if not budget.version:
        raise UsageError(
            f'"{budget.name}" is a default and set in the configuration',
            where="[budgets]",
            next_steps=["change it in tally.toml; an amount of 0 leaves it out"],
        )
    return budget


def _in_scope(principal: Principal, budget: Budget) -> bool:
    teams = budget.where.get("team", ())
    return not principal.teams or (bool(teams) and set(teams) <= set(principal.teams))


def _check_scope(principal: Principal, budget: Budget) -> None:
    if not _in_scope(principal, budget):
        raise Denied(
            f"budgets set by {principal.name} must name its teams alone",
            next_steps=[f"--where team={team}" for team in principal.teams[:3]],
        )
