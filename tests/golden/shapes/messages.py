"""Anthropic Messages."""

from tests.golden.shapes.wire import (
    MESSAGES_PATH,
    USER,
    WORDS,
    bytes_of,
    event,
    expect,
    messages_body,
    messages_events,
    messages_request,
    quarter,
    record,
)

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"word": "tally"}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tally stick"}}


def usage(given, made, *, read=None, written=None, split=None, **more):
    found = {"input_tokens": given, "output_tokens": made}
    if read is not None:
        found["cache_read_input_tokens"] = read
    if written is not None:
        found["cache_creation_input_tokens"] = written
    if split is not None:
        found["cache_creation"] = {"ephemeral_5m_input_tokens": split[0], "ephemeral_1h_input_tokens": split[1]}
    return {**found, **more}


def told(quantities, cost, **more):
    return expect(quantities, cost, **{"model": "argent-opus", "finish": "end_turn", **more})


def turn(kind, given, made, **more):
    return {"type": kind, **usage(given, made, read=0, written=0, split=(0, 0)), **more}


# name, usage, expectation, and what else the answer holds. Each is written plain and streamed.
SHAPES = [
    (
        "bare",
        usage(2095, 503),
        told(
            {"uncached_input": 2095, "plain_output": 503},
            [["uncached_input", 2095, "3.00"], ["plain_output", 503, "15.00"]],
            input_tokens=2095,
            output_tokens=503,
        ),
        {},
    ),
    (
        "standard_tier_and_zeros",
        usage(12, 8, read=0, written=0, split=(0, 0), service_tier="standard", inference_geo="not_available"),
        told(
            {"uncached_input": 12, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "plain_output": 8},
            [["uncached_input", 12, "3.00"], ["plain_output", 8, "15.00"]],
            input_tokens=12,
            output_tokens=8,
            tier="standard",
        ),
        {},
    ),
    (
        "cached",
        usage(95, 50, read=12000, written=0, split=(0, 0)),
        told(
            {"uncached_input": 95, "cache_read": 12000, "cache_write_5m": 0, "cache_write_1h": 0, "plain_output": 50},
            [["uncached_input", 95, "3.00"], ["cache_read", 12000, "0.30"], ["plain_output", 50, "15.00"]],
            input_tokens=12095,
            output_tokens=50,
        ),
        {},
    ),
    (
        "written_5m",
        usage(95, 50, read=0, written=2051, split=(2051, 0)),
        told(
            {"uncached_input": 95, "cache_read": 0, "cache_write_5m": 2051, "cache_write_1h": 0, "plain_output": 50},
            [["uncached_input", 95, "3.00"], ["cache_write_5m", 2051, "3.75"], ["plain_output", 50, "15.00"]],
            input_tokens=2146,
            output_tokens=50,
        ),
        {},
    ),
    (
        "written_1h",
        usage(95, 50, read=0, written=2051, split=(0, 2051)),
        told(
            {"uncached_input": 95, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 2051, "plain_output": 50},
            [["uncached_input", 95, "3.00"], ["cache_write_1h", 2051, "6.00"], ["plain_output", 50, "15.00"]],
            input_tokens=2146,
            output_tokens=50,
        ),
        {},
    ),
    *(
        (
            f"long_context_{name}",
            usage(given, 50, read=190_000, written=9_000, split=(0, 9_000)),
            told(
                {
                    "uncached_input": given,
                    "cache_read": 190_000,
                    "cache_write_5m": 0,
                    "cache_write_1h": 9_000,
                    "plain_output": 50,
                },
                [
                    ["uncached_input", given, prices[0]],
                    ["cache_read", 190_000, prices[1]],
                    ["cache_write_1h", 9_000, prices[2]],
                    ["plain_output", 50, prices[3]],
                ],
                input_tokens=199_000 + given,
                output_tokens=50,
            ),
            {},
        )
        # 199,999 and 200,000 tokens with what was cached, and one more, which makes the whole request dearer.
        for name, given, prices in (
            ("one_below", 999, ("3.00", "0.30", "6.00", "15.00")),
            ("at_its_edge", 1000, ("3.00", "0.30", "6.00", "15.00")),
            ("one_above", 1001, ("6.00", "0.60", "12.00", "22.50")),
        )
    ),
    (
        "written_both_and_read",
        usage(2095, 503, read=12000, written=2051, split=(1051, 1000)),
        told(
            {
                "uncached_input": 2095,
                "cache_read": 12000,
                "cache_write_5m": 1051,
                "cache_write_1h": 1000,
                "plain_output": 503,
            },
            [
                ["uncached_input", 2095, "3.00"],
                ["cache_read", 12000, "0.30"],
                ["cache_write_5m", 1051, "3.75"],
                ["cache_write_1h", 1000, "6.00"],
                ["plain_output", 503, "15.00"],
            ],
            input_tokens=16146,
            output_tokens=503,
        ),
        {},
    ),
    (
        "written_without_a_split",
        usage(95, 50, read=0, written=2051),
        told(
            {"uncached_input": 95, "cache_read": 0, "cache_write_unknown": 2051, "plain_output": 50},
            [["uncached_input", 95, "3.00"], ["cache_write_unknown", 2051, "4.50"], ["plain_output", 50, "15.00"]],
            input_tokens=2146,
            output_tokens=50,
        ),
        {},
    ),
    (
        "written_more_than_its_split",
        usage(95, 50, read=0, written=2100, split=(1000, 1000)),
        told(
            {
                "uncached_input": 95,
                "cache_read": 0,
                "cache_write_5m": 1000,
                "cache_write_1h": 1000,
                "cache_write_unknown": 100,
                "plain_output": 50,
            },
            [
                ["uncached_input", 95, "3.00"],
                ["cache_write_5m", 1000, "3.75"],
                ["cache_write_1h", 1000, "6.00"],
                ["cache_write_unknown", 100, "4.50"],
                ["plain_output", 50, "15.00"],
            ],
            input_tokens=2195,
            output_tokens=50,
            drift=["cache_creation does not add up"],
        ),
        {},
    ),
    (
        "thinking",
        usage(40, 900, output_tokens_details={"thinking_tokens": 700}),
        told(
            {"uncached_input": 40, "reasoning_output": 700, "plain_output": 200},
            [["uncached_input", 40, "3.00"], ["reasoning_output", 700, "16.00"], ["plain_output", 200, "15.00"]],
            input_tokens=40,
            output_tokens=900,
        ),
        {},
    ),
    (
        "web_search",
        usage(3000, 200, server_tool_use={"web_search_requests": 3, "web_fetch_requests": 2}, service_tier="standard"),
        told(
            {"uncached_input": 3000, "plain_output": 200, "searches": 3, "fetches": 2},
            [["uncached_input", 3000, "3.00"], ["plain_output", 200, "15.00"], ["searches", 3, "10000"]],
            input_tokens=3000,
            output_tokens=200,
            tier="standard",
        ),
        {"content": [SEARCH, {"type": "text", "text": WORDS}]},
    ),
    (
        "tool_use",
        usage(472, 65),
        told(
            {"uncached_input": 472, "plain_output": 65, "tool_calls": 1},
            [["uncached_input", 472, "3.00"], ["plain_output", 65, "15.00"]],
            input_tokens=472,
            output_tokens=65,
            finish="tool_use",
        ),
        {"content": [{"type": "text", "text": WORDS}, CALL], "stop": "tool_use"},
    ),
    (
        "priority_tier",
        usage(100, 10, service_tier="priority"),
        told(
            {"uncached_input": 100, "plain_output": 10},
            [["uncached_input", 100, "4.00"], ["plain_output", 10, "20.00"]],
            input_tokens=100,
            output_tokens=10,
            tier="priority",
        ),
        {},
    ),
    (
        "batch_tier",
        usage(100, 10, service_tier="batch"),
        told(
            {"uncached_input": 100, "plain_output": 10},
            [["uncached_input", 100, "1.50"], ["plain_output", 10, "7.50"]],
            input_tokens=100,
            output_tokens=10,
            tier="batch",
        ),
        {},
    ),
    (
        "fast_mode",
        usage(100, 10, read=500, service_tier="standard", speed="fast"),
        told(
            {"uncached_input": 100, "cache_read": 500, "plain_output": 10},
            [["uncached_input", 100, "18.00"], ["cache_read", 500, "1.80"], ["plain_output", 10, "90.00"]],
            input_tokens=600,
            output_tokens=10,
            tier="fast",
        ),
        {},
    ),
    (
        "inference_in_the_us",
        usage(100, 10, read=500, written=0, split=(0, 0), service_tier="standard", inference_geo="us"),
        told(
            {"uncached_input": 100, "cache_read": 500, "cache_write_5m": 0, "cache_write_1h": 0, "plain_output": 10},
            [["uncached_input", 100, "3.30"], ["cache_read", 500, "0.33"], ["plain_output", 10, "16.50"]],
            input_tokens=600,
            output_tokens=10,
            tier="standard",
            region="us",
        ),
        {},
    ),
    (
        "refusal",
        usage(60, 4),
        told(
            {"uncached_input": 60, "plain_output": 4},
            [["uncached_input", 60, "3.00"], ["plain_output", 4, "15.00"]],
            input_tokens=60,
            output_tokens=4,
            finish="refusal",
        ),
        {"stop": "refusal"},
    ),
    (
        "compaction_is_billed_beside_the_top_level",
        usage(180, 8, iterations=[turn("compaction", 55196, 125), turn("message", 180, 8)]),
        told(
            {
                "uncached_input": 55376,
                "cache_read": 0,
                "cache_write_5m": 0,
                "cache_write_1h": 0,
                "plain_output": 133,
            },
            [["uncached_input", 55376, "3.00"], ["plain_output", 133, "15.00"]],
            input_tokens=55376,
            output_tokens=133,
        ),
        {},
    ),
    (
        "an_impossible_count",
        usage(100, 10, read=-5),
        told(
            {"uncached_input": 100, "plain_output": 10},
            [["uncached_input", 100, "3.00"], ["plain_output", 10, "15.00"]],
            input_tokens=100,
            output_tokens=10,
            drift=["cache_read_input_tokens is not a count"],
        ),
        {},
    ),
]

