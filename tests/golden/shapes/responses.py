"""The Responses API."""

from tests.golden.shapes.wire import (
    RESPONSES_PATH,
    WORDS,
    bytes_of,
    event,
    expect,
    quarter,
    record,
    responses_body,
    responses_events,
)

QUESTION = "Tell me what a tally stick is."
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": WORDS, "annotations": [], "logprobs": []}],
}


def search(number, kind="search"):
    return {"id": f"ws_{number}", "type": "web_search_call", "status": "completed", "action": {"type": kind}}


def usage(given, made, *, cached=0, written=0, thought=0, lifetimes=None):
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    if lifetimes:
        details["cache_write_tokens_details"] = {"ttl_30m_tokens": lifetimes[0], "ttl_12h_tokens": lifetimes[1]}
    return {
        "input_tokens": given,
        "input_tokens_details": details,
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": given + made,
    }


def told(quantities, cost, **more):
    return expect(quantities, cost, **{"model": "aurum-chat", "finish": "completed", **more})


def plain(given, made, **more):
    """No cache, no reasoning: all reported as zero."""
    return told(
        {
            "uncached_input": given,
            "cache_read": 0,
            "cache_write_unknown": 0,
            "reasoning_output": 0,
            "plain_output": made,
            **more.pop("counted", {}),
        },
        [["uncached_input", given, "2.50"], ["plain_output", made, "10.00"], *more.pop("lines", [])],
        input_tokens=given,
        output_tokens=made,
        **more,
    )


