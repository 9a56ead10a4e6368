"""Budgets in plain words, and the way to the rows behind their figures."""

from collections.abc import Mapping
from datetime import timedelta

from tallystick.budgets.cover import ALWAYS, grouping
from tallystick.budgets.explain import words
from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, Budget, Span
from tallystick.budgets.window import ENDLESS
from tallystick.budgets.wire import limit_text
from tallystick.explore.conditions import condition_param
from tallystick.explore.describe import label
from tallystick.explore.model import Filter
from tallystick.kernel.period import local_day, moment
from tallystick.web import dates
from tallystick.web.address import Address
from tallystick.web.view import Figure

# Rows that pass budgets; imported ones do not.
_COUNTED = ("gateway", "demo")
_NO_DIMENSION = frozenset({KEY_STAGE, FINGERPRINT})
_NAMED = {FINGERPRINT: "equal request", KEY_STAGE: "stage of the key"}


def named(dimension: str) -> str:
    """A dimension of budgets in words."""
    return _NAMED.get(dimension) or label(dimension)


def covers_words(budget: Budget) -> str:
    """Which calls count: ``team is Support or Growth; environment is not production; each customer by itself``."""
    parts = [f"{named(name)} {_values(values)}" for name, values in budget.where.items()]
    if grouping(budget):
        parts.append(f"each {' and '.join(named(name) for name in grouping(budget))} by itself")
    return "; ".join(parts) or "every call"


def _values(values: tuple[str, ...]) -> str:
    wanted = [one for one in values if not one.startswith("!")]
    barred = [one[1:] for one in values if one.startswith("!")]
    parts = []
    if wanted:
        parts.append("is stated" if "*" in wanted else f"is {' or '.join(wanted)}")
    if barred:
        parts.append("is not stated" if "*" in barred else f"is not {' or '.join(barred)}")
    return " and ".join(parts)


def window_words(budget: Budget) -> str:
    """``a month``, ``in any 10 minutes``, ``in each run``, ``in all``."""
    if budget.window == "total":
        return "in all"
    if budget.window in ENDLESS:
        return f"in each {budget.window}"
    if budget.rolling:
        return (
            f"in any {budget.window_count} {budget.window}s" if budget.window_count > 1 else f"in any {budget.window}"
        )
    return f"{'an' if budget.window == 'hour' else 'a'} {budget.window}"


def resets_words(budget: Budget, window: Span) -> str:
    """When the window ends, in the budget's own zone."""
    if budget.rolling:
        return "what is older counts no more"
    if not window.end_us:
        return "never resets"
    return f"resets {at_words(window.end_us, budget.zone)} {budget.zone}"


def at_words(at_us: int, zone: str) -> str:
    """``1 Dec 00:00``."""
    at = moment(at_us, zone)
    return f"{dates.day(at.date())} {at:%H:%M}"


def action_words(budget: Budget) -> str:
    """What happens to a call without room."""
    if budget.trip_seconds:
        return f"stops calls for {length_words(budget.trip_seconds)}"
    return {
        "block": "refuses calls",
        "degrade": f"asks {budget.degrade_to} instead",
        "pause": "pauses work that is not critical",
        "alert": "only tells",
    }[budget.action]


def terms(budget: Budget) -> str:
    """The whole budget in one sentence."""
    counted = {"usd": "cost", "tokens": "used", "requests": "made"}[budget.unit]
    amount = words(budget.unit, budget.limit)
    which = "Calls" if not budget.where else f"Calls whose {_where(budget)}"
    each = f", each {' and '.join(named(name) for name in grouping(budget))} by itself," if grouping(budget) else ""
    then = {
        "block": "a call that does not fit any more is refused",
        "degrade": f"a call that does not fit any more goes to {budget.degrade_to} instead",
        "pause": "calls that do not fit any more are refused unless their workload class is critical",
        "alert": "calls go on and are marked, and people are told",
    }[budget.action]
    if budget.trip_seconds:
        then = f"all of them are stopped for {length_words(budget.trip_seconds)} once there are more"
    verb = {"cost": "may cost", "used": "may use", "made": "may be"}[counted]
    zone = "" if budget.rolling or budget.window in ENDLESS else f" ({budget.zone})"
    return f"{which}{each} {verb} up to {amount} {window_words(budget)}{zone}; {then}."


def _where(budget: Budget) -> str:
    return " and whose ".join(f"{named(name)} {_values(values)}" for name, values in budget.where.items())


def length_words(seconds: int) -> str:
    """``90 s``, ``10 min``, ``2 h``."""
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def figure(unit: str, amount: int | None, href: str = "", *, up: bool = False) -> Figure:
    """An amount of a budget's unit."""
    if amount is None:
        return Figure("–")
    return Figure(words(unit, amount, up=up), limit_text(unit, amount), href)  # type: ignore[arg-type]


def rows_of(budget: Budget, group: Mapping[str, str], window: Span, zone: str, path: str = "/requests") -> str:
    """The page of the rows that one group of a budget counts, in whole days of the instance."""
    filters = [Filter("source", "is", _COUNTED)]
    for name, values in budget.where.items():
        if name not in _NO_DIMENSION and name not in group:
            filters += _conditions(name, values)
    filters += [Filter(name, "is", (value,)) for name, value in group.items() if name not in _NO_DIMENSION]
    return str(Address(path, (*_period(window, zone), *(condition_param(one) for one in filters))))


def _conditions(name: str, values: tuple[str, ...]) -> list[Filter]:
    wanted = tuple(one for one in values if not one.startswith("!"))
    barred = tuple(one[1:] for one in values if one.startswith("!") and one != "!*")
    found = [Filter(name, "is", wanted)] if wanted and "*" not in wanted else []
    if "*" in wanted:
        found.append(Filter(name, "is_not", ("",)))
    return [*found, *([Filter(name, "is_not", barred)] if barred else [])]


def _period(window: Span, zone: str) -> tuple[tuple[str, str], ...]:
    if not window.start_us and not window.end_us:
        return (("range", "30d"),)
    first, last = local_day(window.start_us, zone), local_day(window.end_us - 1, zone)
    return (("from", first.isoformat()), ("to", (last + timedelta(days=1)).isoformat()))


def stated_by_callers(budget: Budget, locks: list[frozenset[str]]) -> str:
    """What to know where a budget goes by something that a caller's header may say; empty where none does.

    Args:
        budget: Which.
        locks: Of each key in use, the dimensions it locks.
    """
    names = [name for name in dict.fromkeys((*budget.where, *grouping(budget))) if name not in ALWAYS | _NO_DIMENSION]
    open_ = [name for name in names if not locks or not all(name in one for one in locks)]
    if not open_:
        return ""
    which = " and ".join(named(name) for name in open_)
    if not locks:
        return f"Goes by {which}, which callers state themselves in a header: no key locks it."
    locked = sum(1 for one in locks if all(name in one for name in open_))
    return (
        f"Goes by {which}, which callers state themselves unless their key locks it: {locked} of {len(locks)} keys do."
    )
