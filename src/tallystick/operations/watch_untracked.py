"""After a budget has refused calls or become tighter: what its people and keys spend past it.

Spend does not go away because a budget blocks it; it may go through another key, or straight
to the provider. Seen is only what reaches this ledger: other keys of ours, and rows that
imports bring. Accounts that nobody imports stay unseen, and so does who is behind a row
that names no person, team or key.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tallystick.budgets.cover import covers
from tallystick.budgets.expect import can_be_known, family_of
from tallystick.budgets.model import Budget
from tallystick.budgets.store import list_budgets, list_changes
from tallystick.kernel.money import GRAINS_PER_UNIT, text_from_grains
from tallystick.kernel.period import DAY_US, HOUR_US, rfc3339
from tallystick.ledger.budget_sums import Wanted
from tallystick.ledger.spend_sums import WHO, Elsewhere
from tallystick.ledger.store import read_last_seq, read_refusals, sum_elsewhere, sum_for_budgets
from tallystick.notify.model import Alert
from tallystick.operations.context import Context, now_us
from tallystick.operations.raise_alert import raise_alert

_SETTING = "untracked:"
_LOOK_BACK_US = 30 * DAY_US
_LEAST_US = HOUR_US  # what was spent in less says nothing
_MOST_REFUSALS = 20_000
_MOST_VALUES = 5_000
_RISE_PERCENT = 20
_LEAST_RISE = GRAINS_PER_UNIT
_SHOWN = 20
UNSEEN = "Seen are other keys of ours and imported rows; accounts that nobody imports are not."


def watch_untracked(context: Context, at_us: int | None = None) -> int:
    """Look at every budget that refused or was tightened of late, and keep what is found; alerts that were new."""
    at = now_us() if at_us is None else at_us
    refused = _first_refusals(context, at)
    new = 0
    for budget in list_budgets(context.config_db):
        since = min((one for one in (refused.get(budget.budget_id), _tightened(context, budget, at)) if one), default=0)
        if since and at - since >= _LEAST_US and can_be_known(budget):
            new += _look(context, budget, since, at)
    return new


def read_untracked(context: Context, budget_id: str) -> Mapping[str, Any] | None:
    """What was found last of a budget; None when there was no reason to look."""
    text = context.config_db.read_setting(_SETTING + budget_id)
    return json.loads(text) if text else None


def _first_refusals(context: Context, at_us: int) -> dict[str, int]:
    """Budget id to the first call it refused within the time looked back."""
    found: dict[str, int] = {}
    for instant, decision in read_refusals(context.ledger, at_us - _LOOK_BACK_US, _MOST_REFUSALS):
        try:
            breaking = json.loads(decision).get("breaking")
        except (ValueError, AttributeError, RecursionError):
            continue
        if isinstance(breaking, str):
            found.setdefault(breaking, instant)
    return found


def _tightened(context: Context, budget: Budget, at_us: int) -> int | None:
    changes = list_changes(context.config_db, budget.budget_id)
    late = [
        one.at for one in changes if one.tighter and one.limit_before is not None and one.at > at_us - _LOOK_BACK_US
    ]
    return min(late, default=None)


def _look(context: Context, budget: Budget, since_us: int, at_us: int) -> int:
    length = min(at_us - since_us, _LOOK_BACK_US)
    around = (since_us - length, since_us, since_us + length)
    people = _covered(context, budget, around)
    found = [
        (who, one)
        for who in WHO
        for one in sum_elsewhere(context.ledger, who, people[who], people["key"], around)
        if one.before or one.after
    ]
    found.sort(key=lambda pair: pair[1].before - pair[1].after)
    wire = {
        "since": rfc3339(since_us),
        "from": rfc3339(around[0]),
        "to": rfc3339(around[2]),
        "note": UNSEEN,
        "found": [_wire(who, one, around) for who, one in found[:_SHOWN]],
    }
    with context.config_db.transaction():
        context.config_db.write_setting(_SETTING + budget.budget_id, json.dumps(wire))
    return sum(raise_alert(context, _alert(budget, who, one, since_us)) for who, one in found if _has_risen(one))


def _covered(context: Context, budget: Budget, around: tuple[int, int, int]) -> dict[str, list[str]]:
    """Whose calls the budget has seen, and through which keys."""
    parts = tuple(dict.fromkeys((*family_of(budget, around[1]).dimensions, *WHO, "key")))
    wanted = Wanted(parts, (around[0],), around[2])
    seen: dict[str, set[str]] = {name: set() for name in (*WHO, "key")}
    for group in sum_for_budgets(context.ledger, wanted, after=0, upto=read_last_seq(context.ledger)):
        dimensions = dict(zip(parts, group.values, strict=True))
        if covers(budget, dimensions):
            for name, values in seen.items():
                values.add(dimensions[name])
    return {name: sorted(values - {""})[:_MOST_VALUES] for name, values in seen.items()}


def _has_risen(one: Elsewhere) -> bool:
    rise = one.after - one.before
    return rise > _LEAST_RISE and rise * 100 > one.before * _RISE_PERCENT


def _wire(who: str, one: Elsewhere, around: Sequence[int]) -> dict[str, Any]:
    return {
        "by": who,
        "value": one.who,
        "source": one.source,
        "before": text_from_grains(one.before),
        "after": text_from_grains(one.after),
        "risen": _has_risen(one),
        "link": _link(who, one, around),
    }


def _link(who: str, one: Elsewhere, around: Sequence[int]) -> str:
    """The page of these rows; provider keys are no dimension of it, so only their source can be shown."""
    period = {"from": rfc3339(around[0])[:10], "to": rfc3339(around[2] + DAY_US)[:10]}
    named = {who: one.who} if who != "key_fingerprint" else {}
    return "/explore?" + urlencode({"by": "key", "source": one.source, **named, **period})


def _alert(budget: Budget, who: str, one: Elsewhere, since_us: int) -> Alert:
    before, after = text_from_grains(one.before), text_from_grains(one.after)
    name = who.replace("_", " ")
    return Alert(
        kind="untracked_spend",
        subject=f"untracked_spend:{budget.budget_id}:{since_us}:{who}:{one.who}:{one.source}",
        title=f"{name.capitalize()} {one.who[:80]} spends more past the budget “{budget.name[:80]}” since it refuses",
        lines=(f"Through {one.source}: ${before} before, ${after} after, in equal times.", UNSEEN),
        link="/budgets",
        facts={"budget_id": budget.budget_id, "by": who, "value": one.who, "source": one.source,
               "before": before, "after": after, "since": rfc3339(since_us)},
    )  # fmt: skip
