"""Chat Completions, Completions and Embeddings."""

from tests.golden.shapes.wire import (
    CHAT_PATH,
    EMBEDDINGS_PATH,
    USER,
    WORDS,
    bytes_of,
    chat_body,
    chat_chunks,
    chat_request,
    data,
    expect,
    quarter,
    record,
)

ZEROS = {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"word":"tally"}'}}


def usage(prompt, completion, given=None, made=None):
    found = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if given is not None:
        found["prompt_tokens_details"] = given
    if made is not None:
        found["completion_tokens_details"] = made
    return found


def chat(quantities, cost, **more):
    return expect(quantities, cost, **{"model": "aurum-chat", "finish": "stop", **more})


# name, usage, expectation, and what else the answer holds. Each is written plain and streamed.
SHAPES = [
    (
        "bare",
        usage(2006, 300),
        chat(
            {"uncached_input": 2006, "plain_output": 300},
            [["uncached_input", 2006, "2.50"], ["plain_output", 300, "10.00"]],
            input_tokens=2006,
            output_tokens=300,
        ),
        {},
    ),
    (
        "default_tier_and_zero_details",
        usage(31, 7, {"cached_tokens": 0, "audio_tokens": 0}, ZEROS),
        chat(
            {
                "uncached_input": 31,
                "uncached_input_audio": 0,
                "cache_read": 0,
                "plain_output": 7,
                "plain_output_audio": 0,
                "reasoning_output": 0,
            },
            [["uncached_input", 31, "2.50"], ["plain_output", 7, "10.00"]],
            input_tokens=31,
            output_tokens=7,
            tier="default",
        ),
        {"service_tier": "default"},
    ),
    (
        "cached",
        usage(2006, 300, {"cached_tokens": 1920}),
        chat(
            {"uncached_input": 86, "cache_read": 1920, "plain_output": 300},
            [["uncached_input", 86, "2.50"], ["cache_read", 1920, "0.25"], ["plain_output", 300, "10.00"]],
            input_tokens=2006,
            output_tokens=300,
        ),
        {},
    ),
    (
        "cached_and_written",
        usage(5000, 120, {"cached_tokens": 3000, "cache_write_tokens": 1500}),
        chat(
            {"uncached_input": 500, "cache_read": 3000, "cache_write_unknown": 1500, "plain_output": 120},
            [
                ["uncached_input", 500, "2.50"],
                ["cache_read", 3000, "0.25"],
                ["cache_write_unknown", 1500, "3.50"],
                ["plain_output", 120, "10.00"],
            ],
            input_tokens=5000,
            output_tokens=120,
        ),
        {},
    ),
    (
        "written_by_lifetime",
        usage(
            5000,
            120,
            {
                "cached_tokens": 0,
                "cache_write_tokens": 4096,
                "cache_write_tokens_details": {"ttl_30m_tokens": 1024, "ttl_12h_tokens": 3072},
            },
        ),
        chat(
            {
                "uncached_input": 904,
                "cache_read": 0,
                "cache_write_30m": 1024,
                "cache_write_12h": 3072,
                "plain_output": 120,
            },
            [
                ["uncached_input", 904, "2.50"],
                ["cache_write_30m", 1024, "3.125"],
                ["cache_write_12h", 3072, "5.00"],
                ["plain_output", 120, "10.00"],
            ],
            input_tokens=5000,
            output_tokens=120,
        ),
        {},
    ),
    (
        "reasoning",
        usage(90, 1000, {"cached_tokens": 0}, {"reasoning_tokens": 832}),
        chat(
            {"uncached_input": 90, "cache_read": 0, "reasoning_output": 832, "plain_output": 168},
            [["uncached_input", 90, "2.50"], ["reasoning_output", 832, "12.00"], ["plain_output", 168, "10.00"]],
            input_tokens=90,
            output_tokens=1000,
        ),
        {},
    ),
    (
        "reasoning_counted_outside_the_output",
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        chat(
            {"uncached_input": 32, "reasoning_output": 94, "plain_output": 9},
            [["uncached_input", 32, "2.50"], ["reasoning_output", 94, "12.00"], ["plain_output", 9, "10.00"]],
            input_tokens=32,
            output_tokens=103,
        ),
        {},
    ),
    (
        "rejected_predictions_are_output",
        usage(400, 250, None, {"accepted_prediction_tokens": 140, "rejected_prediction_tokens": 60}),
        chat(
            {"uncached_input": 400, "plain_output": 250},
            [["uncached_input", 400, "2.50"], ["plain_output", 250, "10.00"]],
            input_tokens=400,
            output_tokens=250,
        ),
        {},
    ),
    (
        "flex_tier",
        usage(1200, 340, {"cached_tokens": 1000}, {"reasoning_tokens": 40}),
        chat(
            {"uncached_input": 200, "cache_read": 1000, "reasoning_output": 40, "plain_output": 300},
            [
                ["uncached_input", 200, "1.25"],
                ["cache_read", 1000, "0.125"],
                ["reasoning_output", 40, "6.00"],
                ["plain_output", 300, "5.00"],
            ],
            input_tokens=1200,
            output_tokens=340,
            tier="flex",
        ),
        {"service_tier": "flex"},
    ),
    (
        "priority_tier",
        usage(1200, 340),
        chat(
            {"uncached_input": 1200, "plain_output": 340},
            [["uncached_input", 1200, "4.25"], ["plain_output", 340, "17.00"]],
            input_tokens=1200,
            output_tokens=340,
            tier="priority",
        ),
        {"service_tier": "priority"},
    ),
    (
        "audio_in_and_out",
        usage(
            700,
            500,
            {"cached_tokens": 0, "audio_tokens": 600, "text_tokens": 100},
            {"audio_tokens": 420, "text_tokens": 80, "reasoning_tokens": 0},
        ),
        chat(
            {
                "uncached_input": 100,
                "uncached_input_audio": 600,
                "cache_read": 0,
                "plain_output": 80,
                "plain_output_audio": 420,
                "reasoning_output": 0,
            },
            [
                ["uncached_input", 100, "2.50"],
                ["uncached_input_audio", 600, "40.00"],
                ["plain_output", 80, "10.00"],
                ["plain_output_audio", 420, "80.00"],
            ],
            input_tokens=700,
            output_tokens=500,
        ),
        {},
    ),
    (
        "cached_audio_with_a_split",
        usage(
            900,
            50,
            {
                "cached_tokens": 400,
                "audio_tokens": 600,
                "cached_tokens_details": {"text_tokens": 150, "audio_tokens": 250},
            },
        ),
        chat(
            {
                "uncached_input": 150,
                "uncached_input_audio": 350,
                "cache_read": 150,
                "cache_read_audio": 250,
                "plain_output": 50,
            },
            [
                ["uncached_input", 150, "2.50"],
                ["uncached_input_audio", 350, "40.00"],
                ["cache_read", 150, "0.25"],
                ["cache_read_audio", 250, "4.00"],
                ["plain_output", 50, "10.00"],
            ],
            input_tokens=900,
            output_tokens=50,
        ),
        {},
    ),
    (
        "cached_audio_without_a_split",
        usage(900, 50, {"cached_tokens": 400, "audio_tokens": 600}),
        chat(
            {
                "uncached_input": 0,
                "uncached_input_audio": 500,
                "cache_read": 300,
                "cache_read_audio": 100,
                "plain_output": 50,
            },
            [
                ["uncached_input_audio", 500, "40.00"],
                ["cache_read", 300, "0.25"],
                ["cache_read_audio", 100, "4.00"],
                ["plain_output", 50, "10.00"],
            ],
            input_tokens=900,
            output_tokens=50,
            state="estimated",
            estimated=["cache_read"],
        ),
        {},
    ),
    (
        "image_input",
        usage(1105, 64, {"cached_tokens": 0, "image_tokens": 765, "text_tokens": 340}),
        chat(
            {"uncached_input": 340, "uncached_input_image": 765, "cache_read": 0, "plain_output": 64},
            [["uncached_input", 340, "2.50"], ["uncached_input_image", 765, "2.75"], ["plain_output", 64, "10.00"]],
            input_tokens=1105,
            output_tokens=64,
        ),
        {},
    ),
    (
        "tool_call",
        usage(210, 25),
        chat(
            {"uncached_input": 210, "plain_output": 25, "tool_calls": 1},
            [["uncached_input", 210, "2.50"], ["plain_output", 25, "10.00"]],
            input_tokens=210,
            output_tokens=25,
            finish="tool_calls",
        ),
        {
            "finish": "tool_calls",
            "message": {"content": None, "tool_calls": [CALL]},
            "deltas": [{"tool_calls": [{"index": 0, **CALL}]}],
        },
    ),
    (
        "refusal",
        usage(44, 12),
        chat(
            {"uncached_input": 44, "plain_output": 12},
            [["uncached_input", 44, "2.50"], ["plain_output", 12, "10.00"]],
            input_tokens=44,
            output_tokens=12,
        ),
        {"message": {"content": None, "refusal": "No."}, "deltas": [{"refusal": "No."}]},
    ),
    (
        "cut_by_its_limit",
        usage(44, 16),
        chat(
            {"uncached_input": 44, "plain_output": 16},
            [["uncached_input", 44, "2.50"], ["plain_output", 16, "10.00"]],
            input_tokens=44,
            output_tokens=16,
            finish="length",
        ),
        {"finish": "length"},
    ),
    (
        "reported_zero_stays_zero",
        usage(0, 0),
        chat({"uncached_input": 0, "plain_output": 0}, [], input_tokens=0, output_tokens=0),
        {},
    ),
    (
        "does_not_add_up",
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 130},
        },
        chat(
            {"uncached_input": 0, "cache_read": 100, "plain_output": 20},
            [["cache_read", 100, "0.25"], ["plain_output", 20, "10.00"]],
            input_tokens=100,
            output_tokens=20,
            drift=["cached_tokens exceeds its total", "total_tokens does not add up"],
        ),
        {},
    ),
    (
        "a_field_nobody_knows",
        {**usage(50, 10), "thought_bubbles": 7},
        chat(
            {"uncached_input": 50, "plain_output": 10},
            [["uncached_input", 50, "2.50"], ["plain_output", 10, "10.00"]],
            input_tokens=50,
            output_tokens=10,
            drift=["unknown thought_bubbles"],
        ),
        {},
    ),
]

