"""Judgements in plain words, for the caller who was refused and the people who look after the budget."""

from tallystick.budgets.ask import limit_at
from tallystick.budgets.cover import group_of
from tallystick.budgets.model import FINGERPRINT, Budget, Judgement, Try, Unit
from tallystick.budgets.window import slots
from tallystick.kernel.period import SECOND_US, moment

_CENT = 10**7
_SMALL = 10**3


def explain(judgement: Judgement, tried: Try) -> str:
    """One sentence that says why, with the numbers; empty when there is nothing to say.

    For example: ``budget "search-month" has $0.42 left of $100 until 2026-12-01 00:00 Europe/Berlin ($99.58 spent,
    $0 reserved by calls in flight); this call may cost up to $1.20``.
    """
    budget = judgement.breaking
    if budget is None:
        return "; ".join(_over(one, tried) for one in judgement.alerts)
    name = f'budget "{budget.name}"'
    said = {
        "budget_unavailable": f"the counters of {name} cannot be asked now, and it fails closed",
        "price_unknown": f'no price is known for model "{tried.model}", and {name} blocks what it cannot price',
        "cost_unbounded": f"nothing bounds what this call may cost ({tried.bound.unbounded}), and {name} blocks that",
        "output_unbounded": f"this call sets no limit to its output, and {name} asks for one",
    }.get(judgement.code)
    if said is not None:
        return said
    if judgement.verdict == "tripped":
        return _tripped(budget, judgement.reset_us, tried)
    # The cheaper model passes; perhaps no budget covers it, or its counters are away and all fail open.
    unasked = judgement.verdict == "degraded" and tried.granted is None
    if unasked or (tried.granted is not None and tried.granted.granted):
        return f"{name} had no room for the model asked for; {budget.degrade_to} is asked instead"
    ends = {"paused": "; work that is not critical is paused", "degraded": f"; {budget.degrade_to} is asked instead"}
    return _without_room(budget, tried) + ends.get(judgement.verdict, "")


def words(unit: Unit, amount: int, *, up: bool = False) -> str:
    """An amount for people: dollars to the cent, or to six decimals below one; rounded down, or up.

    >>> words("usd", 420_000_001), words("usd", 420_000_001, up=True), words("usd", 100 * 10**9), words("usd", 4321)
    ('$0.42', '$0.43', '$100', '$0.000004')
    >>> words("tokens", 12345), words("requests", 1)
    ('12,345 tokens', '1 request')
    """
    if unit != "usd":
        return f"{amount:,} {unit if amount != 1 else unit[:-1]}"
    grain = _CENT if amount >= _CENT else _SMALL
    parts = -(-amount // grain) if up else amount // grain
    whole, rest = divmod(parts, 10**9 // grain)
    if not rest:
        return f"${whole:,}"
    if grain == _CENT:
        return f"${whole:,}.{rest:02d}"
    return f"${whole:,}." + f"{rest:06d}".rstrip("0").ljust(2, "0")


def _tripped(budget: Budget, reset_us: int, tried: Try) -> str:
    equal = "equal " if FINGERPRINT in budget.group_by else ""
    allowed = words(budget.unit, limit_at(budget, reset_us)).replace(" requests", f" {equal}requests")
    return (
        f'breaker "{budget.name}"{_group(budget, tried)} is open until {_instant(reset_us, "UTC")}: it lets '
        f"{allowed} pass {_window(budget)}"
    )


def _without_room(budget: Budget, tried: Try) -> str:
    at = next(index for index, one in enumerate(tried.covering) if one is budget)
    if tried.ask is None or tried.granted is None:
        raise ValueError("a budget without room was judged by counters")
    standing, hold, at_us = tried.granted.standings[at], tried.ask.holds[at], tried.ask.at_us
    limit = limit_at(budget, at_us) if standing.limit is None else standing.limit
    left = max(0, limit - standing.posted - standing.reserved)
    asked = words(budget.unit, hold.amount(tried.ask.least), up=True)
    may = f"may cost up to {asked}" if budget.unit == "usd" else f"may use up to {asked}"
    least = "" if tried.bound.capped else f" even with no more than {tried.ask.least:,} tokens of output"
    return (
        f'budget "{budget.name}"{_group(budget, tried)} has {words(budget.unit, left)} left of '
        f"{words(budget.unit, limit)} {_until(budget, at_us)} ({words(budget.unit, standing.posted)} spent, "
        f"{words(budget.unit, standing.reserved)} reserved by calls in flight); this call {may}{least}"
    )


def _over(budget: Budget, tried: Try) -> str:
    return f'budget "{budget.name}"{_group(budget, tried)} is over its limit; this call is let pass'


def _group(budget: Budget, tried: Try) -> str:
    group = group_of(budget, tried.dimensions)
    said = ", ".join(f"{name} {value}" for name, value in group.items() if name != FINGERPRINT)
    return f" ({said})" if said else ""


def _until(budget: Budget, at_us: int) -> str:
    end_us = slots(budget, at_us)[0].end_us
    if not end_us:
        return "in all"
    if budget.rolling:
        return f"{_window(budget)}, the next may come free at {_instant(end_us, 'UTC')}"
    return f"until {_instant(end_us, budget.zone)}"


def _window(budget: Budget) -> str:
    if budget.window_count > 1:
        return f"in any {budget.window_count} {budget.window}s"
    return f"in any {budget.window}" if budget.rolling else f"in each {budget.window}"


def _instant(at_us: int, zone: str) -> str:
    form = "%Y-%m-%d %H:%M" if at_us % (60 * SECOND_US) == 0 else "%Y-%m-%d %H:%M:%S"
    return f"{moment(at_us, zone).strftime(form)} {zone}"
