"""The contract of `tally costs --json` and the API: names, exact money as text, null for unknown."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tallystick.explore.assemble import Groups, Series, Summed, add, assemble, subtract
from tallystick.explore.describe import compared_text, sentence_text, span_text, title_text
from tallystick.explore.model import Breakdown, Filter, Freshness, Query, Row, SourceFresh, Sums
from tallystick.explore.wire import freshness_to_wire, to_wire
from tallystick.kernel.period import Period

DOLLAR = 10**12
DAY = 86_400_000_000
NOV_1 = 1_793_491_200_000_000  # 2026-11-01T00:00Z
QUERY = Query(
    period=Period(NOV_1, NOV_1 + 23 * DAY),
    previous=Period(NOV_1 - 28 * DAY, NOV_1 - 5 * DAY),
    group_by=("team", "model"),
    filters=(Filter("provider", "is", ("anthropic",)),),
    grain="day",
    range_word="mtd",
    compare="weekdays",
)


def answer() -> Breakdown:
    rows = (
        Row(
            {"team": "Support", "model": "claude"},
            Sums(cost=3 * DOLLAR + 1, calls=2, attempts=3, input_tokens=100, output_tokens=7,
                 quantities={"uncached_input": 60, "cache_read": 30, "cache_write_5m": 10, "plain_output": 5, "reasoning_output": 2}),
            Sums(cost=1 * DOLLAR, calls=1, attempts=1),
            series=(3 * DOLLAR + 1,),
        ),
        Row({"team": "", "model": "new"}, Sums(cost=None, calls=1, unpriced_calls=1, unpriced_tokens=12), Sums(cost=0)),
    )  # fmt: skip
    total = Row(
        {},
        Sums(cost=3 * DOLLAR + 1, calls=3, unpriced_calls=1, unpriced_tokens=12),
        Sums(cost=DOLLAR),
        (3 * DOLLAR + 1,),
    )
    return Breakdown(QUERY, rows, total, Freshness(NOV_1, NOV_1 + DAY), buckets=(NOV_1,), previous_series=(DOLLAR,))


def test_the_object_has_the_names_of_the_contract() -> None:
    wire = json.loads(json.dumps(to_wire(answer())))
    assert (wire["measure"], wire["currency"], wire["from"], wire["to"], wire["zone"]) == (
        "effective",
        "USD",
        "2026-11-01",
        "2026-11-24",
        "UTC",
    )
    assert (wire["total"], wire["previous"], wire["change"]) == ("3.000000000001", "1", "2.000000000001")
    assert wire["unpriced"] == {"calls": 1, "tokens": 12}
    assert wire["freshness"] == {
        "first_event_at": None,
        "last_event_at": "2026-11-01T00:00:00Z",
        "ledger_at": "2026-11-02T00:00:00Z",
        "pending": None,
        "sources": [],
    }
    sources = (SourceFresh("file", "calls", None, 5_000_000), SourceFresh("cur", "bills", 0))
    assert freshness_to_wire(replace(answer().freshness, sources=sources))["sources"] == [
        {"source": "file", "kind": "calls", "last_at": None, "loaded_at": "1970-01-01T00:00:05Z"},
        {"source": "cur", "kind": "bills", "last_at": "1970-01-01T00:00:00Z", "loaded_at": None},
    ]
    assert wire["series"] == {
        "grain": "day",
        "buckets": ["2026-11-01T00:00:00Z"],
        "values": ["3.000000000001"],
        "previous": ["1"],
    }
    assert wire["others"] is None
    assert wire["link"] == "/explore?range=mtd&cmp=weekdays&by=team,model&provider=anthropic&grain=day"
    first = wire["rows"][0]
    assert first["group"] == {"team": "Support", "model": "claude"}
    assert (first["value"], first["previous"], first["change"], first["calls"]) == (
        "3.000000000001",
        "1",
        "2.000000000001",
        2,
    )
    assert [
        first[name]
        for name in (
            "input_tokens",
            "cache_read_input_tokens",
            "cache_write_input_tokens",
            "output_tokens",
            "reasoning_output_tokens",
        )
    ] == [100, 30, 10, 7, 2]


def test_unknown_is_null_and_not_nothing() -> None:
    unknown = to_wire(answer())["rows"][1]
    assert (unknown["value"], unknown["previous"], unknown["change"]) == (None, "0", None)
    assert unknown["group"] == {"team": None, "model": "new"}


def test_the_answer_is_said_in_words_without_a_cause() -> None:
    assert compared_text(QUERY) == "vs 4–26 Oct, same weekdays"
    assert (
        sentence_text(answer())
        == "$3.00 in 23 days, ▲ $2.00 (+200.0%) against the same weekdays before. The largest mover is Support · claude: +$2.00, 100.0% of the change."
    )
    assert title_text(answer()) == "$3.00, provider anthropic, 1–23 Nov"


def test_a_span_names_both_ends() -> None:
    assert span_text(Period(NOV_1, NOV_1 + DAY), "UTC") == "1 Nov 2026"
    assert span_text(Period(NOV_1 - DAY, NOV_1 + DAY), "UTC") == "31 Oct – 1 Nov"
    assert span_text(Period(NOV_1, NOV_1 + 90 * DAY), "UTC") == "1 Nov 2026 – 29 Jan 2027"


figures = st.builds(
    Sums,
    cost=st.integers(-(10**15), 10**15),
    calls=st.integers(1, 9),
    attempts=st.integers(0, 9),
    errors=st.integers(0, 9),
    unpriced_tokens=st.integers(0, 10**6),
    input_tokens=st.integers(0, 10**6),
    quantities=st.dictionaries(st.sampled_from(["cache_read", "plain_output"]), st.integers(1, 10**6)),
)
summed = st.builds(Summed, st.tuples(st.text(max_size=3), st.text(max_size=3)), figures, figures, st.just((1, 1)))


@given(st.lists(summed, min_size=1, max_size=8), st.integers(0, 8))
def test_rows_and_others_are_the_total_to_the_last_grain(groups: list[Summed], kept: int) -> None:
    total = add(groups)
    rows = tuple(groups[:kept])
    assert subtract(total, rows) == add(groups[kept:])
    found = assemble(QUERY, Groups(rows, len(groups), total), Series(), Freshness(None, 0))
    parts = [row.now.cost or 0 for row in (*found.rows, *([found.others] if found.others else []))]
    assert sum(parts) == found.total.now.cost
    assert found.other_groups == max(len(groups) - kept, 0)