# name, body, expectation, final event. Each is written plain and streamed.
SHAPES = [
    ("bare", responses_body(usage(36, 87)), plain(36, 87), "response.completed"),
    (
        "cached_and_reasoning",
        responses_body(usage(2006, 300, cached=1920, thought=128), service_tier="default"),
        told(
            {
                "uncached_input": 86,
                "cache_read": 1920,
                "cache_write_unknown": 0,
                "reasoning_output": 128,
                "plain_output": 172,
            },
            [
                ["uncached_input", 86, "2.50"],
                ["cache_read", 1920, "0.25"],
                ["reasoning_output", 128, "12.00"],
                ["plain_output", 172, "10.00"],
            ],
            input_tokens=2006,
            output_tokens=300,
            tier="default",
        ),
        "response.completed",
    ),
    (
        "written_by_lifetime",
        responses_body(usage(9000, 40, cached=1000, written=7000, lifetimes=(2000, 5000))),
        told(
            {
                "uncached_input": 1000,
                "cache_read": 1000,
                "cache_write_30m": 2000,
                "cache_write_12h": 5000,
                "reasoning_output": 0,
                "plain_output": 40,
            },
            [
                ["uncached_input", 1000, "2.50"],
                ["cache_read", 1000, "0.25"],
                ["cache_write_30m", 2000, "3.125"],
                ["cache_write_12h", 5000, "5.00"],
                ["plain_output", 40, "10.00"],
            ],
            input_tokens=9000,
            output_tokens=40,
        ),
        "response.completed",
    ),
    (
        "written_for_the_lifetime_of_the_call",
        responses_body(usage(9000, 40, written=7000), prompt_cache_options={"mode": "implicit", "ttl": "30m"}),
        told(
            {
                "uncached_input": 2000,
                "cache_read": 0,
                "cache_write_30m": 7000,
                "reasoning_output": 0,
                "plain_output": 40,
            },
            [
                ["uncached_input", 2000, "2.50"],
                ["cache_write_30m", 7000, "3.125"],
                ["plain_output", 40, "10.00"],
            ],
            input_tokens=9000,
            output_tokens=40,
        ),
        "response.completed",
    ),
    (
        "lifetimes_do_not_add_up",
        responses_body(usage(9000, 40, written=7000, lifetimes=(2000, 4500))),
        told(
            {
                "uncached_input": 2000,
                "cache_read": 0,
                "cache_write_30m": 2000,
                "cache_write_12h": 4500,
                "cache_write_unknown": 500,
                "reasoning_output": 0,
                "plain_output": 40,
            },
            [
                ["uncached_input", 2000, "2.50"],
                ["cache_write_30m", 2000, "3.125"],
                ["cache_write_12h", 4500, "5.00"],
                ["cache_write_unknown", 500, "3.50"],
                ["plain_output", 40, "10.00"],
            ],
            input_tokens=9000,
            output_tokens=40,
            drift=["cache_write_tokens_details do not add up"],
        ),
        "response.completed",
    ),
    (
        "flex_tier",
        responses_body(usage(1000, 100, cached=600), service_tier="flex"),
        told(
            {
                "uncached_input": 400,
                "cache_read": 600,
                "cache_write_unknown": 0,
                "reasoning_output": 0,
                "plain_output": 100,
            },
            [["uncached_input", 400, "1.25"], ["cache_read", 600, "0.125"], ["plain_output", 100, "5.00"]],
            input_tokens=1000,
            output_tokens=100,
            tier="flex",
        ),
        "response.completed",
    ),
    (
        "priority_tier",
        responses_body(usage(1000, 100, thought=30), service_tier="priority"),
        told(
            {
                "uncached_input": 1000,
                "cache_read": 0,
                "cache_write_unknown": 0,
                "reasoning_output": 30,
                "plain_output": 70,
            },
            [["uncached_input", 1000, "4.25"], ["reasoning_output", 30, "20.40"], ["plain_output", 70, "17.00"]],
            input_tokens=1000,
            output_tokens=100,
            tier="priority",
        ),
        "response.completed",
    ),
    (
        "web_searches",
        responses_body(usage(328, 356), output=[search(1), search(2), search(3, "open_page"), MESSAGE]),
        plain(328, 356, counted={"searches": 2, "tool_calls": 1}, lines=[["searches", 2, "10000"]]),
        "response.completed",
    ),
    (
        "web_searches_as_billed",
        responses_body(
            usage(328, 356),
            output=[search(1), search(2), MESSAGE],
            tool_usage={"image_gen": {"total_tokens": 0}, "web_search": {"num_requests": 1}},
        ),
        plain(328, 356, counted={"searches": 1}, lines=[["searches", 1, "10000"]]),
        "response.completed",
    ),
    (
        "function_calls",
        responses_body(
            usage(291, 23),
            output=[
                {"id": "fc_1", "type": "function_call", "status": "completed", "name": "look_up", "arguments": "{}"},
                {"id": "fc_2", "type": "function_call", "status": "completed", "name": "look_up", "arguments": "{}"},
            ],
        ),
        plain(291, 23, counted={"tool_calls": 2}),
        "response.completed",
    ),
    (
        "image_generated",
        responses_body(
            usage(120, 30),
            output=[{"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "aGk="}, MESSAGE],
        ),
        plain(120, 30, counted={"images": 1}, lines=[["images", 1, "40000"]]),
        "response.completed",
    ),
    (
        "incomplete",
        responses_body(usage(36, 16), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        plain(36, 16, finish="max_output_tokens"),
        "response.incomplete",
    ),
    (
        "failed_with_usage",
        responses_body(usage(36, 5), status="failed", error={"code": "server_error", "message": "It broke."}),
        plain(36, 5, finish="failed", error="server_error"),
        "response.failed",
    ),
    (
        "refusal",
        responses_body(usage(36, 9), output=[{**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]}]),
        plain(36, 9),
        "response.completed",
    ),
]

IN_GUESS = quarter(bytes_of(QUESTION))
OUT_GUESS = quarter(len(WORDS))


def records():
    request = {"model": "aurum-chat", "input": QUESTION}
    for name, body, expected, final in SHAPES:
        yield record(f"responses_{name}", "openai", RESPONSES_PATH, request, expected, body=body)
        yield record(
            f"responses_{name}_streamed",
            "openai",
            RESPONSES_PATH,
            {**request, "stream": True},
            expected,
            stream=responses_events(body, final=final),
        )
    guess = told(
        {"uncached_input": IN_GUESS, "plain_output": OUT_GUESS},
        [["uncached_input", IN_GUESS, "2.50"], ["plain_output", OUT_GUESS, "10.00"]],
        input_tokens=IN_GUESS,
        output_tokens=OUT_GUESS,
        state="estimated",
        estimated=["uncached_input", "plain_output"],
        complete=False,
        finish="in_progress",
    )
    body = responses_body(None, output=[])
    cut = responses_events(body, final=None)
    yield record(
        "responses_cut_before_the_usage", "openai", RESPONSES_PATH, {**request, "stream": True}, guess, stream=cut
    )
    broken = event({"type": "error", "code": "server_error", "message": "It broke.", "param": None})
    yield record(
        "responses_error_in_the_stream",
        "openai",
        RESPONSES_PATH,
        {**request, "stream": True},
        {**guess, "error": "server_error"},
        stream=[*cut, broken],
    )
    yield record(
        "responses_in_the_background",
        "openai",
        RESPONSES_PATH,
        {**request, "background": True},
        expect(
            {"uncached_input": IN_GUESS},
            [["uncached_input", IN_GUESS, "2.50"]],
            model="aurum-chat",
            finish="queued",
            input_tokens=IN_GUESS,
            output_tokens=None,
            state="estimated",
            estimated=["uncached_input"],
            drift=["background: usage comes later"],
        ),
        body=responses_body(None, output=[], status="queued", background=True),
    )
