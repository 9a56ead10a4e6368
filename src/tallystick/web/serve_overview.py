"""The overview, or, before the first call, the page that waits for it."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from tallystick.explore.describe import compared_text, title_text
from tallystick.explore.model import Breakdown
from tallystick.operations.manage_budgets import visible_budgets
from tallystick.operations.reconcile import list_reconciliations
from tallystick.operations.show_budgets import report_budgets
from tallystick.org.authorize import may
from tallystick.web.ask import Ask, ask, without_owner, written
from tallystick.web.budgets_page import BudgetRow, counter_row
from tallystick.web.currency_choice import currency_choice
from tallystick.web.explore_figure import figure
from tallystick.web.explore_page import chips, explore_page, sentence
from tallystick.web.overview_page import changes, todos
from tallystick.web.reconcile_page import closed_month
from tallystick.web.render import facts, render
from tallystick.web.site import Site

_ROWS = 200
_AT_RISK = 3


def serve_overview(request: Request, site: Site) -> Response:
    """``/``: are we on track, what changed, what needs me today."""
    asked = ask(request, site, by="team", grain=True)
    if not isinstance(asked, Ask):
        return asked
    # Whatever the explorer was grouped by: here it is by team, and inside one team by feature.
    owner = "feature" if any(one.dimension == "team" for one in asked.query.filters) else "team"
    by_owner = asked.answer(replace(asked.query, group_by=(owner,), limit=_ROWS))
    if by_owner.freshness.last_event_at is None:
        return _wait(request, site, asked)
    return _overview(request, asked, by_owner)


def _wait(request: Request, site: Site, asked: Ask) -> Response:
    return render(
        request, site, "overview.html", heading="Listening", listening=True, base_urls=site.base_urls, query=asked.query
    )


def _overview(request: Request, asked: Ask, by_owner: Breakdown) -> Response:
    flat = replace(asked.query, grain=None, limit=_ROWS)
    by_model = asked.answer(replace(flat, group_by=("model",)))
    by_other = asked.answer(
        replace(flat, group_by=("customer",) if by_owner.query.group_by == ("feature",) else ("feature",))
    )
    explorer = asked.address.to("/explore")
    page = explore_page(by_owner, written(asked, by_owner), explorer, unowned=without_owner(asked), now_us=asked.now_us)
    return render(
        request,
        asked.site,
        "overview.html",
        heading=title_text(by_owner),
        listening=False,
        address=asked.address,
        chips=chips(asked.query, asked.address),
        query=asked.query,
        compared=compared_text(asked.query) or "no comparison",
        currencies=currency_choice(asked, by_owner),
        answer=sentence(by_owner, explorer),
        headline=page.tiles,
        rests=page.quality,
        figure=figure(by_owner, written(asked, by_owner), asked.now_us),
        changes=changes((by_owner, by_model, by_other), explorer),
        todos=todos(by_owner, by_model, explorer),
        at_risk=_at_risk(asked),
        closed=_closed(asked),
        facts=facts(asked.query, by_owner.freshness, asked.now_us),
    )


def _closed(asked: Ask) -> tuple[str, str] | None:
    """The last invoiced month against what was metered; none under a filter, for it is of all calls."""
    if asked.query.filters or not may(asked.principal, "instance"):
        return None
    return closed_month(list_reconciliations(asked.site.context), asked.now_us)


def _at_risk(asked: Ask) -> list[BudgetRow]:
    """The budgets that are heading furthest past their limits; none under a filter, for they are of all calls."""
    context = asked.site.context
    if asked.query.filters or not may(asked.principal, "budgets_read"):
        return []
    budgets = [one for one in visible_budgets(context, asked.principal) if one.version]
    if not budgets:
        return []
    found = [
        one for report in report_budgets(context, budgets, top=_AT_RISK, reviewed=False) for one in report.counters
    ]
    found.sort(key=lambda one: -max(one.pace.forecast or 0, one.use.used) / max(1, one.use.limit))
    return [counter_row(one, context.zone, asked.now_us) for one in found[:_AT_RISK]]
