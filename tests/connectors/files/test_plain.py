"""Plain columns become disjoint token classes, or a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.connectors.files.mapping import complete, parse_mapping
from tallystick.connectors.files.model import Parsed, Rejected
from tallystick.connectors.files.plain import plain_shape

AT = "2026-11-01T12:00:00Z"
LATEST_US = 1_800_000_000_000_000
COLUMNS = (
    "time",
    "model",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "team",
    "status",
    "cost",
)


def read(row: dict[str, object], columns: tuple[str, ...] = COLUMNS, sets: tuple[str, ...] = ()) -> Parsed | Rejected:
    return plain_shape(complete(parse_mapping([], sets), columns, "f"), LATEST_US).parse(
        {"time": AT, "model": "m"} | row
    )


def test_totals_are_inclusive_and_classes_disjoint() -> None:
    row = read({"input_tokens": "1,000", "cached_tokens": 400, "output_tokens": 50, "reasoning_tokens": 20})
    assert isinstance(row, Parsed)
    assert row.quantities == {"cache_read": 400, "uncached_input": 600, "reasoning_output": 20, "plain_output": 30}
    assert (row.values["input_tokens"], row.values["output_tokens"]) == (1000, 50)


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**8))
@settings(max_examples=50)
def test_the_input_classes_sum_to_the_total_or_the_row_is_bad(total: int, cached: int, output: int) -> None:
    row = read({"input_tokens": total, "cached_tokens": cached, "output_tokens": output})
    if cached > total:
        assert isinstance(row, Rejected)
        return
    assert isinstance(row, Parsed)
    assert row.quantities["cache_read"] + row.quantities["uncached_input"] == total


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input_tokens": -1}, "negative"),
        ({"input_tokens": 10**11}, "more than"),
        ({"input_tokens": "12.5"}, "no whole number"),
        ({"input_tokens": "many"}, "no whole number"),
        ({"input_tokens": "NaN"}, "no whole number"),
        ({"input_tokens": float("inf")}, "no whole number"),
        ({"input_tokens": True}, "no whole number"),
        ({"input_tokens": 10, "cached_tokens": 11}, "cache_read"),
        ({"input_tokens": 10, "model": ""}, "model is missing"),
        ({"input_tokens": 10, "time": "soon"}, "no time"),
        ({"input_tokens": 10, "time": "2099-01-01"}, "future"),
        ({"input_tokens": "", "output_tokens": ""}, "no token count"),
        ({"input_tokens": 10, "cost": "cheap"}, "no amount"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: dict[str, object], reason: str) -> None:
    found = read(row)
    assert isinstance(found, Rejected)
    assert reason in found.reason


def test_an_empty_cell_is_unknown_and_not_zero() -> None:
    row = read({"input_tokens": 10, "output_tokens": "", "cached_tokens": None})
    assert isinstance(row, Parsed)
    assert row.quantities == {"uncached_input": 10}
    assert "output_tokens" not in row.values


def test_a_cost_in_the_file_is_kept_beside_ours() -> None:
    row = read({"input_tokens": 10, "cost": "$0.0120"})
    assert isinstance(row, Parsed)
    assert row.values["tags"] == {"reported_cost": "0.0120"}


def test_constants_reach_every_row() -> None:
    row = read({"input_tokens": 1}, ("time", "input_tokens"), ("model=gpt-4o,provider=azure,feature=chat,tag.era=old",))
    assert isinstance(row, Parsed)
    assert row.values["request_model"] == "gpt-4o"
    assert (row.values["provider"], row.values["feature"], row.values["tags"]) == ("azure", "chat", {"era": "old"})


def test_a_status_says_how_the_call_ended() -> None:
    ok, bad, word = (read({"input_tokens": 1, "status": status}) for status in ("200", 429, "failure"))
    assert isinstance(ok, Parsed)
    assert isinstance(bad, Parsed)
    assert isinstance(word, Parsed)
    assert (ok.values["outcome"], bad.values["outcome"], word.values["outcome"]) == ("ok", "error", "error")


def test_a_formula_is_only_text() -> None:
    row = read({"input_tokens": 1, "team": '=HYPERLINK("http://x")'})
    assert isinstance(row, Parsed)
    assert row.values["team"] == '=HYPERLINK("http://x")'
