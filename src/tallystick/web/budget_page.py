"""One budget: its terms, its past windows, whom it stopped lately, who changed it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.budgets.explain import words
from tallystick.budgets.history import Change
from tallystick.budgets.model import Budget
from tallystick.charts.bars import Band, Limit, StackedBars, stacked_bars
from tallystick.charts.format import percent
from tallystick.explore.model import Grain
from tallystick.kernel.money import grains_from_text
from tallystick.kernel.period import moment
from tallystick.operations.budget_history import Past
from tallystick.operations.show_budgets import Report
from tallystick.usage.model import UsageEvent
from tallystick.web import dates
from tallystick.web.budget_words import at_words, figure, rows_of
from tallystick.web.requests_page import VERDICTS, Mark
from tallystick.web.view import Figure

_GRAINS: dict[str, Grain] = {"hour": "hour", "day": "day", "week": "week", "month": "month"}
_NANO = 1000  # grains


@dataclass(frozen=True, slots=True)
class PastRow:
    """One past window in figures."""

    name: str
    used: Figure
    limit: Figure
    share: str
    note: str


@dataclass(frozen=True, slots=True)
class History:
    """The drawn past of one group.

    Attributes:
        svg: Empty where nothing was used in any window.
    """

    svg: str
    summary: str
    rows: tuple[PastRow, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A call that the budget stopped or changed."""

    href: str
    at: str
    who: str
    mark: Mark
    reason: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Spend past the budget."""

    who: str
    source: str
    before: Figure
    after: Figure
    risen: bool


def history(budget: Budget, group: Mapping[str, str], past: Sequence[Past], zone: str) -> History | None:
    """The chart of past windows and its figures; None where windows do not follow each other."""
    if not past:
        return None
    names = [_window_name(budget, one.window.start_us) for one in past]
    rows = tuple(
        PastRow(
            full,
            figure(budget.unit, one.used, rows_of(budget, group, one.window, zone)),
            figure(budget.unit, one.limit),
            percent(one.used, one.limit),
            "" if one.whole else "its rows are partly deleted",
        )
        for one, (_, full) in zip(past, names, strict=True)
    )
    over = sum(1 for one in past[:-1] if one.used > one.limit)
    summary = (
        f"{over} of {len(past) - 1} windows before this one used more than the limit; "
        f"now {words(budget.unit, past[-1].used)} of {words(budget.unit, past[-1].limit)}."
    )
    if not any(one.used for one in past):
        return History("", summary, rows)
    scale = _NANO if budget.unit == "usd" else 1
    chart = StackedBars(
        summary=summary,
        labels=tuple(short for short, _ in names),
        bands=(Band("Used", "s0", tuple(one.used * scale for one in past)),),
        open_from=len(past) - 1,
        limit=Limit(past[-1].limit * scale, f"limit {words(budget.unit, past[-1].limit)}"),
        height=220,
        counts=budget.unit != "usd",
        title="Use of each window against the limit",
    )
    return History(stacked_bars(chart), summary, rows)


def _window_name(budget: Budget, start_us: int) -> tuple[str, str]:
    at = moment(start_us, budget.zone)
    if budget.window == "minute":
        return f"{at:%H:%M}", f"{dates.day(at.date())} {at:%H:%M}"
    if budget.window == "year":
        return f"{at.year}", f"Year from {dates.day(at.date(), year=True)}"
    if budget.window == "quarter":
        return dates.bucket(start_us, "month", budget.zone)[0], f"Quarter from {dates.day(at.date(), year=True)}"
    return dates.bucket(start_us, _GRAINS[budget.window], budget.zone)


def stopped(budget: Budget, events: Iterable[UsageEvent], zone: str, most: int) -> tuple[Stopped, ...]:
    """Those of these calls that this budget stopped or changed."""
    found: list[Stopped] = []
    for event in events:
        decision = decision_of(event)
        if decision.get("breaking") == budget.budget_id and len(found) < most:
            tone, why = VERDICTS.get(event.verdict, ("", event.verdict))
            who = ", ".join(filter(None, (event.dimensions.get(name, "") for name in ("team", "feature", "customer"))))
            mark = Mark(event.verdict, tone, why)
            reason = str(decision.get("reason", ""))
            at = dates.clock_short(event.occurred_at, zone)
            found.append(Stopped(f"/requests/{event.event_id}", at, who or "nobody stated", mark, reason))
    return tuple(found)


def decision_of(event: UsageEvent) -> Mapping[str, Any]:
    """The stored decision of a row; empty where there is none."""
    try:
        found = json.loads(event.decision) if event.decision else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def review_words(report: Report) -> str:
    """What past windows say of the limit; empty before there are enough of them."""
    review, unit = report.review, report.budget.unit
    if review is None:
        return ""
    if review.p95 is None or review.suggested is None:
        return "Nothing was used in the windows looked at: is this budget still needed?"
    usual = f"95 of 100 windows used at most {words(unit, review.p95)} ({review.windows} looked at)"
    if review.finding == "fits":
        return f"The limit fits: {usual}."
    close = "is close to what is used" if review.finding == "tight" else "is far above what is used"
    return f"The limit {close}: {usual}. A limit of {words(unit, review.suggested)} would leave some room."


def elsewhere(untracked: Mapping[str, Any]) -> tuple[Elsewhere, ...]:
    """What its people and keys spend past the budget, as it was found last."""
    return tuple(
        Elsewhere(
            f"{one['by'].replace('_', ' ')} {one['value']}",
            one["source"],
            _dollars(one["before"]),
            _dollars(one["after"], one["link"]),
            one["risen"],
        )
        for one in untracked["found"]
    )


def _dollars(text: str, href: str = "") -> Figure:
    return figure("usd", grains_from_text(text) // _NANO, href)


def change_lines(budget: Budget, changes: Iterable[Change], zone: str) -> list[tuple[str, str]]:
    """When and by whom, and what."""
    return [(f"{at_words(one.at, zone)}, {one.by}", _changed(budget, one)) for one in changes]


def _changed(budget: Budget, one: Change) -> str:
    now = words(budget.unit, one.limit_after)
    if one.limit_before is None:
        return f"made with a limit of {now}"
    if one.limit_before == one.limit_after:
        return f"changed, its limit stays {now}" + (" and it now blocks" if one.tighter else "")
    return f"limit from {words(budget.unit, one.limit_before)} to {now}"
