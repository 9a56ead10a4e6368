"""Bedrock: Converse and InvokeModel, whole and streamed.

A stream is a list of frames: ``{"event": name, "value": …}``, ``{"chunk": …}`` for a
vendor's event in base64, ``{"exception": name, "value": …}``. Headers are those that count.
"""

from tests.golden.shapes.wire import WORDS, bytes_of, compact, expect, quarter

MODEL = "aes.bronze-v1:0"
CLAUDE = "eu.anthropic.argent-v1:0"
SAID = {"role": "user", "content": [{"text": "Tell me what a tally stick is."}]}
ASKED = {"messages": [SAID], "inferenceConfig": {"maxTokens": 500}}
CALL = {"toolUse": {"toolUseId": "tooluse_1", "name": "look_up", "input": {"word": "tally"}}}
PLAIN = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
PROMPT = {"prompt": "<s>[INST] Tell me what a tally stick is. [/INST]", "max_tokens": 500}


def usage(given, made, total=None, **more):
    counts = {"inputTokens": given, "outputTokens": made}
    both = given + made + more.get("cacheReadInputTokens", 0) + more.get("cacheWriteInputTokens", 0)
    return {**counts, "totalTokens": both if total is None else total, **more}


def detail(ttl, count, **more):
    return {"ttl": ttl, "inputTokens": count, **more}


def told(quantities, cost, **more):
    return expect(quantities, cost, **{"finish": "end_turn", "tier": "default", **more})


IN, OUT, READ = ("uncached_input", "2.00"), ("plain_output", "9.00"), ("cache_read", "0.20")


def lines(*parts):
    return [[name, count, price] for (name, price), count in parts]


# name, usage, expectation, what else the answer's top level holds. Each is written plain and streamed.
CONVERSE = [
    (
        "bare",
        usage(2095, 503),
        told(
            {"uncached_input": 2095, "plain_output": 503},
            lines((IN, 2095), (OUT, 503)),
            input_tokens=2095,
            output_tokens=503,
        ),
        {},
    ),
    (
        "cached",
        usage(95, 50, cacheReadInputTokens=12000, cacheWriteInputTokens=0),
        told(
            {"uncached_input": 95, "cache_read": 12000, "cache_write_unknown": 0, "plain_output": 50},
            lines((IN, 95), (READ, 12000), (OUT, 50)),
            input_tokens=12095,
            output_tokens=50,
        ),
        {},
    ),
    (
        "written_by_lifetime",
        usage(
            2095,
            503,
            cacheReadInputTokens=12000,
            cacheWriteInputTokens=2051,
            cacheDetails=[detail("1h", 1000), detail("5m", 1051)],
        ),
        told(
            {
                "uncached_input": 2095,
                "cache_read": 12000,
                "cache_write_5m": 1051,
                "cache_write_1h": 1000,
                "plain_output": 503,
            },
            [
                *lines((IN, 2095), (READ, 12000), (OUT, 503)),
                ["cache_write_5m", 1051, "2.50"],
                ["cache_write_1h", 1000, "4.00"],
            ],
            input_tokens=16146,
            output_tokens=503,
        ),
        {},
    ),
    (
        "written_without_a_lifetime",
        usage(10, 5, cacheWriteInputTokens=700),
        told(
            {"uncached_input": 10, "cache_write_unknown": 700, "plain_output": 5},
            [*lines((IN, 10), (OUT, 5)), ["cache_write_unknown", 700, "3.00"]],
            input_tokens=710,
            output_tokens=5,
        ),
        {},
    ),
    (
        "written_more_than_its_details",
        usage(10, 5, cacheWriteInputTokens=700, cacheDetails=[detail("5m", 600)]),
        told(
            {"uncached_input": 10, "cache_write_5m": 600, "cache_write_unknown": 100, "plain_output": 5},
            [
                *lines((IN, 10), (OUT, 5)),
                ["cache_write_5m", 600, "2.50"],
                ["cache_write_unknown", 100, "3.00"],
            ],
            input_tokens=710,
            output_tokens=5,
            drift=["cacheDetails do not add up"],
        ),
        {},
    ),
    (
        "details_exceed_what_was_written",
        usage(10, 5, total=615, cacheWriteInputTokens=500, cacheDetails=[detail("1h", 600)]),
        told(
            {"uncached_input": 10, "cache_write_1h": 600, "plain_output": 5},
            [*lines((IN, 10), (OUT, 5)), ["cache_write_1h", 600, "4.00"]],
            input_tokens=610,
            output_tokens=5,
            drift=["cacheDetails exceed cacheWriteInputTokens"],
        ),
        {},
    ),
    (
        "a_lifetime_nobody_knows",
        usage(10, 5, cacheWriteInputTokens=500, cacheDetails=[detail("24h", 500)]),
        told(
            {"uncached_input": 10, "cache_write_unknown": 500, "plain_output": 5},
            [*lines((IN, 10), (OUT, 5)), ["cache_write_unknown", 500, "3.00"]],
            input_tokens=510,
            output_tokens=5,
            drift=["cacheDetails.ttl 24h"],
        ),
        {},
    ),
    (
        "a_field_nobody_knows",
        usage(10, 5, videoInputTokens=7),
        told(
            {"uncached_input": 10, "plain_output": 5},
            lines((IN, 10), (OUT, 5)),
            input_tokens=10,
            output_tokens=5,
            drift=["unknown videoInputTokens"],
        ),
        {},
    ),
    (
        "does_not_add_up",
        usage(10, 5, total=99),
        told(
            {"uncached_input": 10, "plain_output": 5},
            lines((IN, 10), (OUT, 5)),
            input_tokens=10,
            output_tokens=5,
            drift=["totalTokens does not add up"],
        ),
        {},
    ),
    (
        "reported_zero_stays_zero",
        usage(12, 0),
        told(
            {"uncached_input": 12, "plain_output": 0},
            lines((IN, 12)),
            input_tokens=12,
            output_tokens=0,
            finish="guardrail_intervened",
        ),
        {},
    ),
    (
        "priority_tier",
        usage(100, 20),
        told(
            {"uncached_input": 100, "plain_output": 20},
            [["uncached_input", 100, "3.50"], ["plain_output", 20, "15.75"]],
            input_tokens=100,
            output_tokens=20,
            tier="priority",
        ),
        {"serviceTier": {"type": "priority"}},
    ),
    (
        "optimized_latency_has_a_price_of_its_own",
        usage(100, 20),
        told(
            {"uncached_input": 100, "plain_output": 20},
            None,
            input_tokens=100,
            output_tokens=20,
            tier="latency_optimized",
        ),
        {"performanceConfig": {"latency": "optimized"}},
    ),
    (
        "tool_call",
        usage(60, 30),
        told(
            {"uncached_input": 60, "plain_output": 30, "tool_calls": 1},
            lines((IN, 60), (OUT, 30)),
            input_tokens=60,
            output_tokens=30,
            finish="tool_use",
        ),
        {},
    ),
]


