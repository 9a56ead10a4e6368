"""Templates to answers: the environment, the headers of every page, and the page of an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tallystick.budgets.explain import words
from tallystick.budgets.model import Unit
from tallystick.charts.bars import shared_defs
from tallystick.charts.format import count, money, percent
from tallystick.explore.describe import label
from tallystick.explore.model import Freshness, Query, SourceFresh
from tallystick.kernel.errors import TallyError
from tallystick.kernel.period import local_day
from tallystick.web import dates
from tallystick.web.assets import asset_url
from tallystick.web.drill import title
from tallystick.web.site import Site
from tallystick.web.view import BASIS, NAMES, PART

# No inline script and no inline style: what an attacker gets into a page cannot run.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "vary": "cookie",
}
# Pages that the filters of figures mean nothing to.
UNFILTERED = frozenset({"/budgets", "/gateway", "/sources", "/reconcile", "/prices"})
THEME_COOKIE = "tally_theme"
PAGES = (
    ("/", "Overview", "overview", "o"),
    ("/explore", "Cost explorer", "explore", "e"),
    ("/requests", "Requests", "requests", "r"),
    ("/budgets", "Budgets", "budgets", "b"),
    ("/reconcile", "Reconcile", "reconcile", "c"),
    ("/ledger", "Ledger", "ledger", "l"),
    ("/gateway", "Gateway", "gateway", "g"),
    ("/sources", "Sources", "sources", "s"),
    ("/prices", "Prices", "prices", "p"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """The line that every page ends with: measure, basis, currency, zone, freshness."""

    measure: str
    basis: str
    currency: str
    zone: str
    fresh: str
    pending: str
    empty: bool
    bills: str = ""
    sources: tuple[tuple[str, str], ...] = ()


def facts(query: Query | None, freshness: Freshness, now_us: int, zone: str = "") -> Facts:
    """What the figures of a page are; without a query they are effective costs in US dollars."""
    measure, currency = (query.measure, query.currency) if query else ("effective", "USD")
    zone = query.zone if query else zone
    last = freshness.last_event_at
    fresh = "no call yet" if last is None else f"last call {dates.ago(last, now_us)} ({dates.clock(last, zone)})"
    pending = f"{count(freshness.pending)} calls on their way into the ledger" if freshness.pending else ""
    basis = PART[query.basis] if query and query.basis in PART else BASIS[measure]
    told = tuple((one.source, _told(one, now_us)) for one in freshness.sources)
    known = [one.last_at for one in freshness.sources if one.kind == "bills" and one.last_at is not None]
    bills = f"bills until {dates.day(local_day(max(known)), year=True)}" if known else "what is loaded" if told else ""
    return Facts(NAMES[measure], basis, currency, zone, fresh, pending, last is None, bills, told)


def _told(one: SourceFresh, now_us: int) -> str:
    """How far a source has come: ``until 23 Nov 2026, read 5 min ago``."""
    until = [] if one.last_at is None else [f"until {dates.day(local_day(one.last_at), year=True)}"]
    read = [] if one.loaded_at is None else [f"read {dates.ago(one.loaded_at, now_us)}"]
    return ", ".join([*until, *read])


@cache
def environment() -> Environment:
    """The templates. Everything is escaped; an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        asset=asset_url, pages=PAGES, unfiltered=UNFILTERED, defs=_drawn(shared_defs()), ranges=dates.RANGES, comparisons=dates.COMPARISONS,
        grains=dates.GRAINS, measures=tuple(NAMES.items()), str=str,
    )  # fmt: skip
    made.filters.update(
        label=label,
        heading=title,
        count=count,
        money=money,
        percent=percent,
        svg=_drawn,
        amount=_amount,
        zip_label=_with_labels,
    )
    return made


def _amount(amount: int, unit: Unit) -> str:
    return words(unit, amount)


def _with_labels(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, label(name)) for name in names]


def _drawn(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - drawings of `charts`, which escapes whatever it writes


def render(request: Request, site: Site | None, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page. `values` must hold its `heading`, also the title of the browser's tab."""
    theme = request.cookies.get(THEME_COOKIE, "")
    shared: Mapping[str, object] = {
        "theme": theme if theme in {"light", "dark"} else "",
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "name": site.name if site else "Tallystick",
        "demo": bool(site and site.context.demo),
        "version": site.version if site else "",
        "csrf": getattr(request.state, "csrf", ""),
        "facts": None,
    }
    text = environment().get_template(template).render({**shared, **values})
    return HTMLResponse(text, status, headers=HEADERS)


def error_page(request: Request, status: int, error: TallyError) -> HTMLResponse:
    """An error as a page: what, where, and what next. Never a traceback."""
    kind = HTTPStatus(status).phrase
    return render(
        request,
        None,
        "error.html",
        status=status,
        heading=kind,
        error=error,
        plain=True,
        code=f"{status} · {error.code}",
    )
