"""How OpenAI is asked: strictly as documented, page after page, and in plain words when it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tallystick.bills.model import BillLine
from tallystick.connectors.openai.source import KIND, OpenAi
from tallystick.connectors.openai.streams import REPORTS
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Page, Setup, SourceFailed
from tallystick.transport.patience import Patience
from tallystick.usage.meters import INPUT_METERS
from tests.connectors.openai.fake import DAY, KEY, Organisation, served
from tests.connectors.openai.samples import COMPLETIONS, COSTS, DAY_S, USAGE
from tests.connectors.serving import Refuse, Served

WINDOW = Period(DAY_S * 1_000_000, DAY_S * 1_000_000 + DAY_US)


@contextmanager
def connected(organisation: Organisation, secret: str = KEY) -> Iterator[tuple[OpenAi, Served]]:
    with served(organisation) as found:
        setup = Setup(
            "books", "main", {"base_url": f"{found.url}/v1"}, lambda name: {"admin_key": secret}[name],
            lambda: (DAY_S + DAY) * 1_000_000,
        )  # fmt: skip
        made = KIND.connect(setup)
        assert isinstance(made, OpenAi)
        yield replace(made, patience=Patience(tries=3, sleep=lambda seconds: None)), found


def read(source: OpenAi, name: str, window: Period = WINDOW) -> tuple[list[Page], list[BillLine]]:
    pages = list(source.fetch(REPORTS[name].stream, window))
    lines = [line for page in pages for line in source.parse(page)]
    assert all(isinstance(line, BillLine) for line in lines), lines
    return pages, lines  # type: ignore[return-value]


def row(sample: dict[str, object], day: int = DAY_S, **change: object) -> dict[str, object]:
    return {**sample, **change, "day": day}


def whole() -> Organisation:
    return Organisation({"costs": [row(COSTS)], **{kind: [row(one)] for kind, one in USAGE.items()}})


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_stream_is_asked_for_as_documented(name: str) -> None:
    with connected(whole()) as (source, asked):
        pages, lines = read(source, name)

    assert lines and {line.dataset for line in lines} == {name}
    assert [(page.number, page.cursor, page.next_cursor) for page in pages] == [(0, "", "")]
    assert len(asked.questions) == 1, "nothing was refused"
    (question,) = asked.questions
    assert (question.one("start_time"), question.one("end_time")) == ("1790812800", "1790899200")
    assert ("bucket_width", "1d") in question.query
    assert all(key == "group_by[]" for key, _ in question.query if key.startswith("group_by"))


def test_pages_of_one_are_followed_and_kept_as_they_came() -> None:
    users = [f"user_{number}" for number in range(4)]
    rows = [row(COMPLETIONS, user_id=user) for user in users]
    with connected(Organisation({"completions": rows}, results_a_page=1, buckets_a_page=1)) as (source, asked):
        pages, lines = read(source, "usage_completions")
        body = pages[1].body

    assert [page.number for page in pages] == [0, 1, 2, 3]
    assert [page.cursor for page in pages] == ["", "0|page_1", "0|page_2", "0|page_3"]
    assert [page.next_cursor for page in pages] == ["0|page_1", "0|page_2", "0|page_3", ""]
    assert sum(line.quantity or 0 for line in lines if line.meter in INPUT_METERS) == 4 * 1_000
    assert {line.principal for line in lines} == set(users)
    assert b'"user_id": "user_1"' in body
    assert [question.one("page") for question in asked.questions] == ["", "page_1", "page_2", "page_3"]


def test_reading_goes_on_where_it_stopped() -> None:
    rows = [row(COSTS, line_item=f"m{number}, input") for number in range(3)]
    with connected(Organisation({"costs": rows}, results_a_page=1, buckets_a_page=1)) as (source, _):
        stream = REPORTS["costs"].stream
        first = next(iter(source.fetch(stream, WINDOW)))
        rest = list(source.fetch(stream, WINDOW, first.next_cursor, 1))

    assert [page.number for page in rest] == [1, 2]
    assert [line.raw_model for page in (first, *rest) for line in source.parse(page)] == ["m0", "m1", "m2"]  # type: ignore[union-attr]


def test_days_without_usage_are_pages_without_lines() -> None:
    with connected(Organisation()) as (source, _):
        pages, lines = read(source, "costs")

    assert len(pages) == 1 and lines == []


def test_a_longer_window_keeps_to_the_limit_of_buckets() -> None:
    days = [DAY_S + number * DAY for number in range(33)]
    month = Period(WINDOW.start_us, WINDOW.start_us + 33 * DAY_US)
    rows = [row(USAGE["embeddings"], day) for day in days]
    with connected(Organisation({"embeddings": rows})) as (source, asked):
        _, lines = read(source, "usage_embeddings", month)

    assert [question.one("limit") for question in asked.questions] == ["31", "31"]
    assert len({line.slice_key for line in lines}) == 33


@pytest.mark.parametrize(
    ("refuses", "groups"),
    [
        (set(), ["line_item", "project_id", "api_key_id", "user_id", "api_source"]),
        ({"api_source"}, ["line_item", "project_id", "api_key_id", "user_id"]),
        ({"user_id"}, ["line_item", "project_id", "api_key_id", "api_source"]),
        ({"user_id", "api_source"}, ["line_item", "project_id", "api_key_id"]),
    ],
)
def test_groups_that_an_organisation_refuses_are_left_out_and_no_cent_with_them(
    refuses: set[str], groups: list[str]
) -> None:
    rows = [row(COSTS, user_id=user, amount={"value": value, "currency": "usd"})
            for user, value in (("ada", 0.25), ("ben", 0.5))]  # fmt: skip
    organisation = Organisation({"costs": rows}, refuses=refuses, results_a_page=1, buckets_a_page=1)
    with connected(organisation) as (source, asked):
        pages, lines = read(source, "costs")

    assert asked.questions[-1].many("group_by") == groups
    assert sum(line.billed_cost or 0 for line in lines) == 750_000_000_000
    assert {line.principal for line in lines} == ({""} if "user_id" in refuses else {"ada", "ben"})
    assert all(page.cursor[:1] in {"", str(len(asked.questions) - len(pages))} for page in pages)


def test_an_older_server_that_knows_no_source_is_asked_without_it() -> None:
    with connected(Organisation({"completions": [row(COMPLETIONS)]}, refuses={"api_source"})) as (source, asked):
        _, lines = read(source, "usage_completions")

    assert "api_source" not in asked.questions[-1].many("group_by")
    assert all(line.extra == {} for line in lines)


def test_a_question_that_is_refused_whole_says_the_providers_words_and_no_secret() -> None:
    everything = {"line_item", "project_id"}
    with connected(Organisation(refuses=everything)) as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["costs"].stream, WINDOW))

    assert "does not understand the question (status 400): Unsupported group_by: line_item" in failed.value.reason
    assert failed.value.retry_seconds is None


def test_a_wrong_key_is_named_with_the_place_to_make_the_right_one() -> None:
    with connected(whole(), "sk-proj-not-an-admin-key") as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["costs"].stream, WINDOW))

    assert "an admin key (sk-admin-…) is needed" in failed.value.reason
    assert "Admin keys" in failed.value.reason and "(status 401)" in failed.value.reason
    assert "sk-proj" not in failed.value.reason
    assert failed.value.retry_seconds is None


@pytest.mark.parametrize(("status", "words"), [(429, "throttles (status 429)"), (503, "answers with status 503")])
def test_a_storm_is_waited_out_and_one_without_an_end_is_tried_again_later(status: int, words: str) -> None:
    with connected(Organisation(whole().rows, fails=[status, status])) as (source, asked):
        _, lines = read(source, "costs")
    assert len(lines) == 1 and len(asked.questions) == 3

    with connected(Organisation(fails=[status] * 9)) as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["costs"].stream, WINDOW))
    assert words in failed.value.reason and failed.value.retry_seconds == 600.0


@pytest.mark.parametrize("status", [403, 404, 302])
def test_other_refusals_say_what_to_do(status: int) -> None:
    with connected(Organisation(fails=[status])) as (source, _), pytest.raises(SourceFailed) as failed:
        list(source.fetch(REPORTS["usage_images"].stream, WINDOW))

    assert f"(status {status})" in failed.value.reason
    assert KEY not in failed.value.reason and "127.0.0.1" not in failed.value.reason


@pytest.mark.parametrize(
    "body",
    [b"<html>busy</html>", b"[]", b'{"data": []}', b'{"has_more": false}', b'{"data": [], "has_more": true}',
     b'{"data": [], "has_more": true, "next_page": ""}', b'{"data": [{"object": "buck'],
)  # fmt: skip
def test_an_answer_that_is_no_page_is_no_page(body: bytes) -> None:
    organisation = Organisation()
    organisation.answer = lambda question: body  # type: ignore[method-assign]
    with connected(organisation) as (source, _), pytest.raises(SourceFailed):
        list(source.fetch(REPORTS["costs"].stream, WINDOW))


def test_a_cursor_that_leads_to_itself_ends() -> None:
    organisation = Organisation()
    organisation.answer = lambda question: {"data": [], "has_more": True, "next_page": "page_1"}  # type: ignore[method-assign]
    with connected(organisation) as (source, asked), pytest.raises(SourceFailed, match="but not where"):
        list(source.fetch(REPORTS["costs"].stream, WINDOW))
    assert len(asked.questions) == 2


@pytest.mark.parametrize("cursor", ["page_1", "9|page_1", "0|", "x|page_1"])
def test_a_kept_place_that_is_none_of_ours_is_refused_before_asking(cursor: str) -> None:
    with connected(whole()) as (source, asked), pytest.raises(SourceFailed, match="none of ours"):
        list(source.fetch(REPORTS["costs"].stream, WINDOW, cursor, 1))
    assert asked.questions == []


def test_a_place_that_the_provider_forgot_is_said_and_only_one_of_this_run_is_asked_for_again() -> None:
    with connected(whole()) as (source, _), pytest.raises(SourceFailed, match="no longer knows the place") as failed:
        list(source.fetch(REPORTS["costs"].stream, WINDOW, "0|page_77", 1))
    assert failed.value.retry_seconds is None

    organisation = Organisation()
    organisation.answer = lambda question: (  # type: ignore[method-assign]
        {"data": [], "has_more": True, "next_page": "page_1"} if not question.one("page") else _refuse()
    )
    with (
        connected(organisation) as (source, _),
        pytest.raises(SourceFailed, match="no longer knows the place") as failed,
    ):
        list(source.fetch(REPORTS["costs"].stream, WINDOW))
    assert failed.value.retry_seconds == 600.0


def _refuse() -> object:
    raise Refuse(400, "the page has expired")


def test_the_check_says_what_the_key_may_read_and_the_limit_in_the_currency() -> None:
    limit = {"object": "organization.spend_limit", "threshold_amount": 1_234_567, "currency": "USD",
             "interval": "month", "enforcement": {"status": "enforcing"}}  # fmt: skip
    with connected(Organisation(spend_limit=limit)) as (source, _):
        assert source.check() == (
            "the key may read costs and usage; its spend limit is 12,345.67 USD a month (enforcing)"
        )
    with connected(Organisation()) as (source, _):
        assert source.check() == "the key may read costs and usage"
    with connected(Organisation(), "sk-proj-wrong") as (source, _), pytest.raises(SourceFailed, match="admin key"):
        source.check()


def test_the_secret_is_in_no_text_of_the_connector() -> None:
    with connected(whole()) as (source, _):
        source.check()
        assert KEY not in repr(source._api()) and KEY not in repr(source)


def test_the_report_of_decisions_is_read_where_somebody_asks_for_it() -> None:
    with connected(whole()) as (source, _):
        usual = {one.name for one in source.streams}
        asked = replace(source, setup=replace(source.setup, options={**source.setup.options, "decisions": "on"}))
        assert {one.name for one in asked.streams} - usual == {"usage_decisions"}