def converse_body(counts, expected, more, content):
    message = {"role": "assistant", "content": content}
    body = {"output": {"message": message}, "stopReason": expected["finish"], "usage": counts}
    return {**body, "metrics": {"latencyMs": 1275}, "serviceTier": {"type": "default"}, **more}


def converse_frames(counts, expected, more, content):
    frames = [{"event": "messageStart", "value": {"role": "assistant"}}]
    for index, block in enumerate(content):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            tool = {**block["toolUse"]}
            deltas = [{"toolUse": {"input": compact(tool.pop("input"))}}]
            frames.append({"event": "contentBlockStart", "value": {**at, "start": {"toolUse": tool}}})
        else:
            deltas = [{"text": part} for part in (block["text"][:20], block["text"][20:])]
        frames += [{"event": "contentBlockDelta", "value": {**at, "delta": delta}} for delta in deltas]
        frames.append({"event": "contentBlockStop", "value": at})
    frames.append({"event": "messageStop", "value": {"stopReason": expected["finish"]}})
    last = {"usage": counts, "metrics": {"latencyMs": 1275}, "serviceTier": {"type": "default"}, **more}
    return [*frames, {"event": "metadata", "value": last}]


def record(name, operation, request, expected, *, model=MODEL, body=None, frames=None, headers=None):
    path = f"/model/{model.replace(':', '%3A')}/{operation}"
    found = {"name": name, "dialect": "bedrock", "path": path, "model": model, "request": request}
    found |= {"frames": frames} if frames is not None else {"response": body}
    return {**found, "headers": headers or {}, "expect": expected}


def both_of_converse():
    for name, counts, expected, more in CONVERSE:
        content = [CALL] if name == "tool_call" else [{"text": WORDS}]
        body = converse_body(counts, expected, more, content)
        yield record(f"converse_{name}", "converse", ASKED, expected, body=body)
        frames = converse_frames(counts, expected, more, content)
        yield record(f"converse_{name}_streamed", "converse-stream", ASKED, expected, frames=frames)


