"""A caller limited to one team tries to read another's rows by every route and filter."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.instance import prepare_instance
from tallystick.operations.manage_tokens import TokenRequest, create_token
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import Measured, UsageEvent
from tallystick.web.pages import build_web
from tests.api.client import ask

MARK = "zebra"  # stands in every text of the other team's rows and nowhere else
Lines = list[tuple[str, str]]


def _event(number: int, team: str, word: str, at: int) -> UsageEvent:
    dimensions = {"feature": f"{word}-feature", "customer": f"{word}-customer", "user": f"{word}-user"}
    if team:
        dimensions["team"] = team
    return UsageEvent(
        event_id=f"evt_{word}{number}",
        call_id=f"evt_{word}{number}",
        occurred_at=at,
        provider=f"{word}-provider",
        model=f"{word}-model",
        key=f"key_{word}",
        dimensions=dimensions,
        tags={"squad": f"{word}-squad"},
        measured=Measured({"uncached_input": 10}, 10, 0, "reported"),
        priced={"uncached_input": 7},
        list_cost=7,
        effective_cost=7,
    )


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder: Path = tmp_path_factory.mktemp("tenants")
    engine, config_db = DuckDbEngine(None), ConfigDb(folder / "config.db")
    secret = prepare_instance(folder).secret
    context = Context(ledger=engine, config_db=config_db, data_dir=folder, secret=secret)
    start_ledger(context)
    at = now_us() - 3_600_000_000
    rows = [_event(n, "search", "mine", at + n) for n in range(3)]
    rows += [_event(n, f"{MARK} team", MARK, at + n) for n in range(5)]
    rows += [_event(9, "", MARK, at)]
    ingest_events(context, rows)
    post_charges(context)
    # The tail that is not posted yet is read by another path.
    ingest_events(context, [_event(7, "search", "mine", at), _event(17, f"{MARK} team", MARK, at)])
    yield context
    engine.close()
    config_db.close()


@pytest.fixture(scope="module")
def app(context: Context) -> FastAPI:
    book = PriceBook([])
    return build_api(context, Services(book=lambda: book), build_web(context, book=lambda: book))


@pytest.fixture(scope="module")
def scoped(context: Context) -> Lines:
    return _bearer(context, TokenRequest(role="viewer", teams=("search",)))


@pytest.fixture(scope="module")
def whole(context: Context) -> Lines:
    return _bearer(context, TokenRequest(role="viewer"))


def _bearer(context: Context, request: TokenRequest) -> Lines:
    return [("authorization", f"Bearer {create_token(context, request)[1]}")]


DIMENSIONS = ["team", "feature", "customer", "user", "key", "model", "provider", "tag.squad", "source"]
CONDITIONS = [
    "team!=search", f"team={MARK} team", "team=", f"team~={MARK}", f"team^={MARK[0]}", "team=search|" + f"{MARK} team",
    f"feature={MARK}-feature", f"customer~={MARK}", f"tag.squad={MARK}-squad", "model!=x", f"key=key_{MARK}",
]  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    by=st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True),
    where=st.lists(st.sampled_from(CONDITIONS), max_size=2, unique=True),
    grain=st.sampled_from(["", "day", "hour"]),
)
def test_no_question_shows_another_team_s_figures(
    app: FastAPI, scoped: Lines, by: list[str], where: list[str], grain: str
) -> None:
    words = [f"by={one}" for one in by] + [f"where={one.replace('=', '%3D').replace(' ', '%20')}" for one in where]
    target = "/api/v1/explore?" + "&".join(["range=7d", *([f"grain={grain}"] if grain else []), *words])
    reply = ask(app, "GET", target, scoped)
    assert reply.status == 200, reply.body
    answer = reply.json
    for row in answer["rows"]:
        assert MARK not in str(row)
    assert answer["totals"]["calls"] in {0, 4}
    assert answer["total"] in {None, "0", "0.000000000028"}


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/requests?range=7d", f"/api/v1/requests?range=7d&team={MARK}%20team", "/api/v1/requests?range=7d&team=",
        "/api/v1/requests?range=7d&sort=-cost&limit=1", "/api/v1/requests?range=7d&where=team!%3Dsearch",
        *(f"/api/v1/values?dimension={name}&range=7d" for name in [*DIMENSIONS, "tag"]),
        f"/api/v1/values?dimension=team&prefix={MARK[0]}&range=7d", "/api/v1/sources", "/api/v1/status", "/api/v1/keys",
        "/api/v1/tokens", "/api/v1/audit",
    ],
)  # fmt: skip
def test_no_list_shows_another_team_s_rows(app: FastAPI, scoped: Lines, whole: Lines, target: str) -> None:
    reply = ask(app, "GET", target, scoped)
    if reply.status == 200:
        found = reply.body.replace(target.encode(), b"")
        assert MARK.encode() not in found
        if "cursor" in reply.json and reply.json["next_cursor"]:
            onward = ask(app, "GET", f"{target}&cursor={reply.json['next_cursor']}", scoped)
            assert onward.status == 200
            assert MARK.encode() not in onward.body
    else:
        assert reply.status == 403
    assert ask(app, "GET", target, whole).status in {200, 403}


@pytest.mark.parametrize(
    "target",
    [
        "/", "/?range=7d", "/explore?range=7d", *(f"/explore?range=7d&by={name}" for name in DIMENSIONS),
        "/explore?range=7d&where=team!%3Dsearch", "/explore.csv?range=7d&by=team,feature",
        "/requests?range=7d", "/requests/evt_mine1", f"/find?q={MARK[0]}", "/find?q=key",
        "/sources", "/login",
    ],
)  # fmt: skip
def test_no_page_shows_another_team_s_rows(app: FastAPI, scoped: Lines, whole: Lines, target: str) -> None:
    reply = ask(app, "GET", target, [*scoped, ("accept", "text/html")])
    assert reply.status == (403 if target == "/sources" else 200), reply.body[-2000:]
    assert MARK.encode() not in reply.body.lower()
    assert ask(app, "GET", target, [*whole, ("accept", "text/html")]).status == 200


def test_a_page_of_another_team_s_request_is_not_there(app: FastAPI, scoped: Lines) -> None:
    reply = ask(app, "GET", f"/requests/evt_{MARK}1", [*scoped, ("accept", "text/html")])
    assert reply.status == 404
    assert f"{MARK}-".encode() not in reply.body


def test_a_cursor_of_everybody_s_list_opens_nothing(app: FastAPI, scoped: Lines, whole: Lines) -> None:
    cursor = ask(app, "GET", "/api/v1/requests?range=7d&limit=1", whole).json["next_cursor"]
    assert cursor
    reply = ask(app, "GET", f"/api/v1/requests?range=7d&limit=100&cursor={cursor}", scoped)
    assert MARK.encode() not in reply.body


def test_a_request_of_another_team_is_as_one_that_never_was(app: FastAPI, scoped: Lines, whole: Lines) -> None:
    assert ask(app, "GET", f"/api/v1/requests/evt_{MARK}1", whole).json["dimensions"]["team"] == f"{MARK} team"
    assert ask(app, "GET", "/api/v1/requests/evt_mine1", scoped).json["effective_cost"] == "0.000000000007"
    theirs = ask(app, "GET", f"/api/v1/requests/evt_{MARK}1", scoped)
    unowned = ask(app, "GET", f"/api/v1/requests/evt_{MARK}9", scoped)
    nobody = ask(app, "GET", f"/api/v1/requests/evt_{MARK}0000", scoped)
    assert (theirs.status, unowned.status, nobody.status) == (404, 404, 404)
    assert theirs.body.replace(b"1", b"") == nobody.body.replace(b"0000", b"").replace(b"1", b"")


def test_the_scope_is_a_filter_and_nothing_else(app: FastAPI, scoped: Lines, whole: Lines) -> None:
    for query in ("range=7d&by=feature,customer", "range=7d&by=tag.squad", "range=7d"):
        mine = ask(app, "GET", f"/api/v1/explore?{query}", scoped).json
        theirs = ask(app, "GET", f"/api/v1/explore?{query}&team=search", whole).json
        for name in ("rows", "total", "totals", "unpriced", "others"):
            assert mine[name] == theirs[name]
    everything = ask(app, "GET", "/api/v1/explore?range=7d", whole).json
    assert everything["totals"]["calls"] == 11
