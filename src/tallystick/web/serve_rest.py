"""Sources, search, login page, theme: the small pages."""

from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tallystick.explore.describe import label
from tallystick.kernel.period import DAY_US, Period
from tallystick.operations.context import now_us
from tallystick.operations.explore import read_freshness
from tallystick.operations.list_sources import list_sources
from tallystick.operations.list_values import list_values
from tallystick.operations.report_sources import list_loaded, report_sources
from tallystick.web.address import Address
from tallystick.web.drill import next_dimension
from tallystick.web.render import PAGES, THEME_COOKIE, facts, render
from tallystick.web.site import Site
from tallystick.web.sources_page import (
    BILL_COLUMNS,
    COLUMNS,
    LOADED_COLUMNS,
    bill_row,
    loaded_row,
    source_row,
    troubles,
)

SEARCHED = ("team", "provider", "model", "feature", "customer", "user", "key", "agent")
SEARCHED_DAYS = 92
_EACH, _MOST = 5, 30
_YEAR = 365 * 86400


@dataclass(frozen=True, slots=True)
class Found:
    """One hit of the search."""

    text: str
    kind: str
    href: str


def serve_sources(request: Request, site: Site) -> Response:
    """``/sources``: what data is in, how fresh, how sure."""
    context = site.context
    rows = [source_row(one, context.zone) for one in list_sources(context)]
    reports = report_sources(context)
    loaded = [loaded_row(one, context.zone) for one in list_loaded(context)]
    bills = [bill_row(one, context.zone) for one in reports]
    about = facts(None, read_freshness(context, site.principal(request)), now_us(), context.zone)
    return render(
        request, site, "sources.html", heading="Sources", columns=COLUMNS, sources=rows, base_urls=site.base_urls,
        bill_columns=BILL_COLUMNS, bills=bills, troubles=troubles(reports), facts=about,
        loaded_columns=LOADED_COLUMNS, loaded=loaded,
    )  # fmt: skip


def serve_find(request: Request, site: Site) -> Response:
    """``/find?q=``: pages, values of dimensions, a call by its id."""
    words = request.query_params.get("q", "").strip()[:200]
    return render(request, site, "find.html", heading="Search", q=words, found=_find(request, site, words))


def _find(request: Request, site: Site, words: str) -> list[Found]:
    found = [Found(text, "Page", href) for href, text, _, _ in PAGES if words.casefold() in text.casefold()]
    if words.startswith("evt_"):
        return [Found(words, "Call", f"/requests/{quote(words, safe='')}"), *found]
    if not words:
        return found
    at, principal = now_us(), site.principal(request)
    period = Period(at - SEARCHED_DAYS * DAY_US, at)
    for dimension in SEARCHED:
        for value in list_values(site.context, dimension, period, principal, prefix=words, limit=_EACH):
            if value:
                onward = next_dimension(dimension, {dimension}) or "model"
                address = Address("/explore").filtered(dimension, value).having(by=onward)
                found.append(Found(value, label(dimension), str(address)))
    return found[:_MOST]


def serve_login(request: Request, site: Site) -> Response:
    """``/login``: how to get a link, and where to paste it."""
    onward = request.query_params.get("next", "/")
    return render(request, site, "login.html", heading="Log in", onward=local(onward), plain=True)


def serve_theme(request: Request) -> Response:
    """``/theme``: switch between light and dark without script; with it the page does so itself.

    The cookie says nothing but light or dark.
    """
    onward = local(request.query_params.get("next", "/"))
    new = "light" if request.cookies.get(THEME_COOKIE) == "dark" else "dark"
    answer = RedirectResponse(onward, 303, headers={"cache-control": "no-store"})
    answer.set_cookie(THEME_COOKIE, new, max_age=_YEAR, samesite="lax", path="/")
    return answer


def local(path: str) -> str:
    r"""A path of this server; whatever could lead elsewhere becomes ``/``. Browsers read ``/\`` as ``//``."""
    bad = not path.startswith("/") or path[1:2] in {"/", "\\"} or "\\" in path or not path.isprintable()
    return "/" if bad else path
