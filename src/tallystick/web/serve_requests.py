"""The list of calls, and one call."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from tallystick.charts.format import count, money, symbol
from tallystick.explore.describe import title_text
from tallystick.kernel.money import text_from_grains
from tallystick.operations.context import now_us
from tallystick.operations.explain_decision import explain_decision
from tallystick.operations.explore import read_freshness
from tallystick.operations.follow_calls import list_attempts
from tallystick.operations.list_requests import list_requests
from tallystick.operations.read_content import read_content
from tallystick.operations.read_request import read_copies, read_request
from tallystick.usage.model import UsageEvent
from tallystick.web.ask import Ask, ask, bar
from tallystick.web.currency_choice import currency_choice
from tallystick.web.decision_page import decision_page
from tallystick.web.render import facts, render
from tallystick.web.requests_page import call_page, call_row, copy_lines
from tallystick.web.said import said_of
from tallystick.web.site import Site
from tallystick.web.view import Figure, exact

PAGE_ROWS = 50


def serve_requests(request: Request, site: Site) -> Response:
    """``/requests``: which calls cost this, newest first."""
    asked = ask(request, site)
    if not isinstance(asked, Ask):
        return asked
    address = asked.address
    query = replace(asked.query, group_by=(), grain=None, previous=None)
    breakdown = asked.answer(query)
    cursor, sort = address.get("after"), address.get("sort")
    page = list_requests(site.context, query, asked.principal, cursor=cursor, limit=PAGE_ROWS, sort=sort)
    total = breakdown.total.now
    return render(
        request,
        site,
        "requests.html",
        heading=f"Requests: {title_text(breakdown)}",
        currencies=currency_choice(asked, breakdown),
        rows=[call_row(event, query.zone) for event in page.events],
        total=total,
        total_figure=Figure(money(total.cost, query.currency), exact(total.cost)),
        unpriced=f"{count(total.unpriced_calls)} of them without a price" if total.unpriced_calls else "",
        orders=(
            ("Newest first", str(address.having(sort=None)), not sort),
            ("Dearest first", str(address.having(sort="-cost")), bool(sort)),
        ),
        first_page=str(address.having()),
        next_page=str(address.having(after=page.next_cursor)) if page.next_cursor else "",
        facts=facts(query, breakdown.freshness, asked.now_us),
        base_urls=site.base_urls,
        **bar(asked, grouping=False, picked=("provider", "team", "verdict")),
    )


def serve_request(request: Request, site: Site, event_id: str) -> Response:
    """``/requests/{event_id}``: one call with its priced lines.

    Raises:
        NotFound: No such call, or not one this caller may see.
    """
    who = site.principal(request)
    event = read_request(site.context, event_id, who)
    card = next((one for one in site.book().cards if one.price_id == event.price_id), None) if event.price_id else None
    page = call_page(event, card, site.context.zone)
    explained = explain_decision(site.context, event_id, who)
    decision = decision_page(explained, list_attempts(site.context, event, who), site.context.zone)
    return render(
        request, site, "request.html", heading=page.title, page=page, copies=copy_lines(event.event_id, read_copies(site.context, event)), decision=decision, refused=event.outcome == "refused", event_id=event_id, complete=not event.unpriced,
        sum_text=_sum(event), said=said_of(read_content(site.context, event_id, who)), facts=facts(None, read_freshness(site.context), now_us(), site.context.zone),
    )  # fmt: skip


def _sum(event: UsageEvent) -> str:
    """The exact sum: a page about one call rounds nothing."""
    if event.effective_cost is None:
        return "unknown"
    return f"{symbol(event.currency)}{text_from_grains(event.effective_cost)}"
