"""A report of two sides and their sum is read at once; anything odd in it is still found."""

import pytest

from tallystick.gateway.dialects.openai_usage import CHAT, read_usage


def test_a_plain_report_is_its_two_sides():
    found = read_usage({"prompt_tokens": 24, "completion_tokens": 8, "total_tokens": 32}, CHAT)
    assert found.quantities == {"uncached_input": 24, "plain_output": 8}
    assert (found.input_tokens, found.output_tokens, found.report.drift) == (24, 8, [])


@pytest.mark.parametrize(
    "odd",
    [
        {"total_tokens": 33},
        {"total_tokens": 32.0},
        {"prompt_tokens": True, "total_tokens": 9},
        {"prompt_tokens": -1, "total_tokens": 7},
        {"prompt_tokens": 2_000_000_000, "total_tokens": 2_000_000_008},
        {"total_tokens": "32"},
    ],
)
def test_three_members_of_which_one_is_odd_are_drift(odd):
    assert read_usage({"prompt_tokens": 24, "completion_tokens": 8, "total_tokens": 32, **odd}, CHAT).report.drift


def test_another_member_in_the_place_of_the_sum_is_drift():
    found = read_usage({"prompt_tokens": 24, "completion_tokens": 8, "moon_tokens": 5}, CHAT)
    assert found.report.drift == ["unknown moon_tokens"]