def broken_converse():
    whole = converse_frames(usage(9, 9), told({}, []), {}, [{"text": WORDS}])
    given, made = quarter(bytes_of(SAID)), quarter(len(WORDS))
    guess = {
        "input_tokens": given,
        "output_tokens": made,
        "state": "estimated",
        "estimated": ["uncached_input", "plain_output"],
        "complete": False,
        "tier": "",
    }
    quantities = {"uncached_input": given, "plain_output": made}
    cost = lines((IN, given), (OUT, made))
    cut = told(quantities, cost, **{**guess, "finish": ""})
    yield record("converse_cut_before_the_usage", "converse-stream", ASKED, cut, frames=whole[:3])
    error = {"exception": "throttlingException", "value": {"message": "Too many requests"}}
    failed = told(quantities, cost, **{**guess, "finish": "", "error": "throttlingException"})
    yield record("converse_exception_in_the_stream", "converse-stream", ASKED, failed, frames=[*whole[:3], error])
    nothing = {"uncached_input": 0, "plain_output": 0}
    refused = told(
        nothing, [], input_tokens=0, output_tokens=0, tier="", finish="", status=429, error="ThrottlingException"
    )
    refused["quantities"].pop("requests")
    body = {"message": "Too many requests, please wait before trying again."}
    headers = {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"}
    yield record("converse_throttled", "converse", ASKED, refused, body=body, headers=headers)


def claude_message(counts, **more):
    return {
        "id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "argent", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": WORDS}], "stop_sequence": None, "usage": counts, **more,
    }  # fmt: skip


def claude_events(counts, metrics):
    start = claude_message({**counts, "output_tokens": 1})
    start |= {"content": [], "stop_reason": None}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORDS}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": counts["output_tokens"]},
        },
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics},
    ]
    return [{"chunk": event} for event in events]


def metrics(given, made, read=0, written=0, **more):
    return {
        "inputTokenCount": given, "outputTokenCount": made, "invocationLatency": 3037, "firstByteLatency": 2635,
        "cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": written, **more,
    }  # fmt: skip


def invokes_of_claude():
    counts = {
        "input_tokens": 3, "cache_creation_input_tokens": 25037, "cache_read_input_tokens": 0, "output_tokens": 13,
        "cache_creation": {"ephemeral_5m_input_tokens": 25000, "ephemeral_1h_input_tokens": 37},
    }  # fmt: skip
    expected = told(
        {
            "uncached_input": 3, "cache_read": 0, "cache_write_5m": 25000, "cache_write_1h": 37, "plain_output": 13,
        },
        [
            ["uncached_input", 3, "3.00"],
            ["cache_write_5m", 25000, "3.75"],
            ["cache_write_1h", 37, "6.00"],
            ["plain_output", 13, "15.00"],
        ],
        input_tokens=25040,
        output_tokens=13,
        tier="",
    )  # fmt: skip
    body = claude_message(counts)
    yield record("invoke_claude_written", "invoke", PLAIN, expected, model=CLAUDE, body=body)
    frames = claude_events(counts, metrics(3, 13, 0, 25037))
    stream = "invoke-with-response-stream"
    yield record("invoke_claude_written_streamed", stream, PLAIN, expected, model=CLAUDE, frames=frames)
    differs = {**expected, "drift": ["invocationMetrics are not what usage says"]}
    frames = claude_events(counts, metrics(3, 14, 0, 25037))
    yield record("invoke_claude_counted_twice_otherwise", stream, PLAIN, differs, model=CLAUDE, frames=frames)
    spoken = quarter(len(WORDS))
    cut = told(
        {**expected["quantities"], "plain_output": spoken},
        [*expected["cost"][:3], ["plain_output", spoken, "15.00"]],
        input_tokens=25040,
        output_tokens=spoken,
        state="estimated",
        estimated=["plain_output"],
        complete=False,
        finish="",
        tier="",
    )
    yield record("invoke_claude_cut", stream, PLAIN, cut, model=CLAUDE, frames=frames[:4])


