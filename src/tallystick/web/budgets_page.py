"""Budgets as rows, the most urgent first: what is used, at what pace, when it is full and what happens then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from tallystick.budgets.ask import limit_at
from tallystick.budgets.cover import grouping
from tallystick.budgets.defaults import PREFIX
from tallystick.budgets.model import Budget, Standing
from tallystick.budgets.pace import pace as pace_of
from tallystick.budgets.standing import Use
from tallystick.budgets.window import span
from tallystick.charts.format import percent
from tallystick.charts.small import bullet
from tallystick.operations.show_budgets import Counter, Report
from tallystick.web.budget_words import (
    action_words,
    at_words,
    covers_words,
    figure,
    named,
    resets_words,
    rows_of,
    window_words,
)
from tallystick.web.view import Figure

_NEARLY = 80
_DAY_US = 86_400_000_000
# Order of urgency, word on the page, tone.
STATES: dict[str, tuple[str, str]] = {
    "tripped": ("breaker open", "bad"),
    "over": ("used up", "bad"),
    "risk": ("full before it resets", "warn"),
    "near": ("nearly used up", "warn"),
    "fine": ("on track", ""),
    "unused": ("not used yet", ""),
}
# What a default's id contains, and where its amount is set.
_SETTINGS = (
    ("key-day", "key_usd_per_day"),
    ("velocity", "run_calls_per_minute"),
    ("loop", "loop_calls"),
    ("", "run_usd"),
)
_RANK = {name: at for at, name in enumerate(STATES)}


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One group of one budget, written.

    Attributes:
        state: Key of `STATES`; `word` and `tone` are its words.
        share: Used of the limit in per cent.
        pace: Against an even use of the limit.
        hit: When the limit is or was reached at this rate.
    """

    budget: Budget
    href: str
    group: tuple[tuple[str, str], ...]
    covers: str
    bar: str
    used: Figure
    limit: Figure
    reserved: Figure
    share: str
    window: str
    resets: str
    pace: str
    forecast: Figure
    hit: str
    action: str
    state: str
    word: str
    tone: str
    urgency: tuple[float, ...]


def budget_href(budget: Budget) -> str:
    """The page of a budget; by its id, for a name may hold anything."""
    return f"/budgets/{quote(budget.budget_id, safe=':')}"


def state_of(counter: Counter, at_us: int) -> str:
    """How urgent a group is."""
    use = counter.use
    if counter.tripped_until_us > at_us:
        return "tripped"
    if use.used >= use.limit:
        return "over"
    if counter.pace.hit_us is not None:
        return "risk"
    return "near" if use.used * 100 >= use.limit * _NEARLY else "fine" if use.used else "unused"


def counter_row(counter: Counter, zone: str, at_us: int) -> BudgetRow:
    """Write one group."""
    use, now = counter.use, counter.pace
    budget, group, state = use.budget, use.group, state_of(counter, at_us)
    word, tone = STATES[state]
    share = percent(use.used, use.limit)
    forecast = now.forecast if now.forecast is not None else 0
    rows = rows_of(budget, group, use.window, zone)
    return BudgetRow(
        budget=budget,
        href=budget_href(budget),
        group=tuple((named(name), value or "not stated") for name, value in group.items()),
        covers=covers_words(budget),
        bar=bullet(
            use.used,
            use.limit,
            f"{share} used",
            projected=forecast,
            reserved=counter.reserved or 0,
            pace=now.expected,
        ),
        used=figure(budget.unit, use.used, rows),
        limit=figure(budget.unit, use.limit),
        reserved=figure(budget.unit, counter.reserved, up=True),
        share=share,
        window=window_words(budget),
        resets=resets_words(budget, use.window),
        pace=pace_words(now.ratio),
        forecast=figure(budget.unit, now.forecast),
        hit=hit_words(now.hit_us, use.window.end_us, budget.zone, at_us),
        action=action_words(budget),
        state=state,
        word=word,
        tone=tone,
        urgency=(_RANK[state], float(now.hit_us or 2**62), -use.used / max(1, use.limit)),
    )


