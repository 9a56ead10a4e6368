"""The pages as one router: route, operation, template. What is asked is in the URL, who asks the guard has found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tallystick.operations.context import Context
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook
from tallystick.web import act_prices
from tallystick.web.act_budgets import ACTS, Act, Sent, serve_new
from tallystick.web.assets import asset_url, serve_asset
from tallystick.web.live import Viewers, stream_live
from tallystick.web.render import error_page
from tallystick.web.serve_budgets import serve_budget, serve_budgets
from tallystick.web.serve_explore import serve_csv, serve_explore
from tallystick.web.serve_gateway import serve_gateway
from tallystick.web.serve_ledger import serve_ledger, serve_ledger_csv
from tallystick.web.serve_overview import serve_overview
from tallystick.web.serve_prices import serve_prices
from tallystick.web.serve_reconcile import (
    by_period,
    serve_claim,
    serve_month,
    serve_page,
    serve_reconcile,
    serve_reconcile_csv,
    serve_rows,
    serve_rows_csv,
    serve_rows_json,
)
from tallystick.web.serve_requests import serve_request, serve_requests
from tallystick.web.serve_rest import serve_find, serve_login, serve_sources, serve_theme
from tallystick.web.site import BaseUrl, Site, principal_of

__all__ = ["BaseUrl", "build_web", "error_page"]

Page = Callable[[Request, Site], Response]
PAGES: tuple[tuple[str, Page], ...] = (
    ("/", serve_overview),
    ("/explore", serve_explore),
    ("/explore.csv", serve_csv),
    ("/requests", serve_requests),
    ("/budgets", serve_budgets),
    ("/budgets/new", serve_new),
    ("/budgets/{name}", serve_budget),
    ("/gateway", serve_gateway),
    ("/ledger", serve_ledger),
    ("/ledger.csv", serve_ledger_csv),
    ("/sources", serve_sources),
    ("/reconcile", serve_reconcile),
    ("/reconcile.csv", serve_reconcile_csv),
    ("/reconcile/pages/{page_id}", serve_page),
    ("/reconcile/{period}", by_period(serve_month)),
    ("/reconcile/{period}/rows", by_period(serve_rows)),
    ("/reconcile/{period}/rows.csv", by_period(serve_rows_csv)),
    ("/reconcile/{period}/rows.json", by_period(serve_rows_json)),
    ("/reconcile/{period}/claims/{claim}", serve_claim),
    ("/prices", serve_prices),
    ("/find", serve_find),
    ("/login", serve_login),
)


def build_web(
    context: Context,
    *,
    book: Callable[[], PriceBook],
    principal: Callable[[Request], Principal] = principal_of,
    base_urls: Sequence[BaseUrl | tuple[str, str, str]] = (),
    company: str = "",
    version: str = "",
    told: Callable[[], Mapping[str, object]] = dict,
) -> APIRouter:
    """The router of all pages and their static files.

    Args:
        context: The instance.
        book: The price book of this moment.
        principal: Who is asking; by default what the guard left in ``request.state.principal``.
        base_urls: What to paste, as name, environment variable (may be empty) and URL.
        company: Shown at the top left.
        version: Of the product.
        told: What the server knows of itself: kind and state of the counters.
    """
    urls = tuple(one if isinstance(one, BaseUrl) else BaseUrl(*one) for one in base_urls)
    site = Site(context, book, principal, urls, company, version, told)
    router = APIRouter(include_in_schema=False)
    for path, serve in PAGES:
        router.add_api_route(path, _route(serve, site), methods=["GET"], response_model=None)
    router.add_api_route("/gateway/live", _live_route(site), methods=["GET"], response_model=None)
    for path, act in (*ACTS, *act_prices.ACTS):
        router.add_api_route(path, _form_route(act, site), methods=["POST"], response_model=None)
    router.add_api_route("/requests/{event_id}", _call_route(site), methods=["GET"], response_model=None)
    router.add_api_route("/theme", serve_theme, methods=["GET"], response_model=None)
    router.add_api_route("/static/{path:path}", serve_asset, methods=["GET"], response_model=None)
    router.add_api_route("/favicon.ico", _icon, methods=["GET"], response_model=None)
    return router


def _route(serve: Page, site: Site) -> Callable[[Request], Response]:
    # Not async: the framework runs it on a thread, for a query may take a while.
    def answer(request: Request) -> Response:
        return serve(request, site)

    return answer


def _form_route(act: Act, site: Site) -> Callable[[Request, Sent], Response]:
    def answer(request: Request, fields: Sent) -> Response:
        return act(request, site, fields)

    return answer


def _live_route(site: Site) -> Callable[[Request], Awaitable[Response]]:
    viewers = Viewers()

    # Async: the stream lives on the loop, and asks the ledger on threads.
    async def answer(request: Request) -> Response:
        return stream_live(request, site, viewers)

    return answer


def _call_route(site: Site) -> Callable[[Request, str], Response]:
    def answer(request: Request, event_id: str) -> Response:
        return serve_request(request, site, event_id)

    return answer


def _icon() -> Response:
    return RedirectResponse(asset_url("icon.svg"), 303)
