"""How Anthropic is asked: strictly as documented, page after page, and in plain words when it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tallystick.bills.model import BillLine
from tallystick.connectors.anthropic.source import KIND, Anthropic
from tallystick.connectors.anthropic.streams import REPORTS
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Page, Setup, SourceFailed
from tallystick.transport.patience import Patience
from tests.connectors.anthropic.fake import ANALYTICS_BETA, FAST_BETA, KEY, Organisation, served
from tests.connectors.anthropic.samples import ANALYTICS_COST, CODE, COSTS, DAY, MESSAGES, SAMPLES
from tests.connectors.serving import Served

START = 1_790_812_800_000_000  # 2026-10-01
WINDOW = Period(START, START + DAY_US)


@contextmanager
def connected(organisation: Organisation, secret: str = KEY, **options: str) -> Iterator[tuple[Anthropic, Served]]:
    with served(organisation) as found:
        setup = Setup(
            "claude", "main", {"base_url": found.url, **options}, lambda name: {"admin_key": secret}[name],
            lambda: START + DAY_US + 3_600_000_000,
        )  # fmt: skip
        made = KIND.connect(setup)
        assert isinstance(made, Anthropic)
        yield replace(made, patience=Patience(tries=3, sleep=lambda seconds: None)), found


def read(source: Anthropic, name: str, window: Period = WINDOW) -> tuple[list[Page], list[BillLine]]:
    pages = list(source.fetch(REPORTS[name].stream, window))
    lines = [line for page in pages for line in source.parse(page)]
    assert all(isinstance(line, BillLine) for line in lines), lines
    return pages, lines  # type: ignore[return-value]


def whole() -> Organisation:
    return Organisation({name: [{**row, "day": DAY}] for name, row in SAMPLES.items()})


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_stream_is_asked_for_as_documented(name: str) -> None:
    with connected(whole()) as (source, asked):
        pages, lines = read(source, name)

    assert lines and {line.dataset for line in lines} == {name}
    assert [(page.number, page.cursor, page.next_cursor) for page in pages] == [(0, "", "")]
    (question,) = asked.questions
    assert question.headers["x-api-key"] == KEY and "authorization" not in question.headers
    assert question.headers["anthropic-version"] == "2023-06-01"
    betas = {"usage_messages": FAST_BETA, "analytics_cost": ANALYTICS_BETA, "analytics_usage": ANALYTICS_BETA}
    assert question.headers.get("anthropic-beta", "") == betas.get(name, "")
    expected = "2026-10-01" if name == "claude_code" else "2026-10-01T00:00:00Z"
    assert question.one("starting_at") == expected


@pytest.mark.parametrize("name", ["usage_messages", "cost_report", "claude_code", "analytics_cost"])
def test_pages_of_one_are_followed_and_no_row_is_lost_or_read_twice(name: str) -> None:
    changed = {
        "usage_messages": [{**MESSAGES, "api_key_id": f"key_{number}"} for number in range(3)],
        "cost_report": [{**COSTS, "description": f"thing {number}"} for number in range(3)],
        "claude_code": [{**CODE, "terminal_type": f"terminal {number}"} for number in range(3)],
        "analytics_cost": [
            {**ANALYTICS_COST, "group": {**ANALYTICS_COST["group"], "product": f"p{number}"}}  # type: ignore[dict-item]
            for number in range(3)
        ],
    }[name]
    rows = {name: [{**row, "day": DAY} for row in changed]}
    with connected(Organisation(rows, rows_a_page=1, results_a_bucket=1)) as (source, asked):
        pages, lines = read(source, name)
        again = [
            line for page in source.fetch(REPORTS[name].stream, WINDOW, "0|page_1", 1) for line in source.parse(page)
        ]
    with connected(Organisation(rows)) as (source, _):
        _, at_once = read(source, name)

    assert [page.cursor for page in pages] == ["", "0|page_1", "0|page_2"]
    assert [question.one("page") for question in asked.questions[:3]] == ["", "page_1", "page_2"]
    assert [replace(line, line_no=0) for line in lines] == [replace(line, line_no=0) for line in at_once]
    assert again == lines[len(lines) // 3 :]


def test_the_limits_of_each_report_are_kept_over_a_longer_window() -> None:
    days = [f"2026-10-{number:02}" for number in range(1, 32)] + ["2026-11-01", "2026-11-02"]
    rows = [{**COSTS, "day": day} for day in days]
    with connected(Organisation({"cost_report": rows})) as (source, asked):
        _, lines = read(source, "cost_report", Period(START, START + 33 * DAY_US))

    assert [question.one("limit") for question in asked.questions] == ["31", "31"]
    assert sorted(line.slice_key for line in lines) == days


@pytest.mark.parametrize(
    ("refuses", "tries"), [({"speed"}, 2), ({"account_id"}, 3), ({"service_account_id", "speed"}, 3)]
)
def test_groups_that_are_not_known_here_are_left_out_and_no_token_with_them(refuses: set[str], tries: int) -> None:
    rows = [{**MESSAGES, "account_id": user, "day": DAY} for user in ("ada", "ben")]
    with connected(Organisation({"usage_messages": rows}, refuses=refuses)) as (source, asked):
        pages, lines = read(source, "usage_messages")

    assert len(asked.questions) == tries and len(pages) == 1
    assert sum(line.quantity or 0 for line in lines if line.meter == "plain_output") == 1_400
    assert {line.sub_account_id for line in lines} == {"wrkspc_red"}


def test_what_is_grouped_is_what_is_not_grouped_taken_apart() -> None:
    rows = [{**COSTS, "workspace_id": place, "amount": amount, "day": DAY}
            for place, amount in (("red", "0.1"), ("red", "0.2"), (None, "7"))]  # fmt: skip
    with connected(Organisation({"cost_report": rows})) as (source, _):
        _, lines = read(source, "cost_report")

    assert [(line.sub_account_id, line.billed_cost) for line in lines] == [
        ("red", 3_000_000_000),
        ("default", 70_000_000_000),
    ]


def test_the_unified_analytics_take_the_place_of_the_apis_reports() -> None:
    with connected(Organisation()) as (source, _):
        assert [one.name for one in source.streams] == ["cost_report", "usage_messages", "claude_code"]
        assert all(one.backfill_days is None and one.revises_days == 30 for one in source.streams)
    with connected(Organisation(), analytics="on", claude_code="off") as (source, _):
        assert [one.name for one in source.streams] == ["analytics_cost", "analytics_usage"]
        # The clock stands at 2 October 2026; the analytics begin with 1 January.
        assert {one.backfill_days for one in source.streams} == {274}


def test_analytics_further_back_than_a_year_are_not_offered() -> None:
    with connected(Organisation(), analytics="ON") as (source, _):
        later = replace(source, setup=replace(source.setup, now_us=lambda: START + 900 * DAY_US))
        assert [one.backfill_days for one in later.streams] == [364, 364, None]


def test_money_by_group_is_the_money_without_groups() -> None:
    rows = [
        {**ANALYTICS_COST, "day": DAY, "group": {**ANALYTICS_COST["group"], "model": model},  # type: ignore[dict-item]
         "cost": {**ANALYTICS_COST["cost"], "amount": amount}}  # type: ignore[dict-item]
        for model, amount in (("a", "0.1"), ("b", "0.2"), ("c", "1234567.89"))
    ]  # fmt: skip
    with connected(Organisation({"analytics_cost": rows})) as (source, _):
        _, lines = read(source, "analytics_cost")

    assert sum(line.billed_cost or 0 for line in lines) == 12_345_681_900_000_000  # 1,234,568.19 cents


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "an admin key (sk-ant-admin01-…) is needed"),
        (403, "does not let this key read that report"),
        (404, 'analytics = "off" reads the older reports'),
        (302, "no redirect is followed"),
        (418, "answers with status 418; check base_url and what the key may read"),
    ],
)
def test_refusals_say_what_is_needed_and_no_secret(status: int, words: str) -> None:
    with connected(Organisation(fails=[status])) as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["cost_report"].stream, WINDOW))

    assert words in failed.value.reason and f"status {status}" in failed.value.reason
    assert failed.value.retry_seconds is None
    assert KEY not in failed.value.reason and "127.0.0.1" not in failed.value.reason


def test_an_ordinary_key_is_refused_with_the_place_to_make_the_right_one() -> None:
    with connected(whole(), "sk-ant-api03-ordinary") as (source, _), pytest.raises(SourceFailed) as failed:
        source.check()

    assert "Settings › Admin keys" in failed.value.reason and "ordinary" in failed.value.reason
    assert "sk-ant-api03-ordinary" not in failed.value.reason


@pytest.mark.parametrize("status", [429, 529])
def test_a_storm_is_waited_out_and_one_without_an_end_is_tried_again_later(status: int) -> None:
    with connected(Organisation(whole().rows, fails=[status, status])) as (source, asked):
        _, lines = read(source, "cost_report")
    assert len(lines) == 1 and len(asked.questions) == 3

    with connected(Organisation(fails=[status] * 9)) as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["cost_report"].stream, WINDOW))
    assert f"status {status}" in failed.value.reason and failed.value.retry_seconds == 600.0


def test_the_check_asks_for_what_is_set_up() -> None:
    with connected(Organisation()) as (source, asked):
        assert source.check() == (
            "the key may read: Costs of the API; Tokens and web searches of the API; Claude Code by person, estimated"
        )
        assert [question.one("starting_at")[:10] for question in asked.questions] == [DAY] * 3
    with connected(Organisation(), analytics="on", claude_code="off") as (source, asked):
        source.check()
        assert [question.path.rpartition("/")[2] for question in asked.questions] == ["cost", "usage"]


def test_a_day_without_usage_is_a_page_without_lines() -> None:
    for name in REPORTS:
        with connected(Organisation()) as (source, _):
            pages, lines = read(source, name)
        assert len(pages) == 1 and lines == []
