"""One ledger of dollars and euros over HTTP: what each page and route says of it, apart and in one currency."""

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.usage.model import UsageEvent
from tallystick.web.pages import build_web
from tests.api.client import ask
from tests.contracts.explored import made_events, micros

Lines = list[tuple[str, str]]
SPAN = "from=2026-10-01&to=2026-10-04&cmp=none"


def _call(number: int, at: str, cost: str, currency: str, team: str) -> UsageEvent:
    (one,) = made_events(number, 1, "2026-10-01T00:00", "2026-10-01T01:00")
    grains = int(cost) * 10**12
    return replace(
        one, event_id=f"evt_{number}", call_id=f"call_{number}", occurred_at=micros(at), attempt=1, currency=currency,
        dimensions={"team": team}, effective_cost=grains, list_cost=grains, priced={"plain_output": grains},
        outcome="ok", source="gateway",
    )  # fmt: skip


@pytest.fixture
def site(context: Context, services: Services) -> FastAPI:
    made = build_api(context, services, build_web(context, book=services.book))
    ingest_events(
        context,
        [
            _call(1, "2026-10-01T10:00", "50", "USD", "search"),
            _call(2, "2026-10-02T10:00", "100", "USD", "search"),
            _call(3, "2026-10-03T10:00", "10", "USD", "chat"),
            _call(4, "2026-10-02T12:00", "7", "EUR", "chat"),
        ],
    )
    post_charges(context)
    return made


@pytest.fixture
def rated(site: FastAPI, local: Lines) -> FastAPI:
    for on, rate in (("2026-10-02", "0.9"), ("2026-10-03", "0.8")):
        body = {"from": "USD", "to": "EUR", "rate": rate, "date": on, "source": "desk"}
        assert ask(site, "POST", "/api/v1/currency/rates", local, body).status == 200
    return site


def _json(app: FastAPI, target: str, headers: Lines) -> Any:
    reply = ask(app, "GET", target, headers)
    assert reply.status == 200, reply.body
    return reply.json


def _page(app: FastAPI, target: str, headers: Lines) -> str:
    reply = ask(app, "GET", target, headers)
    assert reply.status == 200, (target, reply.status, reply.body[:500])
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.body.decode()))


def test_everything_in_one_currency_by_hand(rated: FastAPI, local: Lines) -> None:
    told = _json(rated, f"/api/v1/explore?{SPAN}&convert=EUR&by=team&grain=day", local)
    # 100 at 0.9, 10 at 0.8, 7 as they are; 50 of the day before the first rate stay dollars.
    assert (told["currency"], told["total"]) == ("EUR", "105")
    assert {row["group"]["team"]: row["value"] for row in told["rows"]} == {"search": "90", "chat": "15"}
    assert told["series"]["values"] == ["0", "97", "8"]
    (apart,) = told["unconverted"]
    assert (apart["currency"], apart["total"], apart["from"], apart["to"]) == ("USD", "50", "2026-10-01", "2026-10-02")
    assert [(one["date"], one["rate"], one["days"]) for one in told["convert"]["rates"]] == [
        ("2026-10-02", "0.9", 1), ("2026-10-03", "0.8", 1),
    ]  # fmt: skip
    assert told["quality"]["by_basis"]["metered"] == "105"
    assert told["other_currencies"] == []


@pytest.mark.parametrize(("currency", "total", "other"), [("USD", "160", "EUR"), ("EUR", "7", "USD")])
def test_apart_each_currency_has_its_own_sums_everywhere(
    site: FastAPI, local: Lines, currency: str, total: str, other: str
) -> None:
    told = _json(site, f"/api/v1/explore?{SPAN}&currency={currency}&by=team", local)
    assert (told["total"], told["other_currencies"], told["convert"]) == (total, [other], None)
    ledger = _json(site, f"/api/v1/ledger?from=2026-10-01&to=2026-10-04&currency={currency}", local)
    assert (ledger["sums"]["effective_cost"], ledger["currency"]) == (total, currency)
    for path in ("/", "/explore", "/requests", "/ledger"):
        page = _page(site, f"{path}?{SPAN}&currency={currency}", local)
        sign = {"USD": "$", "EUR": "€"}[currency]
        assert f"{sign}{total}" in page, path
        assert not re.search(r"[$€]\s?167", page), path
        if path != "/ledger":
            assert f"There are rows in {other} too, in no figure here." in page