def invokes_of_others():
    stream = "invoke-with-response-stream"
    mistral = {"outputs": [{"text": WORDS, "stop_reason": "stop"}]}
    counted = {"x-amzn-bedrock-input-token-count": "21", "x-amzn-bedrock-output-token-count": "17"}
    seen = told(
        {"uncached_input": 21, "plain_output": 17},
        lines((IN, 21), (OUT, 17)),
        input_tokens=21,
        output_tokens=17,
        finish="",
        tier="flex",
    )
    seen["cost"] = [["uncached_input", 21, "1.00"], ["plain_output", 17, "4.50"]]
    tier = {"x-amzn-bedrock-service-tier": "flex"}
    yield record("invoke_counted_in_headers", "invoke", PROMPT, seen, body=mistral, headers={**counted, **tier})
    given, made = quarter(len(compact(PROMPT).encode())), quarter(len(WORDS))
    guessed = told(
        {"uncached_input": given, "plain_output": made},
        lines((IN, given), (OUT, made)),
        input_tokens=given,
        output_tokens=made,
        state="estimated",
        estimated=["uncached_input", "plain_output"],
        finish="",
        tier="",
    )
    yield record("invoke_counted_nowhere", "invoke", PROMPT, guessed, body=mistral)
    events = [{"outputs": [{"text": part, "stop_reason": None}]} for part in (WORDS[:20], WORDS[20:])]
    last = {"outputs": [{"text": "", "stop_reason": "stop"}], "amazon-bedrock-invocationMetrics": metrics(21, 17)}
    frames = [{"chunk": event} for event in (*events, last)]
    summed = told(
        {"uncached_input": 21, "cache_read": 0, "cache_write_unknown": 0, "plain_output": 17},
        lines((IN, 21), (OUT, 17)),
        input_tokens=21,
        output_tokens=17,
        finish="",
        tier="",
    )
    yield record("invoke_counted_in_metrics", stream, PROMPT, summed, frames=frames)
    unknown = {**last, "amazon-bedrock-invocationMetrics": metrics(21, 17, reasoningTokenCount=4)}
    marked = {**summed, "drift": ["unknown reasoningTokenCount"]}
    frames = [*frames[:2], {"chunk": unknown}]
    yield record("invoke_metrics_with_a_field_nobody_knows", stream, PROMPT, marked, frames=frames)
    cut = {**guessed, "complete": False}
    yield record("invoke_cut_before_the_metrics", stream, PROMPT, cut, frames=frames[:2])
    error = {"exception": "modelTimeoutException", "value": {"message": "the model took too long"}}
    failed = {**cut, "error": "modelTimeoutException"}
    yield record("invoke_exception_in_the_stream", stream, PROMPT, failed, frames=[*frames[:2], error])


def own_counts():
    base = {"finish": "", "tier": ""}
    titan = {
        "inputTextTokenCount": 11,
        "results": [{"tokenCount": 7, "outputText": WORDS, "completionReason": "FINISH"}],
    }
    cost = lines((IN, 11), (OUT, 7))
    both = {"uncached_input": 11, "plain_output": 7}
    asked = {"inputText": "Tell me.", "textGenerationConfig": {"maxTokenCount": 50}}
    expected = told(both, cost, input_tokens=11, output_tokens=7, **{**base, "finish": "FINISH"})
    yield record("invoke_titan", "invoke", asked, expected, body=titan)
    llama = {"generation": WORDS, "prompt_token_count": 11, "generation_token_count": 7, "stop_reason": "length"}
    expected = told(both, cost, input_tokens=11, output_tokens=7, **{**base, "finish": "length"})
    asked = {"prompt": "Tell me.", "max_gen_len": 50}
    yield record("invoke_llama", "invoke", asked, expected, body=llama)
    nova = converse_body(
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 38, "cacheReadInputTokenCount": 20},
        {"finish": "end_turn"}, {}, [{"text": WORDS}],
    )  # fmt: skip
    nova.pop("serviceTier")
    expected = told(
        {"uncached_input": 11, "cache_read": 20, "plain_output": 7},
        [*cost, ["cache_read", 20, "0.20"]],
        input_tokens=31,
        output_tokens=7,
        tier="",
    )
    yield record("invoke_nova", "invoke", ASKED, expected, body=nova)
    vector = {"embedding": [0.5, -0.25], "inputTextTokenCount": 11}
    expected = told({"uncached_input": 11}, lines((IN, 11)), input_tokens=11, output_tokens=0, **base)
    yield record("invoke_embedding", "invoke", {"inputText": "Tell me."}, expected, body=vector)


def records():
    yield from both_of_converse()
    yield from broken_converse()
    yield from invokes_of_claude()
    yield from invokes_of_others()
    yield from own_counts()
