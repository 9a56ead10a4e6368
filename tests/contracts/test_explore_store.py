"""The query model's figures are those of plain arithmetic, on both engines, in zones off the hour and across DST."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.explore.model import Breakdown, Query
from tallystick.explore.parse import parse_query
from tallystick.explore.store import sum_groups
from tallystick.kernel.errors import NotFound, QueryError
from tallystick.operations.context import Context, Retention
from tallystick.operations.erase_user import Erased, erase_user
from tallystick.operations.explore import explore, read_scope
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.list_requests import list_requests
from tallystick.operations.list_sources import list_sources
from tallystick.operations.list_values import list_values
from tallystick.operations.post_charges import post_charges
from tallystick.operations.read_request import read_request
from tallystick.operations.retain import retain
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.storage.config_db import ConfigDb
from tallystick.usage.model import UsageEvent
from tests.contracts.explored import cost_by, filled, local, made_events, micros, value_of

ANYONE = Principal("test", "admin")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago")
NOW = "2026-11-10T15:07:33"


def ask(context: Context, *, raw: bool = False, principal: Principal = ANYONE, **params: object) -> Breakdown:
    given = {name.rstrip("_"): value for name, value in params.items()}
    query = parse_query(given, now_us=micros(NOW), zone=context.zone)  # type: ignore[arg-type]
    return explore(context, query, principal, raw=raw)


def inside(events: list[UsageEvent], query: Query, *, before: bool = False) -> list[UsageEvent]:
    period = query.previous if before else query.period
    assert period
    return [one for one in events if period.start_us <= one.occurred_at < period.end_us]


@pytest.fixture
def events() -> list[UsageEvent]:
    return made_events(7, 1500, "2026-08-01T00:00", NOW)


@pytest.mark.parametrize("zone", ZONES)
def test_sums_series_and_comparison_are_those_of_plain_arithmetic(
    context: Context, events: list[UsageEvent], zone: str
) -> None:
    context = filled(replace(context, zone=zone), events, 1200)
    for by, grain, span in (
        ("team,model", "day", {"from_": "2026-10-05", "to": "2026-11-08"}),
        ("user", "week", {"range": "30d"}),
        ("tag.squad", "month", {"range": "90d"}),
        ("provider", "hour", {"range": "7d"}),
        ("", "day", {"range": "mtd", "cmp": "calendar"}),
        ("feature", None, {"range": "today"}),
    ):
        answer = ask(context, by=by, grain=grain or "", **span)
        query = answer.query
        now, before = inside(events, query), inside(events, query, before=True)
        names = query.group_by
        group = lambda one, names=names: tuple(value_of(one, name) for name in names)  # noqa: E731
        expected, expected_before = cost_by(now, group), cost_by(before, group)
        assert {
            tuple(row.group.values()): row.now.cost or 0 for row in answer.rows if row.now.attempts + row.now.calls
        } == expected
        assert {
            tuple(row.group.values()): row.before.cost or 0
            for row in answer.rows
            if row.before and row.before.attempts + row.before.calls
        } == expected_before
        assert answer.total.now.cost == sum(expected.values())
        assert answer.total.before
        assert answer.total.before.cost == sum(expected_before.values())
        assert answer.total.now.calls == sum(one.attempt <= 1 for one in now)
        assert answer.total.now.attempts == sum(one.attempt >= 1 for one in now)
        assert answer.total.now.errors == sum(one.outcome == "error" for one in now)
        assert answer.total.now.estimated_calls == sum(one.measured.state == "estimated" for one in now)
        assert answer.total.now.input_tokens == sum(one.measured.input_tokens or 0 for one in now)
        assert answer.total.now.quantities.get("cache_read", 0) == sum(
            one.measured.quantities.get("cache_read", 0) for one in now
        )
        if grain:
            assert_series(answer, now, before, zone)


def assert_series(answer: Breakdown, now: list[UsageEvent], before: list[UsageEvent], zone: str) -> None:
    def label(one: UsageEvent) -> object:
        at = local(one, zone)
        return {
            "hour": int(at.timestamp()) - at.minute * 60 - at.second,
            "day": at.date(),
            "week": at.isocalendar()[:2],
            "month": (at.year, at.month),
        }[answer.query.grain or ""]

    expected = cost_by(now, label)
    assert [value for value in answer.total.series if value] == [
        expected[key] for key in sorted(expected) if expected[key]
    ]
    expected_before = cost_by(before, label)
    assert [value for value in answer.previous_series if value] == [
        expected_before[key] for key in sorted(expected_before) if expected_before[key]
    ]
    for row in answer.rows:
        if answer.query.group_by:
            mine = [one for one in now if all(value_of(one, name) == value for name, value in row.group.items())]
            sums = cost_by(mine, label)
            assert [value for value in row.series if value] == [sums[key] for key in sorted(sums) if sums[key]]
            assert len(row.series) == len(answer.buckets)
    assert len(answer.total.series) == len(answer.buckets)


def test_charges_and_events_give_the_same_answer(context: Context, events: list[UsageEvent]) -> None:
    context = filled(replace(context, zone="Asia/Kolkata"), events, 1100)
    for params in (
        {"by": "team,model", "range": "mtd", "grain": "day", "cmp": "weekdays"},
        {"by": "provider", "range": "today", "grain": "hour", "limit": "1"},
        {"by": "key", "range": "90d", "grain": "week", "team": "team a", "measure": "list"},
    ):
        fast, slow = ask(context, **params), ask(context, raw=True, **params)
        assert (fast.rows, fast.total, fast.others, fast.previous_series) == (
            slow.rows,
            slow.total,
            slow.others,
            slow.previous_series,
        )


def test_groups_beyond_the_limit_are_summed_in_others_and_nothing_is_lost(
    context: Context, events: list[UsageEvent]
) -> None:
    context = filled(context, events, 1500)
    for by in ("team,model,feature", "user,tag.squad,model"):
        all_of_them, few = (
            ask(context, by=by, range="30d", grain="day"),
            ask(context, by=by, range="30d", limit="3", grain="day"),
        )
        assert few.rows == all_of_them.rows[:3]
        assert few.others
        assert few.other_groups == len(all_of_them.rows) - 3
        assert few.total == all_of_them.total
        assert few.total.now.cost == sum(row.now.cost or 0 for row in few.rows) + (few.others.now.cost or 0)
        assert few.total.now.input_tokens == sum(row.now.input_tokens for row in few.rows) + few.others.now.input_tokens
        assert few.total.before
        assert few.others.before
        assert few.total.before.cost == sum(row.before.cost or 0 for row in few.rows if row.before) + (
            few.others.before.cost or 0
        )


@pytest.mark.parametrize("dimension", ["team", "user", "tag.squad"])
def test_filters_find_words_however_they_are_written_and_partition_the_rows(
    context: Context, events: list[UsageEvent], dimension: str
) -> None:
    context = filled(context, events, 1400)
    total = ask(context, range="90d").total.now
    values = sorted({value_of(one, dimension) for one in events})
    parts = [
        ask(context, range="90d", where=f"{dimension}={value or '(unknown)'}".upper().replace("-", " ")).total.now
        for value in values
    ]
    assert sum(part.cost or 0 for part in parts) == total.cost
    assert sum(part.calls for part in parts) == total.calls
    one = values[-1]
    rest = ask(context, range="90d", where=f"{dimension}!={one}").total.now
    assert (rest.cost or 0) + (parts[-1].cost or 0) == total.cost
    either = ask(context, range="90d", where=f"{dimension}={one}|{values[-2]}").total.now
    assert either.calls == parts[-1].calls + parts[-2].calls
    assert (
        ask(context, range="90d", where=[f"{dimension}^={one[:2]}", f"{dimension}~={one[1:]}"]).total.now.calls
        == parts[-1].calls
    )
    assert ask(context, range="90d", where=f"{dimension}~=%").total.now.calls == 0


def test_one_more_filter_never_raises_a_total(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 700)
    where: list[str] = []
    before = ask(context, range="90d").total.now
    for condition in ("provider=openai", "team!=platform", "model~=gpt", "user=ada", "tag.squad=red"):
        where.append(condition)
        now = ask(context, range="90d", where=where).total.now
        assert (now.cost or 0) <= (before.cost or 0)
        assert now.calls <= before.calls
        assert now.input_tokens <= before.input_tokens
        before = now


def test_a_principal_sees_only_its_teams_whatever_it_asks(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 1200)
    support = Principal("support", "viewer", teams=("Support",))
    mine = [one for one in events if value_of(one, "team") == "Support"]
    for by in ("team", "user,team", "tag.squad", ""):
        answer = ask(context, principal=support, by=by, range="90d", grain="week")
        assert answer.total.now.cost == sum(one.effective_cost or 0 for one in inside(mine, answer.query))
        assert sum(answer.total.series) == answer.total.now.cost
        assert all(row.group.get("team", "Support") == "Support" for row in answer.rows)
    assert ask(context, principal=support, range="90d", team="Platform|(unknown)").total.now.calls == 0
    # Scopes are exact: what a filter finds with any spelling is no way around them.
    assert ask(context, principal=replace(support, teams=("support",)), range="90d").total.now.calls == 0


def test_a_metered_charge_has_no_billed_cost(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 1000)
    billed = ask(context, by="team", range="90d", measure="billed", limit="2")
    assert {row.now.cost for row in (*billed.rows, billed.total)} == {None}
    assert billed.total.now.calls > 0
    effective, listed = (
        ask(context, range="90d").total.now.cost,
        ask(context, range="90d", measure="list").total.now.cost,
    )
    assert effective
    assert listed == 2 * effective == 2 * (ask(context, range="90d", measure="contracted").total.now.cost or 0)


def test_what_has_no_price_has_an_unknown_cost_and_is_counted(context: Context) -> None:
    bare = [
        replace(one, effective_cost=None, list_cost=None, priced={})
        for one in made_events(3, 40, "2026-11-01T00:00", "2026-11-09T00:00")
    ]
    answer = ask(filled(context, bare, 20), by="team", range="mtd")
    assert answer.total.now.cost is None
    assert answer.total.now.unpriced_calls == sum(bool(one.unpriced) for one in bare)
    assert answer.total.now.unpriced_tokens == sum(sum(one.measured.quantities.values()) for one in bare)
    assert answer.total.before
    assert answer.total.before.cost == 0


def test_an_empty_ledger_answers_with_nothing(context: Context) -> None:
    context = filled(context, [], 0)
    for by in ("", "team", "user"):
        answer = ask(context, by=by, range="mtd", grain="day")
        assert answer.rows == ()
        assert answer.total.now.cost == 0
        assert answer.freshness.last_event_at is None
        assert len(answer.total.series) == 10


def test_requests_come_by_pages_that_hold_each_row_once(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 1300)
    query = parse_query({"range": "30d", "where": "model~=gpt"}, now_us=micros(NOW), zone="UTC")
    wanted = [one for one in inside(events, query) if "gpt" in one.model]
    orders = {
        "-occurred_at": lambda one: (-one.occurred_at, one.event_id),
        "-cost": lambda one: (one.effective_cost is None, -(one.effective_cost or 0), -one.occurred_at),
    }
    for sort, order in orders.items():
        found: list[UsageEvent] = []
        cursor = ""
        while True:
            page = list_requests(context, query, ANYONE, cursor=cursor, limit=97, sort=sort)
            found += page.events
            cursor = page.next_cursor
            if not cursor:
                break
        assert [one.event_id for one in found] == [one.event_id for one in sorted(wanted, key=order)]
    assert found[0] == next(one for one in events if one.event_id == found[0].event_id)
    with pytest.raises(QueryError):
        list_requests(context, query, ANYONE, cursor="bm9uc2Vuc2U")


def test_no_route_to_a_row_leads_around_the_teams_of_a_principal(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 1300)
    support = Principal("support", "viewer", teams=("Support",))
    foreign = next(one for one in events if value_of(one, "team") == "Platform")
    unowned = next(one for one in events if not value_of(one, "team"))
    for event in (foreign, unowned):
        with pytest.raises(NotFound) as hidden:
            read_request(context, event.event_id, support)
        with pytest.raises(NotFound) as missing:
            read_request(context, "evt_none", support)
        assert str(hidden.value).replace(event.event_id, "") == str(missing.value).replace("evt_none", "")
    query = parse_query({"range": "90d", "where": "team!=Support"}, now_us=micros(NOW), zone="UTC")
    assert list_requests(context, query, support).events == ()
    everything = list_requests(context, replace(query, filters=()), support, limit=1000).events
    assert {value_of(one, "team") for one in everything} == {"Support"}
    # A cursor of somebody else's page opens nothing.
    cursor = list_requests(context, replace(query, filters=()), ANYONE, limit=5).next_cursor
    stolen = list_requests(context, replace(query, filters=()), support, cursor=cursor, limit=1000).events
    assert {value_of(one, "team") for one in stolen} == {"Support"}
    assert list_values(context, "team", query.period, support) == ["Support"]
    mine = inside([one for one in events if value_of(one, "team") == "Support"], query)
    assert set(list_values(context, "user", query.period, support)) == {value_of(one, "user") for one in mine}


def test_values_are_listed_dearest_first_and_by_their_beginning(context: Context, events: list[UsageEvent]) -> None:
    context = filled(context, events, 1300)
    query = parse_query({"range": "90d"}, now_us=micros(NOW), zone="UTC")
    for dimension in ("team", "user", "tag.squad"):
        costs = cost_by(inside(events, query), lambda one, name=dimension: value_of(one, name))
        assert list_values(context, dimension, query.period, ANYONE) == sorted(costs, key=lambda value: -costs[value])
    assert list_values(context, "team", query.period, ANYONE, prefix="Team A") == ["team-a"]
    assert list_values(context, "tag", query.period, ANYONE) == ["squad"]
    with pytest.raises(QueryError):
        list_values(context, "teem", query.period, ANYONE)


def test_each_source_is_counted_with_its_first_and_last_row(
    context: Context, events: list[UsageEvent], tmp_path: Path
) -> None:
    context = replace(filled(context, events, 900), config_db=ConfigDb(tmp_path / "config.db"))
    found = {one.source: one for one in list_sources(context)}
    for source in ("gateway", "import:old"):
        mine = [one for one in events if one.source == source]
        assert found[source].events == len(mine)
        assert found[source].cost == sum(one.effective_cost or 0 for one in mine)
        assert (found[source].first_at, found[source].last_at) == (
            min(o.occurred_at for o in mine),
            max(o.occurred_at for o in mine),
        )
        assert found[source].tokens == sum(
            (o.measured.input_tokens or 0) + (o.measured.output_tokens or 0) for o in mine
        )
    assert found["gateway"].freshness.startswith("live")


def test_erasing_a_user_leaves_the_figures_and_nothing_of_the_person(
    context: Context, events: list[UsageEvent], tmp_path: Path
) -> None:
    context = replace(filled(context, events, 900), config_db=ConfigDb(tmp_path / "config.db"), secret=b"k")
    before = ask(context, by="team", range="90d")
    theirs = [one for one in events if value_of(one, "user") == "ada"]
    assert erase_user(context, "ada", ANYONE, dry_run=True) == Erased(len(theirs), 0)
    assert erase_user(context, "ada", ANYONE) == Erased(len(theirs), 0)
    assert erase_user(context, "ada", ANYONE) == Erased(0, 0)
    after = ask(context, by="team", range="90d")
    assert (after.rows, after.total) == (before.rows, before.total)
    assert ask(context, range="90d", user="ada").total.now.calls == 0
    row = read_request(context, theirs[0].event_id, ANYONE)
    assert (row.dimensions.get("user"), row.tags, row.call_id, row.effective_cost) == (
        None,
        {},
        "",
        theirs[0].effective_cost,
    )
    other = next(one for one in events if value_of(one, "user") == "grace" and one.tags)
    assert read_request(context, other.event_id, ANYONE) == other
    assert "ada" not in str(context.config_db.rows("SELECT * FROM audit"))


def test_retention_deletes_old_events_and_keeps_their_charges(context: Context, events: list[UsageEvent]) -> None:
    context = replace(filled(context, events, 1000), retention=Retention(events_days=30))
    before = ask(context, by="team", from_="2026-08-01", to="2026-11-10", cmp="none", grain="week")
    now = micros(NOW)
    old = [one for one in events[:1000] if one.occurred_at < micros("2026-10-11T00:00")]
    assert retain(context, now) == len(old)
    assert retain(context, now) == 0
    after = ask(context, by="team", from_="2026-08-01", to="2026-11-10", cmp="none", grain="week")
    assert (after.rows, after.total) == (before.rows, before.total)
    with pytest.raises(NotFound):
        read_request(context, old[0].event_id, ANYONE)
    assert retain(replace(context, retention=Retention()), now) == 0


def test_a_reader_sees_every_event_once_whatever_is_posted_meanwhile(
    context: Context, events: list[UsageEvent]
) -> None:
    start_ledger(context)
    expected = 0
    for start in range(0, 600, 150):
        part = events[start : start + 150]
        ingest_events(context, part)
        expected += sum(one.effective_cost or 0 for one in part)
        assert ask(context, by="team", range="12m").total.now.cost == expected
        query = parse_query({"range": "12m", "by": "team"}, now_us=micros(NOW), zone=context.zone)
        scope = read_scope(context, query, ANYONE)
        post_charges(context)
        assert sum_groups(context.ledger, scope).total.now.cost == expected
        assert ask(context, by="team", range="12m").total.now.cost == expected


def test_currencies_are_never_mixed(context: Context, events: list[UsageEvent]) -> None:
    mixed = [replace(one, currency="EUR" if number % 3 else "USD") for number, one in enumerate(events[:300])]
    context = filled(context, mixed, 200)
    for currency in ("USD", "EUR"):
        mine = [one for one in mixed if one.currency == currency]
        answer = ask(context, by="team", range="12m", currency=currency)
        assert answer.total.now.cost == sum(one.effective_cost or 0 for one in mine)
        assert answer.total.now.calls == sum(one.attempt <= 1 for one in mine)
