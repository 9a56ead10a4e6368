"""What --map and --set mean, and what is said when they mean nothing."""

import pytest

from tallystick.connectors.files.mapping import Plan, complete, parse_mapping
from tallystick.kernel.errors import DataError, UsageError

NOVEMBER_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z


def test_a_time_has_a_unit_and_a_start() -> None:
    plan = parse_mapping(["time=timestamp:ms+2026-11-01,input_tokens=input_length"], ["provider=azure,model=gpt-4o"])
    use = plan.columns["time"]
    assert (use.column, use.unit, use.offset_us) == ("timestamp", "ms", NOVEMBER_US)
    assert plan.columns["input_tokens"].column == "input_length"
    assert dict(plan.constants) == {"provider": "azure", "model": "gpt-4o"}


def test_other_tools_words_are_understood() -> None:
    plan = parse_mapping(["prompt_tokens=a,completion_tokens=b,Cost-Center=c,session=d,tag.squad=e"], [])
    assert set(plan.columns) == {"input_tokens", "output_tokens", "cost_center", "conversation", "tag.squad"}


@pytest.mark.parametrize(
    ("maps", "sets", "said"),
    [
        (["input_tokns=a"], [], "input_tokns"),
        (["time"], [], "not of the form"),
        (["time=ts:ms+soon"], [], "no date"),
        ([], ["time=now"], "differs from row to row"),
        ([], ["input_tokens=7"], "differs from row to row"),
        (["duration=d:ms+2026-11-01"], [], "count from a start"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(maps: list[str], sets: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_mapping(maps, sets)


def test_an_unknown_field_is_met_with_the_nearest_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_mapping(["input_tokns=a"], [])
    assert "input_tokens" in caught.value.next_steps[0]


def test_columns_that_speak_for_themselves_are_added() -> None:
    plan = complete(parse_mapping([], []), ["Timestamp", "Model", "Prompt Tokens", "completion_tokens", "x"], "f.csv")
    assert {name: use.column for name, use in plan.columns.items()} == {
        "time": "Timestamp",
        "model": "Model",
        "input_tokens": "Prompt Tokens",
        "output_tokens": "completion_tokens",
    }


def test_what_was_given_wins_over_what_was_guessed() -> None:
    plan = complete(parse_mapping(["time=b"], ["model=m"]), ["time", "b", "model", "input_tokens"], "f")
    assert plan.columns["time"].column == "b"
    assert "model" not in plan.columns


def test_a_file_that_cannot_be_mapped_prints_a_line_to_start_from() -> None:
    with pytest.raises(DataError) as caught:
        complete(Plan(), ["date_of_call", "input_length", "output_length"], "f.csv")
    assert "date_of_call, input_length, output_length" in caught.value.next_steps[0]
    assert caught.value.next_steps[1].startswith(
        "tally import FILE --map time=date_of_call,input_tokens=input_length,output_tokens=output_length"
    )


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match='no column "nope"'):
        complete(parse_mapping(["time=nope"], []), ["a", "b"], "f.csv")


def test_equal_plans_are_one_source_whatever_their_order() -> None:
    one = parse_mapping(["time=t,input_tokens=i"], ["model=m"])
    other = parse_mapping(["input_tokens=i", "time=t"], ["model=m"])
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != parse_mapping(["time=t:ms,input_tokens=i"], ["model=m"]).fingerprint