def unused_row(budget: Budget, zone: str, at_us: int) -> BudgetRow:
    """A budget that nobody has used in its window yet, as a whole: it has no groups to name."""
    window, whole = span(budget, at_us), replace(budget, group_by=())
    used = Use(whole, ("",) * len(grouping(whole)), window, 0, limit_at(budget, at_us), ())
    blank = Counter(used, pace_of(budget, window, Standing(0, 0, None), at_us))
    return replace(counter_row(blank, zone, at_us), budget=budget, group=(), covers=covers_words(budget))


def pace_words(ratio: float | None) -> str:
    """``32% faster than even``."""
    if ratio is None:
        return ""
    apart = round(abs(ratio - 1) * 100)
    if not apart:
        return "at an even pace"
    if ratio >= 3:
        return f"{ratio:.0f} times an even pace"
    return f"{apart}% {'faster' if ratio > 1 else 'slower'} than even"


def hit_words(hit_us: int | None, end_us: int, zone: str, at_us: int) -> str:
    """``full 24 Nov 13:00, 6 days early``; empty where the limit is not reached in the window."""
    if hit_us is None:
        return ""
    if hit_us <= at_us:
        return f"full since about {at_words(hit_us, zone)}"
    early = (end_us - hit_us) // _DAY_US
    days = f", {early} day{'s' if early > 1 else ''} early" if early else ""
    return f"full {at_words(hit_us, zone)}{days}"


def budget_rows(reports: Iterable[Report], zone: str, at_us: int) -> list[BudgetRow]:
    """All groups of these reports, the most urgent first."""
    found = []
    for report in reports:
        found += [counter_row(one, zone, at_us) for one in report.counters]
        if not report.counters:
            found.append(unused_row(report.budget, zone, at_us))
    return sorted(found, key=lambda row: (*row.urgency, row.budget.name, row.group))


def sentence(rows: Sequence[BudgetRow], budgets: int) -> str:
    """What to know first."""
    count: Mapping[str, int] = {state: sum(1 for row in rows if row.state == state) for state in STATES}
    told = [f"{budgets} budget{'s are' if budgets != 1 else ' is'} set"]
    if count["tripped"]:
        told.append(f"{count['tripped']} breaker{'s are' if count['tripped'] != 1 else ' is'} open")
    if count["over"]:
        told.append(f"{count['over']} {'are' if count['over'] != 1 else 'is'} used up")
    if count["risk"]:
        told.append(f"{count['risk']} will be full before {'they reset' if count['risk'] != 1 else 'it resets'}")
    if len(told) == 1:
        told.append("all are on track" if budgets != 1 else "it is on track")
    return ", ".join(told) + "."


@dataclass(frozen=True, slots=True)
class DefaultRow:
    """A budget of the configuration: what it is, how to change it, its most used group.

    Attributes:
        groups: How many have used something; None where that is not looked up.
    """

    budget: Budget
    href: str
    limit: Figure
    covers: str
    window: str
    action: str
    setting: str
    worst: BudgetRow | None
    groups: int | None


def default_rows(budgets: Iterable[Budget], reports: Iterable[Report], zone: str, at_us: int) -> list[DefaultRow]:
    """Those that hold before anybody has set a budget; of some the groups are reported."""
    known = {one.budget.budget_id: one for one in reports}
    return [_default(one, known.get(one.budget_id), zone, at_us) for one in budgets]


def _default(budget: Budget, report: Report | None, zone: str, at_us: int) -> DefaultRow:
    return DefaultRow(
        budget,
        budget_href(budget),
        figure(budget.unit, budget.limit),
        covers_words(budget),
        window_words(budget),
        action_words(budget),
        setting_of(budget),
        counter_row(report.counters[0], zone, at_us) if report and report.counters else None,
        report.groups if report else None,
    )


def setting_of(budget: Budget) -> str:
    """The entry of the configuration that a default comes from."""
    word = budget.budget_id.removeprefix(PREFIX)
    return next(setting for start, setting in _SETTINGS if start in word)