IN_GUESS = quarter(bytes_of(USER))
OUT_GUESS = quarter(len(WORDS))


def records():
    for name, counts, expected, more in SHAPES:
        yield record(
            f"messages_{name}",
            "anthropic",
            MESSAGES_PATH,
            messages_request(),
            expected,
            body=messages_body(counts, **more),
        )
        # The start knows the input and a first few tokens; the last delta repeats the counters that grew.
        start = {**counts, "output_tokens": 1}
        for late in ("output_tokens_details", "server_tool_use", "iterations"):
            start.pop(late, None)
        delta = {key: value for key, value in counts.items() if key not in ("cache_creation", "service_tier")}
        yield record(
            f"messages_{name}_streamed",
            "anthropic",
            MESSAGES_PATH,
            messages_request(stream=True),
            expected,
            stream=messages_events(start, delta, **more),
        )
    yield from others()


def others():
    request = messages_request(stream=True)
    start = usage(2095, 3, read=12000, written=2051, split=(1051, 1000), service_tier="standard")
    split = {"cache_read": 12000, "cache_write_5m": 1051, "cache_write_1h": 1000, "uncached_input": 2095}
    lines = [
        ["uncached_input", 2095, "3.00"],
        ["cache_read", 12000, "0.30"],
        ["cache_write_5m", 1051, "3.75"],
        ["cache_write_1h", 1000, "6.00"],
    ]
    yield record(
        "messages_last_delta_holds_output_only",
        "anthropic",
        MESSAGES_PATH,
        request,
        told(
            {**split, "plain_output": 503},
            [*lines, ["plain_output", 503, "15.00"]],
            input_tokens=16146,
            output_tokens=503,
            tier="standard",
        ),
        stream=messages_events(start, {"output_tokens": 503}),
    )
    cut = told(
        {**split, "plain_output": OUT_GUESS},
        [*lines, ["plain_output", OUT_GUESS, "15.00"]],
        input_tokens=16146,
        output_tokens=OUT_GUESS,
        tier="standard",
        state="estimated",
        estimated=["plain_output"],
        complete=False,
        finish="",
    )
    events = messages_events(start, None)
    yield record("messages_cut_before_the_last_delta", "anthropic", MESSAGES_PATH, request, cut, stream=events)
    broken = event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    yield record(
        "messages_error_in_the_stream",
        "anthropic",
        MESSAGES_PATH,
        request,
        {**cut, "error": "overloaded_error"},
        stream=[*events, broken],
    )
    grown = {"output_tokens": 503, "cache_creation_input_tokens": 2551}
    yield record(
        "messages_writes_grow_after_the_start",
        "anthropic",
        MESSAGES_PATH,
        request,
        told(
            {**split, "cache_write_unknown": 500, "plain_output": 503},
            [*lines, ["cache_write_unknown", 500, "4.50"], ["plain_output", 503, "15.00"]],
            input_tokens=16646,
            output_tokens=503,
            tier="standard",
            drift=["cache_creation does not add up"],
        ),
        stream=messages_events(start, grown),
    )
    yield record(
        "messages_cut_before_anything",
        "anthropic",
        MESSAGES_PATH,
        request,
        expect(
            {"uncached_input": IN_GUESS, "plain_output": 0},
            [["uncached_input", IN_GUESS, "3.00"]],
            model="",
            input_tokens=IN_GUESS,
            output_tokens=0,
            state="estimated",
            estimated=["uncached_input", "plain_output"],
            complete=False,
        ),
        stream=[],
    )
