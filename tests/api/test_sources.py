"""Sources of bills over the API: set up by reference, synced, told of, and no secret anywhere."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.connectors.registry import Kinds
from tallystick.connectors.store import list_pages, list_windows
from tallystick.kernel.period import local_day
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.drop_pages import drop_pages
from tallystick.operations.due_windows import windows_of
from tallystick.operations.keep_sources import due_sources
from tallystick.operations.report_sources import report_source
from tallystick.pricing.book import PriceBook
from tallystick.web.sources_page import BILL_COLUMNS, bill_row, troubles
from tests.api.client import ask
from tests.contracts.source_case import Reply, StandIn, standing_in
from tests.contracts.tiny_source import CASE, KIND, STREAM
from tests.pricing.sample import day

Lines = list[tuple[str, str]]
NOON = day("2026-11-03") + 43_200_000_000
SINCE = {"since_us": day("2026-11-03")}


class Clock:
    now = NOON


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with standing_in(CASE) as running:
        yield running


@pytest.fixture
def sources() -> Sources:
    Clock.now = NOON
    kinds = Kinds({"tiny": KIND}, {"lost": "its package is broken"})
    return Sources(kinds, lambda: PriceBook([]), {"KEY": "planted-secret"}.get, clock=lambda: Clock.now)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _told_at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.operations.report_sources.now_us", lambda: Clock.now)


@pytest.fixture
def app(context: Context, services: Services, sources: Sources) -> FastAPI:
    return build_api(context, replace(services, sources=sources))


def body(stand_in: StandIn, **more: object) -> dict[str, object]:
    return {"kind": "tiny", "account": "acct", "options": {"base_url": stand_in.url}, "secrets": {"key": "env:KEY"}, "backfill_days": 1} | more  # fmt: skip


def test_a_source_is_set_up_tested_synced_shown_and_removed(app: FastAPI, local: Lines, stand_in: StandIn) -> None:
    made = ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    assert (made.status, made.json["state"], made.json["covered_days"]) == (200, "new", 0)
    assert ask(app, "POST", "/api/v1/sources/bill/test", local).json["reads"] == "the key may read costs"
    *progress, last = [json.loads(one) for one in ask(app, "POST", "/api/v1/sources/bill/sync", local, {}).body.splitlines()]  # fmt: skip
    assert [one["progress"]["done"] for one in progress] == [0, 1, 2]
    summary = last["summary"]
    assert (summary["due"], summary["read"], summary["rows"], summary["changed"]) == (2, 2, 3, 2)
    (newest, _) = summary["windows"]
    assert newest["slices"][0]["sums"] == {"billed_cost": "0.0275"}
    (shown,) = ask(app, "GET", "/api/v1/sources", local).json["set_up"]
    assert (shown["state"], shown["rows"], shown["last_at"]) == ("ok", 3, "2026-11-03T00:00:00Z")
    again = ask(app, "POST", "/api/v1/sources/bill/reparse", local).body.splitlines()[-1]
    assert json.loads(again)["summary"] == {"source": "bill", "windows": 2, "changed": 0, "failed": 0}
    assert ask(app, "DELETE", "/api/v1/sources/bill", local).status == 200
    assert ask(app, "GET", "/api/v1/sources/bill", local).status == 404
    assert ask(app, "POST", "/api/v1/sources/bill/sync", local, {}).status == 404
    back = ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    assert back.json["rows"] == 3


def test_a_slice_whose_pages_were_dropped_stands_says_so_and_is_fetched_only_when_asked_for(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    lines = context.ledger.rows("SELECT count(*) FROM bill_line")
    window = list_windows(context.config_db, "bill")[0]
    files = [one.file for one in list_pages(context.config_db, window)]
    drop_pages(context, files, "ada", "a person erased")

    *told, last = map(json.loads, ask(app, "POST", "/api/v1/sources/bill/reparse", local).body.splitlines())

    assert last["summary"] == {"source": "bill", "windows": 2, "changed": 0, "failed": 1}
    (error,) = [one["window"]["error"] for one in told if one["window"]["error"]]
    day = f"{local_day(window.start_us):%Y-%m-%d}"
    assert f"`tally sync bill --since {day}`" in error
    assert "dropped" in error
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == lines
    assert list_windows(context.config_db, "bill")[0] == window  # which a lost page would have made due
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {"since_us": window.start_us})
    assert [one.file for one in list_pages(context.config_db, window)] == files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"secrets": {"key": "planted-secret"}}, "not what it is"),
        ({"secrets": {"key": "env:"}}, "not what it is"),
        ({"secrets": {}}, "needs key"),
        ({"secrets": {"other": "env:KEY"}}, "has no secret"),
        ({"options": {}}, "needs base_url"),
        ({"options": {"base_url": "x", "bse": "y"}}, "has no option"),
        ({"options": {"key": "planted-secret"}}, "is a secret"),
        ({"kind": "tny"}, "no kind of source"),
        ({"kind": "lost"}, "its package is broken"),
        ({"backfill_days": 0}, "read back"),
        ({"every_minutes": 1}, "every 1 minutes"),
        ({"account": "a\nb"}, "no name of one line"),
    ],
)
def test_a_setup_that_makes_no_sense_is_refused_with_a_next_step_and_repeats_no_secret(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context, change: dict[str, object], words: str
) -> None:
    answer = ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in, **change))
    assert answer.status == 400
    assert words in answer.json["error"]["what"]
    assert answer.json["error"]["next_steps"]
    assert b"planted-secret" not in answer.body
    assert context.config_db.rows("SELECT count(*) FROM source") == [(0,)]


def test_a_name_that_had_another_account_is_taken(app: FastAPI, local: Lines, stand_in: StandIn) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    # Nothing was brought under the first one, so it was a slip of the pen.
    made = ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in, account="other"))
    assert (made.status, made.json["account"]) == (200, "other")
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    ask(app, "DELETE", "/api/v1/sources/bill", local)
    assert ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in)).status == 409


def test_what_stopped_stays_stopped_until_the_setup_is_changed(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context, sources: Sources
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    assert due_sources(context, sources) == ["bill"]
    stand_in.fault = lambda number, reply: Reply(401, b"{}")
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    assert ask(app, "GET", "/api/v1/sources/bill", local).json["state"] == "stopped"
    assert due_sources(context, sources) == []
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    assert due_sources(context, sources) == ["bill"]


def test_a_slice_is_read_again_until_it_can_no_longer_change(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context, sources: Sources
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in, backfill_days=1))
    ask(app, "POST", "/api/v1/sources/bill/sync", local, SINCE)
    asked = len(stand_in.requests)
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    assert "day=2026-11-02" in " ".join(f"{name}={value}" for one in stand_in.requests[asked:] for name, value in one.query)  # fmt: skip
    assert due_sources(context, sources) == []
    Clock.now += 3_600_000_000
    assert due_sources(context, sources) == ["bill"]
    # The day ends, and two more pass: it is read once more, and then never again.
    Clock.now = day("2026-11-06")
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    asked = len(stand_in.requests)
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    days = {value for one in stand_in.requests[asked:] for name, value in one.query if name == "day"}
    assert days == {"2026-11-04", "2026-11-05", "2026-11-06"}


def test_slices_are_days_or_whole_months_the_newest_first() -> None:
    found = windows_of(replace(STREAM, slice="month"), day("2025-12-31"), day("2026-02-01"))
    assert [(one.start_us, one.end_us) for one in found] == [
        (day("2026-02-01"), day("2026-03-01")),
        (day("2026-01-01"), day("2026-02-01")),
        (day("2025-12-01"), day("2026-01-01")),
    ]
    assert [one.start_us for one in windows_of(STREAM, NOON, NOON)] == [day("2026-11-03")]


def test_a_row_of_the_page_says_how_fresh_a_source_is_and_what_to_do(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    titles = [one.title for one in BILL_COLUMNS]
    new = dict(zip(titles, [one.text for one in bill_row(report_source(context, "bill"), "UTC")], strict=True))
    assert (new["State"], new["Lines"], new["Last load"], new["Next run"]) == ("not read yet", "0", "–", "now")
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    stand_in.fault = lambda number, reply: Reply(401, b"{}")
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    then = dict(zip(titles, [one.text for one in bill_row(report_source(context, "bill"), "UTC")], strict=True))
    assert (then["Source"], then["State"], then["Lines"]) == ("bill (tiny)", "stopped", "3")
    assert (then["Latest day"], then["Next run"]) == ("3 Nov 2026", "when a person has acted")
    ((name, words),) = troubles([report_source(context, "bill")])
    assert name == "bill" and "make a new key" in words


def test_a_source_that_nobody_asks_any_more_is_stale_and_says_how_to_ask(
    app: FastAPI, local: Lines, stand_in: StandIn, context: Context
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    Clock.now = NOON + 25 * 3_600_000_000
    assert report_source(context, "bill").state == "ok"
    Clock.now += 1
    (shown,) = ask(app, "GET", "/api/v1/sources", local).json["set_up"]
    assert (shown["state"], "since 2026-11-03T12:00:00Z" in shown["error"]) == ("stale", True)
    assert "tally sync bill" in shown["error"]


def test_costs_of_a_source_are_asked_for_by_month_and_refused_with_a_next_step(
    app: FastAPI, local: Lines, stand_in: StandIn
) -> None:
    ask(app, "PUT", "/api/v1/sources/bill", local, body(stand_in))
    ask(app, "POST", "/api/v1/sources/bill/sync", local, {})
    found = ask(app, "GET", "/api/v1/sources/bill/costs?by=project&period=2026-11", local).json
    assert (found["by"], found["from"], found["to"]) == ("project", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    (row,) = found["rows"]
    # By hand: 1.5 + 1.5 - 0.25 cents.
    assert (row["id"], row["reported"], row["rated"], row["lines"]) == ("", "0.0275", None, 3)
    for query in ("by=colour", "period=2026", "bye=key"):
        refused = ask(app, "GET", f"/api/v1/sources/bill/costs?{query}", local)
        assert refused.status == 400 and refused.json["error"]["next_steps"]
    assert ask(app, "GET", "/api/v1/sources/nobody/costs", local).status == 404
