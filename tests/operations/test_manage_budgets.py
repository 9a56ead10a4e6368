"""Budgets are set, shown, scoped, reopened and watched."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.budgets.cover import counter_key
from tallystick.budgets.model import Budget
from tallystick.budgets.store import list_changes, write_budget
from tallystick.counters.process import ProcessCounters
from tallystick.kernel.errors import Denied, NotFound, UsageError
from tallystick.kernel.period import DAY_US, HOUR_US
from tallystick.notify.store import list_alerts
from tallystick.operations.audit import list_audit
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.operations.load_budgets import budgets_since
from tallystick.operations.manage_budgets import (
    delete_budget,
    override_budget,
    read_budget,
    set_budget,
    visible_budgets,
)
from tallystick.operations.reopen_breaker import reopen_breaker
from tallystick.operations.repair_counters import Repair, build_counters
from tallystick.operations.show_budgets import report_budgets
from tallystick.operations.watch_budgets import watch_thresholds
from tallystick.operations.watch_untracked import read_untracked, watch_untracked
from tallystick.org.model import Principal
from tallystick.storage.version_word import VersionWord
from tests.ledger.sample import an_event
from tests.operations.budgeted import an_ask, open_context

SCOPED = Principal("ann", "owner", teams=("Search",))
WIRE = {"name": "search", "where": {"team": ["Search"]}, "limit": "10", "window": "total"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Context, ProcessCounters]]:
    with open_context(tmp_path) as both:
        yield both


@pytest.fixture
def context(opened: tuple[Context, ProcessCounters]) -> Context:
    return opened[0]


def titles(context: Context) -> list[str]:
    return [alert.title for alert, _ in list_alerts(context.config_db, 100)]


def test_a_change_keeps_the_id_raises_the_version_and_is_written_down(context: Context) -> None:
    first, created = set_budget(context, WIRE)
    word = VersionWord(context.data_dir / "version")
    assert (created, word.read()) == (True, first.version)

    second, created = set_budget(context, {"name": "search", "limit": "5"})

    assert not created
    assert (second.budget_id, second.created_at) == (first.budget_id, first.created_at)
    assert (second.limit, second.where, second.window) == (5 * 10**9, {"team": ("Search",)}, "total")
    assert budgets_since(context.config_db, first.version) == [second]
    assert word.read() == second.version > first.version
    word.close()
    assert [(one.limit_before, one.tighter) for one in list_changes(context.config_db, first.budget_id)] == [
        (None, True),
        (10 * 10**9, True),
    ]
    assert [entry.what for entry in list_audit(context)] == ["change budget", "create budget"]


def test_no_budget_takes_the_name_or_id_of_a_default_or_the_id_of_another(context: Context) -> None:
    default = Budget("default:run", "each run", 10**10, window="run")
    made, _ = set_budget(context, {"name": "mine", "limit": "5"})
    held = replace(context, default_budgets=(default,))
    for name in ("default:run", "each run", made.budget_id):
        with pytest.raises(UsageError, match="another budget"):
            set_budget(held, {"name": name, "limit": "5"})
    assert not set_budget(held, {"name": "mine", "limit": "6"})[1]


def test_a_deleted_budget_is_a_row_that_gateways_read(context: Context) -> None:
    made, _ = set_budget(context, WIRE)
    delete_budget(context, "search")

    (gone,) = budgets_since(context.config_db, made.version)
    assert gone.deleted_at is not None
    assert visible_budgets(context) == []
    with pytest.raises(NotFound):
        read_budget(context, "search")
    again, created = set_budget(context, WIRE)
    assert created
    assert again.budget_id != made.budget_id


def test_teams_see_and_set_only_budgets_of_their_own(context: Context) -> None:
    set_budget(context, {"name": "all", "limit": "1"})
    set_budget(context, {"name": "both", "limit": "1", "where": {"team": ["Search", "Mail"]}})
    mine, _ = set_budget(context, WIRE, SCOPED)

    assert visible_budgets(context, SCOPED) == [mine]
    for name in ("all", "both"):
        with pytest.raises(NotFound):
            read_budget(context, name, SCOPED)
        with pytest.raises(Denied):
            set_budget(context, {"name": name, "limit": "2"}, SCOPED)
    for where in ({}, {"team": ["Mail"]}, {"team": ["*"]}, {"team": ["!Mail"]}):
        with pytest.raises(Denied):
            set_budget(context, {"name": "new", "limit": "1", "where": where}, SCOPED)


def test_a_new_budget_counts_what_was_spent_in_its_window_before_it_was_set(
    opened: tuple[Context, ProcessCounters],
) -> None:
    context, _ = opened
    assert context.counters is not None
    build_counters(Repair(context, context.counters, lambda: None))
    ingest_events(context, [an_event(1, dimensions={"team": "Search"}, effective_cost=3_000_000)])

    made, _ = set_budget(context, WIRE)

    (standing,) = context.counters.read([counter_key(made.budget_id, (), 0)])
    assert standing.posted == 3_000


def test_an_override_has_an_end_a_reason_and_a_name(context: Context) -> None:
    set_budget(context, WIRE)
    until = now_us() + HOUR_US

    made = override_budget(context, "search", ("50", until, "launch"), SCOPED)

    (one,) = made.overrides
    assert (one.limit, one.until_us, one.by, one.reason) == (50 * 10**9, until, "ann", "launch")
    for end, reason in ((until, " "), (now_us() - 1, "x"), (now_us() + 400 * DAY_US, "x")):
        with pytest.raises(UsageError):
            override_budget(context, "search", ("1", end, reason))
    changed, _ = set_budget(context, {"name": "search", "limit": "11", "overrides": []})
    assert changed.overrides == (one,)


def test_a_preset_gives_what_is_not_said(context: Context) -> None:
    made, _ = set_budget(context, {"name": "p", "limit": "1", "preset": "production"})
    assert (made.action, [one.percent for one in made.thresholds]) == ("alert", [50, 80, 100])
    hard, _ = set_budget(context, {"name": "q", "limit": "1", "preset": "production", "action": "block"})
    assert hard.action == "block"


def test_thresholds_are_told_once(context: Context) -> None:
    set_budget(context, {**WIRE, "thresholds": ["50%", "100%"]})
    ingest_events(context, [an_event(1, dimensions={"team": "Search"}, effective_cost=6 * 10**12)])

    for _ in range(2):
        watch_thresholds(context, LedgerSums(context), now_us())

    assert titles(context) == ["Budget “search” has used $6 of $10 (50 % reached)"]


def test_a_tripped_breaker_can_be_reopened_by_hand(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    assert context.counters is not None
    build_counters(Repair(context, context.counters, lambda: None))
    made, _ = set_budget(
        context,
        {"name": "calm", "limit": "1", "unit": "requests", "window": "minute", "rolling": True, "trip_seconds": 600,
         "group_by": ["run"]},
    )  # fmt: skip
    at = now_us()
    asks = [an_ask([made], {"run": "r"}, at, f"evt_{number}") for number in range(3)]
    granted = [_reserve(context, counters, ask).granted for ask in asks]
    assert granted == [True, False, False]
    decision = {"breaking": made.budget_id, "budgets": [{"id": made.budget_id, "group": {"run": "r"}}]}
    ingest_events(context, [an_event(1, occurred_at=at, attempt=0, verdict="tripped", decision=json.dumps(decision))])

    assert reopen_breaker(context, "calm", SCOPED_ALL) == [{"run": "r"}]
    assert reopen_breaker(context, "calm", SCOPED_ALL) == []
    set_budget(context, WIRE)
    with pytest.raises(UsageError, match="no breaker"):
        reopen_breaker(context, "search", SCOPED_ALL)


SCOPED_ALL = Principal("root", "admin")


def _reserve(context: Context, counters: ProcessCounters, ask: object):  # type: ignore[no-untyped-def]
    import asyncio

    return asyncio.run(counters.reserve(ask))  # type: ignore[arg-type]


def test_a_budget_is_reviewed_after_thirty_days_of_use(context: Context) -> None:
    at = now_us()
    old = Budget("bud_old", "old", 100 * 10**9, where={"team": ("Search",)}, window="day", created_at=at - 40 * DAY_US)
    with context.config_db.transaction():
        write_budget(context.config_db, old)
        context.config_db.execute(
            "UPDATE budget SET body = json_set(body, '$.changes', json(:changes))",
            {"changes": json.dumps([{"at": at - 40 * DAY_US, "by": "x", "limit_before": None, "limit_after": 1,
                                     "tighter": True}])},
        )  # fmt: skip
    calls = [
        an_event(day, occurred_at=at - day * DAY_US, dimensions={"team": "Search"}, effective_cost=day * 10**12)
        for day in range(1, 31)
    ]
    ingest_events(context, calls)

    (report,) = report_budgets(context, visible_budgets(context), top=5)

    assert report.review is not None
    # Of 30 days that used 1 to 30 dollars, 29 stay within 29.
    assert (report.review.windows, report.review.p95, report.review.finding) == (30, 29 * 10**9, "loose")
    assert report.review.suggested == 35 * 10**9


def test_spend_that_moves_past_a_budget_is_told(context: Context) -> None:
    at = now_us()
    made, _ = set_budget(context, {**WIRE, "limit": "10"})
    since = at - 10 * DAY_US
    decision = json.dumps({"breaking": made.budget_id, "budgets": []})
    mine = {"dimensions": {"team": "Search", "user": "ann"}, "key": "key_1", "effective_cost": 10**12}
    elsewhere = {"dimensions": {"user": "ann"}, "source": "import:openai", "source_key": "x", "effective_cost": 10**12}
    ingest_events(
        context,
        [
            an_event(1, occurred_at=since - DAY_US, **mine),
            an_event(2, occurred_at=since, verdict="blocked", decision=decision, **(mine | {"attempt": 0})),
            an_event(3, occurred_at=since - 2 * DAY_US, **elsewhere),
            *(an_event(number, occurred_at=since + number * HOUR_US, **elsewhere) for number in range(10, 14)),
        ],
    )

    assert watch_untracked(context, at) == 1
    assert watch_untracked(context, at) == 0

    found = read_untracked(context, made.budget_id)
    assert found is not None
    assert [
        (one["by"], one["value"], one["source"], one["before"], one["after"], one["risen"]) for one in found["found"]
    ] == [("user", "ann", "import:openai", "1", "4", True)]
    assert "not" in found["note"]
    assert titles(context) == ["User ann spends more past the budget “search” since it refuses"]


def test_nothing_is_said_of_a_budget_that_never_refused(context: Context) -> None:
    made, _ = set_budget(context, WIRE)
    ingest_events(context, [an_event(1, occurred_at=now_us(), effective_cost=10**15)])
    assert watch_untracked(context) == 0
    assert read_untracked(context, made.budget_id) is None