def test_pages_in_one_currency_name_rates_and_what_has_none(rated: FastAPI, local: Lines) -> None:
    for path in ("/", "/explore", "/requests"):
        page = _page(rated, f"{path}?{SPAN}&convert=EUR", local)
        assert "€105" in page, path
        assert "USD in EUR, each day at its rate: 2 rates of 2026-10-02 to 2026-10-03 (desk)." in page
        assert "$50.00 of 1 Oct 2026 has no rate to EUR and is in no figure in EUR." in page
    explorer = ask(rated, "GET", f"/explore?{SPAN}&convert=EUR", local).body.decode()
    assert re.findall(r'href="(/ledger[^"]*)"', explorer)
    assert not [href for href in re.findall(r'href="(/ledger[^"]*)"', explorer) if "convert" in href]
    assert "all in USD" in explorer
    lines = list(
        csv.DictReader(io.StringIO(ask(rated, "GET", f"/explore.csv?{SPAN}&convert=EUR", local).body.decode()))
    )
    assert [(one["team"], one["cost"], one["currency"]) for one in lines] == [
        ("search", "90", "EUR"), ("chat", "15", "EUR"), ("search", "50", "USD"),
    ]  # fmt: skip


def test_a_call_is_shown_in_the_currency_it_was_charged_in(site: FastAPI, local: Lines) -> None:
    page = _page(site, "/requests/evt_4", local)
    assert "€7" in page
    assert "$7" not in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("convert=EURO", "is no currency"),
        ("convert=EUR&currency=USD", "give one of the two"),
        ("via=GBP", "via needs convert"),
    ],
)
def test_a_wrong_wish_is_refused_with_what_to_do(site: FastAPI, local: Lines, words: str, says: str) -> None:
    reply = ask(site, "GET", f"/api/v1/explore?{words}", local)
    assert reply.status == 400
    assert says in reply.json["error"]["what"]
    assert reply.json["error"]["next_steps"]
    assert ask(site, "GET", f"/api/v1/ledger?{SPAN}&convert=EUR", local).status == 400


def test_a_team_sees_neither_money_nor_currencies_of_others(context: Context, rated: FastAPI, local: Lines) -> None:
    body = {"name": "search only", "role": "viewer", "teams": ["search"]}
    token = ask(rated, "POST", "/api/v1/tokens", local, body).json["token"]
    mine: Lines = [("authorization", f"Bearer {token}")]
    told = _json(rated, f"/api/v1/explore?{SPAN}&convert=EUR&by=team", mine)
    assert (told["total"], told["convert"]["currencies"]) == ("90", ["USD"])
    assert _json(rated, f"/api/v1/explore?{SPAN}&by=team", mine)["other_currencies"] == []


def test_without_any_rate_the_sum_is_unknown_and_the_page_says_how_to_bring_rates(site: FastAPI, local: Lines) -> None:
    told = _json(site, f"/api/v1/explore?{SPAN}&convert=GBP&by=team", local)
    assert (told["total"], told["rows"]) == (None, [])
    assert [(one["currency"], one["total"]) for one in told["unconverted"]] == [("EUR", "7"), ("USD", "160")]
    for path in ("/", "/explore"):
        page = _page(site, f"{path}?{SPAN}&convert=GBP", local)
        assert "No rate to GBP" in page
        assert "$160.00 of 1–3 Oct has no rate to GBP and is in no figure in GBP." in page
        assert "£0" not in page