IN_GUESS = quarter(bytes_of(USER))
OUT_GUESS = quarter(len(WORDS))


def guessed(words=OUT_GUESS, **more):
    return chat(
        {"uncached_input": IN_GUESS, "plain_output": words},
        [["uncached_input", IN_GUESS, "2.50"], ["plain_output", words, "10.00"]],
        input_tokens=IN_GUESS,
        output_tokens=words,
        **{"state": "estimated", "estimated": ["uncached_input", "plain_output"], **more},
    )


def records():
    for name, counts, expected, more in SHAPES:
        body = {key: value for key, value in more.items() if key != "deltas"}
        flow = {key: value for key, value in more.items() if key != "message"}
        yield record(f"chat_{name}", "openai", CHAT_PATH, chat_request(), expected, body=chat_body(counts, **body))
        yield record(
            f"chat_{name}_streamed",
            "openai",
            CHAT_PATH,
            chat_request(stream=True),
            expected,
            stream=chat_chunks(counts, **flow),
            client=chat_chunks(counts, **flow, asked=False),
        )
    yield from others()


def others():
    asked = chat_request(stream=True, stream_options={"include_usage": True})
    yield record(
        "chat_usage_asked_by_the_client", "openai", CHAT_PATH, asked, SHAPES[2][2], stream=chat_chunks(SHAPES[2][1])
    )
    cut = chat_chunks(None, finish=None, done=False)
    shown = chat_chunks(None, finish=None, done=False, asked=False)
    yield record(
        "chat_cut_before_the_usage",
        "openai",
        CHAT_PATH,
        chat_request(stream=True),
        guessed(complete=False, finish=""),
        stream=cut,
        client=shown,
    )
    failed = data({"error": {"message": "The server broke.", "type": "server_error", "param": None, "code": None}})
    yield record(
        "chat_error_in_the_stream",
        "openai",
        CHAT_PATH,
        chat_request(stream=True),
        guessed(complete=False, finish="", error="server_error"),
        stream=[*cut, failed],
        client=[*shown, failed],
    )
    yield record(
        "chat_answered_at_the_tier_asked_for",
        "openai",
        CHAT_PATH,
        chat_request(service_tier="flex"),
        chat(
            {"uncached_input": 100, "plain_output": 10},
            [["uncached_input", 100, "1.25"], ["plain_output", 10, "5.00"]],
            input_tokens=100,
            output_tokens=10,
            tier="flex",
        ),
        body=chat_body(usage(100, 10)),
    )
    yield record(
        "chat_answered_at_another_tier_than_asked_for",
        "openai",
        CHAT_PATH,
        chat_request(service_tier="priority"),
        chat(
            {"uncached_input": 100, "plain_output": 10},
            [["uncached_input", 100, "2.50"], ["plain_output", 10, "10.00"]],
            input_tokens=100,
            output_tokens=10,
            tier="default",
        ),
        body=chat_body(usage(100, 10), service_tier="default"),
    )
    vectors = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]}],
        "model": "aurum-embed",
        "usage": {"prompt_tokens": 811, "total_tokens": 811},
    }
    yield record(
        "embeddings",
        "openai",
        EMBEDDINGS_PATH,
        {"model": "aurum-embed", "input": ["one", "two"]},
        expect(
            {"uncached_input": 811},
            [["uncached_input", 811, "0.13"]],
            model="aurum-embed",
            input_tokens=811,
            output_tokens=0,
        ),
        body=vectors,
    )
    silent = {key: value for key, value in vectors.items() if key != "usage"}
    tokens = quarter(bytes_of("one", "two"))
    yield record(
        "embeddings_without_usage",
        "openai",
        EMBEDDINGS_PATH,
        {"model": "aurum-embed", "input": ["one", "two"]},
        expect(
            {"uncached_input": tokens},
            [["uncached_input", tokens, "0.13"]],
            model="aurum-embed",
            input_tokens=tokens,
            output_tokens=0,
            state="estimated",
            estimated=["uncached_input"],
        ),
        body=silent,
    )
