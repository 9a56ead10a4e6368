"""One grammar for URL, API and command line: what it understands, refuses, and writes back."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.explore.conditions import normal
from tallystick.explore.model import Filter, Query
from tallystick.explore.parse import PARAMS, parse_query, query_link, query_params
from tallystick.kernel.errors import QueryError
from tallystick.usage.dimensions import GROUPABLE

NOW = int(datetime(2026, 11, 23, 15, 7, tzinfo=UTC).timestamp()) * 1_000_000


def parsed(*pairs: tuple[str, str], zone: str = "UTC") -> Query:
    params: dict[str, list[str]] = {}
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return parse_query(params, now_us=NOW, zone=zone)


def test_nothing_asked_means_this_month_against_the_same_weekdays() -> None:
    query = parsed()
    assert (query.range_word, query.compare, query.measure, query.grain, query.limit) == (
        "mtd",
        "weekdays",
        "effective",
        None,
        1000,
    )
    assert query.previous
    assert query.previous.end_us - query.previous.start_us == NOW - query.period.start_us


def test_empty_fields_are_as_if_absent() -> None:
    assert parsed(("provider", ""), ("team", " "), ("by", ""), ("cmp", ""), ("limit", ""), ("where", "")) == parsed()


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("where", "team=Support"), Filter("team", "is", ("Support",))),
        (("where", "Team != a|b"), Filter("team", "is_not", ("a", "b"))),
        (("where", "feature~=chat"), Filter("feature", "contains", ("chat",))),
        (("where", "model^=gpt=4"), Filter("model", "starts_with", ("gpt=4",))),
        (("team", "a|b"), Filter("team", "is", ("a", "b"))),
        (("team", r"a\|b"), Filter("team", "is", ("a|b",))),
        (("cost-center!", "7"), Filter("cost_center", "is_not", ("7",))),
        (("session~", "x"), Filter("conversation", "contains", ("x",))),
        (("tag.Squad", "red"), Filter("tag.squad", "is", ("red",))),
        (("user", "(unknown)"), Filter("user", "is", ("",))),
        (("where", "user="), Filter("user", "is", ("",))),
    ],
)
def test_a_condition_is_understood(pair: tuple[str, str], expected: Filter) -> None:
    assert parsed(pair).filters == (expected,)


def test_repeated_values_are_alternatives_and_repeated_searches_must_all_hold() -> None:
    assert parsed(("team", "a"), ("where", "team=b")).filters == (Filter("team", "is", ("b", "a")),)
    assert len(parsed(("feature~", "a"), ("feature~", "b")).filters) == 2


@pytest.mark.parametrize(
    ("pair", "hint"),
    [
        (("by", "modle"), '"model"'),
        (("taem", "x"), '"team"'),
        (("range", "mdt"), '"mtd"'),
        (("cmp", "weekday"), '"weekdays"'),
        (("measure", "efective"), '"effective"'),
        (("grain", "dya"), '"day"'),
        (("where", "custmer=x"), '"customer"'),
        (("where", "team"), "team=Support"),
        (("from", "23.11.2026"), "YYYY-MM-DD"),
        (("to", "2026-11-01"), "from="),
        (("limit", "0"), "1 to"),
        (("limit", "²"), "1 to"),
        (("currency", "dollars"), "USD"),
        (("tag.", "x"), "tag.NAME"),
        (("team~", "-"), "(unknown)"),
    ],
)
def test_an_error_says_what_where_and_what_would_do(pair: tuple[str, str], hint: str) -> None:
    with pytest.raises(QueryError) as found:
        parsed(pair)
    assert hint in " ".join(found.value.next_steps)
    assert found.value.where
    assert len(found.value.next_steps) <= 3


def test_a_range_and_dates_exclude_each_other_and_ends_come_after_starts() -> None:
    for pairs in (
        [("range", "7d"), ("from", "2026-11-01")],
        [("from", "2026-11-02"), ("to", "2026-11-02")],
        [("grain", "hour"), ("range", "ytd")],
    ):
        with pytest.raises(QueryError):
            parsed(*pairs)


def test_dates_are_days_of_the_zone() -> None:
    query = parsed(("from", "2026-11-01"), ("to", "2026-11-08"), zone="Asia/Kolkata")
    assert query.period.start_us == int(datetime(2026, 10, 31, 18, 30, tzinfo=UTC).timestamp()) * 1_000_000
    assert query.period.end_us - query.period.start_us == 7 * 86_400_000_000


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
names = st.one_of(st.sampled_from([*PARAMS, *GROUPABLE, "tag.x", "team!", "team~"]), words)
values = st.one_of(
    words,
    st.sampled_from(["7d", "2026-11-01", "team", "team=a", "day", "year", "5", "a|b", "list"]),
    st.builds("{}={}".format, st.sampled_from(GROUPABLE), words),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(names, values), max_size=6))
def test_whatever_is_asked_gives_a_query_or_an_error_that_says_why(pairs: list[tuple[str, str]]) -> None:
    try:
        query = parsed(*pairs)
    except QueryError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
        return
    assert query.period.start_us < query.period.end_us


filters = st.lists(
    st.builds(
        Filter,
        st.sampled_from(["team", "model", "tag.squad", "cost_center"]),
        st.sampled_from(["is", "is_not", "contains", "starts_with"]),
        st.lists(
            st.text("aB1|\\%_- é=&", min_size=1, max_size=6).map(str.strip).filter(normal),
            min_size=1,
            max_size=3,
            unique=True,
        ).map(tuple),
    ),
    max_size=4,
    unique_by=lambda one: (one.dimension, one.operator),
)


@settings(max_examples=200)
@given(
    filters,
    st.sampled_from(["7d", "2026-02", ""]),
    st.sampled_from([None, "day", "month"]),
    st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_an_address_means_the_query_it_was_written_from(
    wanted: list[Filter], word: str, grain: str | None, zone: str
) -> None:
    span = [("range", word)] if word else [("from", "2026-10-01"), ("to", "2026-11-05")]
    query = parsed(
        *span, ("by", "team,tag.squad"), ("grain", grain or ""), ("limit", "7"), ("measure", "list"), zone=zone
    )
    query = Query(
        **{**{name: getattr(query, name) for name in query.__slots__}, "filters": tuple(sorted(wanted, key=str))}
    )
    again = parse_query(parse_qs(urlsplit(query_link(query)).query), now_us=NOW, zone=zone)
    assert set(again.filters) == set(query.filters)
    assert query_link(again) == query_link(query)
    assert all(value for _, value in query_params(query))
