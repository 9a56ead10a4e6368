"""The gateway: is it healthy, who has keys, what is blocked; and the calls as they come in."""

from starlette.requests import Request
from starlette.responses import Response

from tallystick.budgets.model import Budget
from tallystick.charts.format import count
from tallystick.explore.model import Breakdown
from tallystick.explore.parse import parse_query
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import explore, read_freshness
from tallystick.operations.follow_calls import last_landed
from tallystick.operations.list_requests import list_requests
from tallystick.operations.manage_budgets import visible_budgets
from tallystick.operations.manage_keys import list_keys
from tallystick.operations.read_health import read_health
from tallystick.operations.read_metrics import read_metrics
from tallystick.operations.repair_counters import list_repairs
from tallystick.org.authorize import may
from tallystick.org.model import Principal
from tallystick.ports import CountersAway
from tallystick.web.gateway_page import key_rows, process_rows, provider_rows, spool_words
from tallystick.web.render import facts, render
from tallystick.web.requests_page import call_row
from tallystick.web.site import Site

_CALLS, _KEYS = 30, 25
_KINDS = {
    "shared": "in shared memory of this machine",
    "process": "in each gateway process by itself",
    "redis": "in Redis",
}
_WEEK_US = 7 * DAY_US


def serve_gateway(request: Request, site: Site) -> Response:
    """``/gateway``: a part is shown to whoever may see it."""
    context, who, at = site.context, site.principal(request), now_us()
    # The number first: what lands in between is told by the stream again, rather than never.
    after = last_landed(context)
    whole = may(who, "instance")
    latest = list_requests(context, parse_query({"range": ["7d"]}, now_us=at, zone=context.zone), who, limit=_CALLS)
    keys = may(who, "keys_read")
    return render(
        request,
        site,
        "gateway.html",
        heading="Gateway",
        after=after,
        calls=[call_row(event, context.zone) for event in latest.events],
        providers=provider_rows(read_health(context.data_dir), _today(context, who, at, "provider_account"), at)
        if whole
        else None,
        keys=key_rows(list_keys(context, who), _today(context, who, at, "key"), _set_budgets(context, who), _KEYS)
        if keys
        else None,
        counters=_counters(site, at) if whole else None,
        workers=_workers(context) if whole else None,
        base_urls=site.base_urls,
        facts=facts(None, read_freshness(context), at, context.zone),
    )


def _today(context: Context, who: Principal, at_us: int, dimension: str) -> Breakdown:
    asked = {"range": ["today"], "by": [dimension], "cmp": ["none"]}
    return explore(context, parse_query(asked, now_us=at_us, zone=context.zone), who)


def _set_budgets(context: Context, who: Principal) -> list[Budget]:
    """Those that people have set: the defaults hold every key."""
    return [one for one in visible_budgets(context, who) if one.version]


def _counters(site: Site, at_us: int) -> list[tuple[str, str]]:
    context, facts_ = site.context, site.facts()
    kind = str(facts_.get("counters", "shared" if context.counters is not None else "process"))
    told = [("Kept", _KINDS.get(kind, kind)), ("State", str(facts_.get("counters_state", "unknown")))]
    if context.counters is not None:
        try:
            told.append(("Built from the ledger", "yes" if context.counters.built() else "not yet"))
            told.append(("Calls in flight that hold an amount", count(len(context.counters.open_reservations()))))
        except CountersAway as away:
            told.append(("Built from the ledger", f"unknown: {away.reason}"))
    late = sum(1 for one in list_repairs(context, 1000) if one.at > at_us - _WEEK_US)
    return [*told, ("Set right in seven days", f"{count(late)} of them" if late else "none")]


def _workers(context: Context) -> list[tuple[str, str]]:
    found = read_metrics(context, now_us())
    return [*process_rows(found.processes), ("On its way into the ledger", spool_words(found.spool_bytes))]
