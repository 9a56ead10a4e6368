"""Budgets: all of them, one of them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tallystick.budgets.cover import grouping
from tallystick.budgets.model import Budget, Span
from tallystick.budgets.window import ENDLESS
from tallystick.explore.parse import parse_query
from tallystick.kernel.period import DAY_US
from tallystick.operations.budget_history import list_budget_changes, past_use
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import read_freshness
from tallystick.operations.list_alerts import list_alerts
from tallystick.operations.list_open_breakers import list_open_breakers
from tallystick.operations.list_requests import list_requests
from tallystick.operations.manage_budgets import read_budget, visible_budgets
from tallystick.operations.manage_keys import list_keys
from tallystick.operations.repair_counters import list_repairs
from tallystick.operations.show_budgets import Report, report_budgets
from tallystick.operations.watch_untracked import read_untracked
from tallystick.org.authorize import may
from tallystick.org.model import Principal
from tallystick.usage.model import UsageEvent
from tallystick.web import dates
from tallystick.web.address import Address
from tallystick.web.budget_form import Form, choices, of_budget
from tallystick.web.budget_page import History, change_lines, elsewhere, history, review_words, stopped
from tallystick.web.budget_words import at_words, named, rows_of, stated_by_callers, terms
from tallystick.web.budgets_page import (
    STATES,
    BudgetRow,
    budget_href,
    budget_rows,
    counter_row,
    default_rows,
    sentence,
    unused_row,
)
from tallystick.web.render import facts, render
from tallystick.web.site import Site

TOP, PAGE_ROWS, MOST_GROUPS, SHOWN_GROUPS = 5, 40, 1000, 20
_LATELY_US = 7 * DAY_US
_MOST_ALERTS, _MOST_STOPPED, _LOOKED_AT = 8, 8, 300
_NO_SPAN = Span(0, 0)
_STOPS = "blocked|degraded|paused|tripped"
SAID = {
    "made": "The budget is set; it holds for the next call.",
    "changed": "The budget is changed; it holds for the next call.",
    "override": "The other limit holds from now on.",
    "released": "The breaker is closed: calls pass again.",
    "none": "No breaker of this budget was open.",
    "deleted": "The budget is deleted; it holds no longer.",
}


def serve_budgets(request: Request, site: Site) -> Response:
    """``/budgets``: who will overrun, when, and what happens then."""
    context, who, at = site.context, site.principal(request), now_us()
    budgets = visible_budgets(context, who)
    # Of runs and conversations there are as many as calls: the groups of such a default are on its own page.
    looked_at = [one for one in budgets if one.version or one.window not in ENDLESS]
    reports = report_budgets(context, looked_at, top=TOP, reviewed=False)
    own = [one for one in reports if one.budget.version]
    rows = budget_rows(own, context.zone, at)
    shown, options = _filtered(request, rows)
    page = min(_whole(request.query_params.get("page", "")), max(1, -(-len(shown) // PAGE_ROWS)))
    return render(
        request,
        site,
        "budgets.html",
        heading="Budgets",
        said=SAID.get(request.query_params.get("done", ""), ""),
        sentence=sentence(rows, len(own)) if own else "",
        rows=shown[(page - 1) * PAGE_ROWS : page * PAGE_ROWS],
        more={one.budget.budget_id: one.groups - len(one.counters) for one in own},
        notes=_notes(context, own),
        filters=options,
        paging=_pages(request, page, len(shown)),
        defaults=default_rows([one for one in budgets if not one.version], reports, context.zone, at),
        breakers=[
            (one, budget_href(one.budget), at_words(one.until_us, context.zone), _group(one.group))
            for one in list_open_breakers(context, budgets)
        ],
        writes=may(who, "budgets_write"),
        **_lately(context, who, at),
        facts=facts(None, read_freshness(context), at, context.zone),
    )


def serve_budget(request: Request, site: Site, form: Form | None = None, override: Form | None = None) -> Response:
    """``/budgets/{name}``: the terms, the groups, the past, the forms.

    Args:
        request: Its path names the budget.
        site: The pages' surroundings.
        form: The form of changes as it was sent, where something in it is wrong.
        override: The form of another limit, likewise.

    Raises:
        NotFound: There is none that the caller may see.
    """
    context, who, at = site.context, site.principal(request), now_us()
    budget = read_budget(context, request.path_params["name"], who)
    top = MOST_GROUPS if request.query_params.get("all") == "1" else SHOWN_GROUPS
    (report,) = report_budgets(context, [budget], top=top)
    rows = [counter_row(one, context.zone, at) for one in report.counters]
    values = _chosen(request, budget, report)
    return render(
        request,
        site,
        "budget.html",
        status=400 if form or override else 200,
        heading=f"Budget: {budget.name}",
        said=SAID.get(request.query_params.get("done", ""), ""),
        budget=budget,
        href=budget_href(budget),
        default=not budget.version,
        terms=terms(budget),
        report=report,
        rows=rows,
        first=rows[0] if rows else unused_row(budget, context.zone, at),
        links=[f"{row.href}?{urlencode(one.use.group)}" for row, one in zip(rows, report.counters, strict=True)],
        history=_history(context, budget, values, at),
        group=_group(dict(zip(grouping(budget), values, strict=False))),
        overrides=[(one, at_words(one.until_us, context.zone)) for one in budget.overrides if one.until_us > at],
        note=_notes(context, [report]).get(budget.budget_id, ""),
        review=review_words(report),
        **_around(context, budget, who),
        form=form or Form(of_budget(budget)),
        override=override or Form({"lasts": "24h"}),
        writes=may(who, "budgets_write") and bool(budget.version),
        **choices(),
        facts=facts(None, read_freshness(context), at, context.zone),
    )  # fmt: skip


def _history(context: Context, budget: Budget, values: tuple[str, ...], at_us: int) -> History | None:
    names = grouping(budget)
    if len(values) != len(names):
        return None
    past = past_use(context, budget, values, at_us)
    return history(budget, dict(zip(names, values, strict=True)), past, context.zone)


def _around(context: Context, budget: Budget, who: Principal) -> dict[str, Any]:
    """What happened around a budget: calls it stopped, spend past it, its changes."""
    found = Address.parse("/requests", rows_of(budget, {}, _NO_SPAN, context.zone).partition("?")[2])
    link = found.having(range="7d").having(verdict=_STOPS)
    untracked = read_untracked(context, budget.budget_id)
    return {
        "stopped": stopped(budget, _stops(context, link, who), context.zone, _MOST_STOPPED),
        "stopped_link": str(link),
        "untracked": untracked,
        "elsewhere": elsewhere(untracked) if untracked else (),
        "changes": change_lines(budget, list_budget_changes(context, budget), context.zone),
    }


def _stops(context: Context, address: Address, who: Principal) -> Sequence[UsageEvent]:
    query = parse_query(address.question(), now_us=now_us(), zone=context.zone)
    return list_requests(context, query, who, limit=_LOOKED_AT).events


def _lately(context: Context, who: Principal, at_us: int) -> dict[str, Any]:
    """Alerts and repairs of the last days, for whoever may see what is about the whole instance."""
    if not may(who, "instance"):
        return {"alerts": (), "drift": ()}
    alerts = [one for one, _ in list_alerts(context, limit=50) if one.created_at > at_us - _LATELY_US]
    drift = [one for one in list_repairs(context, 200) if one.at > at_us - _LATELY_US]
    return {
        "alerts": [(one, dates.ago(one.created_at, at_us)) for one in alerts[:_MOST_ALERTS]],
        "drift": [dates.ago(one.at, at_us) for one in drift],
    }


def _notes(context: Context, reports: Sequence[Report]) -> dict[str, str]:
    locks = [frozenset(key.locked) for key in list_keys(context) if key.revoked_at is None]
    found = {one.budget.budget_id: stated_by_callers(one.budget, locks) for one in reports}
    return {budget_id: note for budget_id, note in found.items() if note}


def _filtered(request: Request, rows: Sequence[BudgetRow]) -> tuple[list[BudgetRow], dict[str, Any]]:
    """The rows that the page's own filters let through, and what the filters offer."""
    asked = {name: request.query_params.get(name, "") for name in ("state", "team", "action")}
    teams = sorted({team for row in rows for team in row.budget.where.get("team", ()) if team.strip("!*")})
    actions = list(dict.fromkeys(row.budget.action for row in rows))
    shown = [
        row
        for row in rows
        if asked["state"] in {"", row.state}
        and (not asked["team"] or asked["team"] in row.budget.where.get("team", ()))
        and asked["action"] in {"", row.budget.action}
    ]
    present = {row.state for row in rows} | {asked["state"]} & set(STATES)
    states = [(name, STATES[name][0], _with(request, state=name)) for name in STATES if name in present]
    return shown, {
        "asked": asked,
        "teams": teams,
        "actions": actions,
        "states": states,
        "all": _with(request, state=""),
    }


def _with(request: Request, **changes: str) -> str:
    kept = {name: request.query_params.get(name, "") for name in ("state", "team", "action")} | changes
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/budgets?{query}" if query else "/budgets"


def _pages(request: Request, page: int, rows: int) -> dict[str, Any]:
    last = max(1, -(-rows // PAGE_ROWS))
    return {
        "page": page,
        "last": last,
        "before": _with(request, page=str(page - 1)) if page > 1 else "",
        "after": _with(request, page=str(page + 1)) if page < last else "",
    }


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1


def _group(group: Mapping[str, str]) -> str:
    return ", ".join(f"{named(name)} {value or 'not stated'}" for name, value in group.items())


def _chosen(request: Request, budget: Budget, report: Report) -> tuple[str, ...]:
    """The group whose past is shown: the one the address names, else the one nearest to its limit."""
    names = grouping(budget)
    if names and all(name in request.query_params for name in names):
        return tuple(request.query_params[name] for name in names)
    return report.counters[0].use.values if report.counters and names else ()
