"""Prices: what holds, what held, what contracts make of it, what is doubtful, and what a change would cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tallystick.charts.format import money
from tallystick.kernel.errors import TallyError
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import DAY_US, local_day
from tallystick.kernel.tables import read_tables
from tallystick.operations.context import now_us
from tallystick.operations.explain_price import agreed_to_wire, explain_contracts, explain_price, list_prices
from tallystick.operations.explore import read_freshness
from tallystick.operations.find_prices import list_findings
from tallystick.operations.import_price_list import list_price_lists
from tallystick.operations.list_used_models import list_used_models
from tallystick.operations.manage_prices import list_contracts
from tallystick.operations.simulate_prices import Simulation, simulate_prices
from tallystick.pricing.model import PriceCard, Tier
from tallystick.pricing.revise import HUNDRED_PERCENT
from tallystick.pricing.scenario import parse_scenario
from tallystick.usage.meters import BY_NAME, TOKEN_METERS
from tallystick.web.dates import utc_start
from tallystick.web.exposure_page import exposure
from tallystick.web.render import facts, render
from tallystick.web.site import Site
from tallystick.web.used_models import used_rows

_MOST, _MOST_USED = 60, 12
_SHOWN = ("uncached_input", "cache_read", "cache_write_5m", "plain_output")
CHANGES = (
    ("percent", "every price by so many per cent"),
    ("tokenizer_percent", "so many per cent more tokens for the same text"),
    ("per_request", "so many dollars a request, tokens free"),
    ("to_service_tier", "bought in this service tier"),
)
_PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One size class of one card, written; amounts per million tokens by `_SHOWN`."""

    provider: str
    model: str
    href: str
    conditions: str
    since: str
    amounts: tuple[str, ...]
    others: str
    source: str
    state: str = ""


def serve_prices(request: Request, site: Site, sent: Mapping[str, str] | None = None) -> Response:
    """``/prices``: models in use and findings; with ``q`` what is found, with ``model`` its history.

    With ``change`` what it would cost; with ``changes`` in a form that was sent, what that file of changes would.
    """
    context, at = site.context, now_us()
    params: Mapping[str, str] = request.query_params if sent is None else sent
    search, name = params.get("q", "").strip()[:200], params.get("model", "")[:200]
    cards = list_prices(context, model=search) if search else []
    history = explain_price(context, model=name, provider=params.get("provider", "")[:200]) if name else None
    form = {key: params.get(key, "").strip()[:200] for key in ("of", "change", "value", "days")}
    changes = params.get("changes", "") if sent is not None else ""
    found, wrong = _simulated(site, form, changes, at)
    used = [] if search or name else list_used_models(context, site.principal(request), at, _MOST_USED)
    doubts = list_findings(context)
    return render(
        request,
        site,
        "prices.html",
        heading="Prices",
        q=search,
        rows=[row for card in cards[:_MOST] for row in _rows(card, at)],
        left_out=max(0, len(cards) - _MOST),
        used=used_rows(used, lambda card: _amounts(min(card.tiers, key=_above).prices)),
        history=history,
        agreed=agreed_to_wire(history, explain_contracts(context, history)) if history else None,
        past=[
            row
            for card in (history.cards if history else ())
            for row in _rows(card, at, held=card.price_id in history.in_force if history else False)
        ],
        shown=[BY_NAME[one].name.replace("_", " ") for one in _SHOWN],
        findings=[
            (one.finding.kind.replace("_", " "), one.finding.what, money(one.finding.amount, one.finding.currency)
             if one.finding.amount is not None else "", f"{local_day(one.found_at, context.zone):%Y-%m-%d}")
            for one in doubts[:_MOST]
        ],
        more_findings=max(0, len(doubts) - _MOST),
        lists=[
            (one.name, one.file, len(one.quotes), f"{local_day(one.imported_at, context.zone):%Y-%m-%d}")
            for one in list_price_lists(context)
        ],
        contracts=[
            (one.name, one.provider, one.model, f"{(HUNDRED_PERCENT - one.factor) / 10_000:g} %", len(one.fixed),
             "yes" if one.volume else "", _since(one.start_us),
             _since(one.end_us) if one.end_us else "until further notice")
            for one in list_contracts(context)
        ],
        form=form,
        file=changes,
        changes=CHANGES,
        periods=_PERIODS,
        wrong=wrong,
        exposed=exposure(found) if found else None,
        facts=facts(None, read_freshness(context), at, context.zone),
    )  # fmt: skip


def _simulated(site: Site, form: dict[str, str], changes: str, at: int) -> tuple[Simulation | None, str]:
    """The simulation that one of the forms asks for, or what is wrong with it."""
    if not form["change"] and not changes.strip():
        return None, ""
    value: Any = form["value"]
    days = int(form["days"]) if form["days"].isdigit() and 0 < int(form["days"]) <= 1500 else 30
    try:
        raw = read_tables(changes, "") if changes else {"change": [{"model": form["of"], form["change"]: value}]}
        scenario = parse_scenario(raw, "the file" if changes else "the form")
        return simulate_prices(site.context, scenario, start_us=at - days * DAY_US, end_us=at), ""
    except TallyError as error:
        return None, f"{error.where}: {error.what}" if changes and error.where else error.what


def _rows(card: PriceCard, at: int, *, held: bool = True) -> list[PriceRow]:
    state = (
        "withdrawn" if card.withdrawn_at is not None else "" if held else "later" if card.valid_from > at else "earlier"
    )
    rows = []
    for tier in card.tiers:
        words = [card.service_tier or "standard", card.region]
        words.append(f"above {tier.above_input_tokens:,} tokens" if tier.above_input_tokens else "")
        words.append(
            "at {}:{:02}–{}:{:02} UTC".format(*divmod(card.hours[0], 60), *divmod(card.hours[1], 60))
            if card.hours
            else ""
        )
        others = [
            f"{one.replace('_', ' ')} {_per(one, price)}"
            for one, price in sorted(tier.prices.items())
            if one not in _SHOWN
        ]
        rows.append(
            PriceRow(
                card.provider,
                card.model,
                "/prices?" + urlencode({"model": card.model, "provider": card.provider}),
                ", ".join(word for word in words if word),
                _since(card.valid_from),
                _amounts(tier.prices),
                "; ".join(others),
                card.source,
                state,
            )
        )
    return rows


def _above(tier: Tier) -> int:
    return tier.above_input_tokens


def _amounts(prices: Mapping[str, int]) -> tuple[str, ...]:
    """Prices of the meters in `_SHOWN`."""
    return tuple(_per(one, prices[one]) if one in prices else "" for one in _SHOWN)


def _per(meter: str, grains: int) -> str:
    return text_from_grains(grains * (10**6 if meter in TOKEN_METERS else 1))


def _since(at_us: int) -> str:
    return utc_start(at_us) if at_us else "always"
