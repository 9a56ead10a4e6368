"""Cohere: chat, embeddings and reranking of version 2."""

from tests.golden.shapes.wire import USER, WORDS, bytes_of, event, expect, quarter, record

CHAT = "/v2/chat"
EMBED = "/v2/embed"
RERANK = "/v2/rerank"
IN_GUESS = quarter(bytes_of(USER))
HALF_GUESS = quarter(len(WORDS[:20]))
CALL = {"id": "look_up_1", "type": "function", "function": {"name": "look_up", "arguments": '{"word":"tally"}'}}


def request(**more):
    return {"model": "ochre-chat", "messages": [USER], **more}


def usage(given, made, *, seen=None, **more):
    billed = {"input_tokens": float(given), "output_tokens": float(made)}
    counted = {"input_tokens": float(seen or given + 66), "output_tokens": float(made)}
    return {"billed_units": billed, "tokens": counted, **more}


def body(used, *, message=None, finish="COMPLETE"):
    said = message or {"role": "assistant", "content": [{"type": "text", "text": WORDS}]}
    return {"id": "coh-golden", "finish_reason": finish, "message": said, **({} if used is None else {"usage": used})}


def stream(used, *, call=None, finish="COMPLETE"):
    """Events of a chat; without usage it is cut."""
    steps = [{"type": "message-start", "id": "coh-golden", "delta": {"message": {"role": "assistant", "content": []}}}]
    if call:
        function = {**call["function"], "arguments": ""}
        begun = {"role": "assistant", "tool_calls": {**call, "function": function}}
        steps.append({"type": "tool-call-start", "index": 0, "delta": {"message": begun}})
        rest = {"tool_calls": {"function": {"arguments": call["function"]["arguments"]}}}
        steps.append({"type": "tool-call-delta", "index": 0, "delta": {"message": rest}})
        steps.append({"type": "tool-call-end", "index": 0})
    else:
        steps.append({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text"}}}})
        pieces = (WORDS[:20], WORDS[20:]) if used is not None else (WORDS[:20],)
        steps += [
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": one}}}} for one in pieces
        ]
    if used is not None:
        steps.append({"type": "content-end", "index": 0})
        steps.append({"type": "message-end", "delta": {"finish_reason": finish, "usage": used}})
    return [event(step) for step in steps]


def told(quantities, cost, **more):
    return expect(quantities, cost, **{"model": "", "finish": "COMPLETE", **more})


BARE = told(
    {"uncached_input": 5, "plain_output": 418},
    [["uncached_input", 5, "2.50"], ["plain_output", 418, "10.00"]],
    input_tokens=5,
    output_tokens=418,
)
# name, usage, expectation, tool call, finish. Each is written plain and streamed.
SHAPES = [
    ("billed_is_less_than_counted", usage(5, 418, cached_tokens=0.0), BARE, None, "COMPLETE"),
    (
        "cached_tokens_are_billed_as_the_others",
        usage(2406, 2, seen=2935, cached_tokens=2928.0),
        told(
            {"uncached_input": 2406, "plain_output": 2},
            [["uncached_input", 2406, "2.50"], ["plain_output", 2, "10.00"]],
            input_tokens=2406,
            output_tokens=2,
        ),
        None,
        "COMPLETE",
    ),
    (
        "a_tool_call",
        usage(41, 28),
        told(
            {"uncached_input": 41, "plain_output": 28, "tool_calls": 1},
            [["uncached_input", 41, "2.50"], ["plain_output", 28, "10.00"]],
            input_tokens=41,
            output_tokens=28,
            finish="TOOL_CALL",
        ),
        CALL,
        "TOOL_CALL",
    ),
    (
        "only_counted_tokens",
        {"tokens": {"input_tokens": 71.0, "output_tokens": 9.0}},
        told(
            {"uncached_input": 71, "plain_output": 9},
            [["uncached_input", 71, "2.50"], ["plain_output", 9, "10.00"]],
            input_tokens=71,
            output_tokens=9,
            state="estimated",
            estimated=["uncached_input", "plain_output"],
        ),
        None,
        "COMPLETE",
    ),
    (
        "fields_nobody_knows_and_half_a_token",
        {
            "billed_units": {"input_tokens": 4.5, "output_tokens": 3.0, "wishes": 2.0},
            "tokens": {"input_tokens": 70.0, "output_tokens": 3.0, "dreams": 1.0},
        },
        told(
            {"uncached_input": 5, "plain_output": 3},
            [["uncached_input", 5, "2.50"], ["plain_output", 3, "10.00"]],
            input_tokens=5,
            output_tokens=3,
            drift=["unknown billed_units.wishes", "unknown tokens.dreams", "input_tokens is not whole"],
        ),
        None,
        "COMPLETE",
    ),
    (
        "an_end_in_error",
        usage(5, 12),
        told(
            {"uncached_input": 5, "plain_output": 12},
            [["uncached_input", 5, "2.50"], ["plain_output", 12, "10.00"]],
            input_tokens=5,
            output_tokens=12,
            finish="ERROR",
            error="ERROR",
        ),
        None,
        "ERROR",
    ),
]


def records():
    for name, used, expected, call, finish in SHAPES:
        said = {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": [call]} if call else None
        whole = body(used, message=said, finish=finish)
        yield record(f"cohere_{name}", "cohere", CHAT, request(), expected, body=whole)
        chunks = stream(used, call=call, finish=finish)
        yield record(f"cohere_{name}_streamed", "cohere", CHAT, request(stream=True), expected, stream=chunks)
    cut = told(
        {"uncached_input": IN_GUESS, "plain_output": HALF_GUESS},
        [["uncached_input", IN_GUESS, "2.50"], ["plain_output", HALF_GUESS, "10.00"]],
        input_tokens=IN_GUESS,
        output_tokens=HALF_GUESS,
        finish="",
        state="estimated",
        estimated=["uncached_input", "plain_output"],
        complete=False,
    )
    yield record("cohere_cut_before_the_usage", "cohere", CHAT, request(stream=True), cut, stream=stream(None))
    refused = {**told({}, [], finish="", error="http_429", status=429), "input_tokens": 0, "output_tokens": 0}
    refused["quantities"] = {"uncached_input": 0, "plain_output": 0}
    yield record("cohere_error", "cohere", CHAT, request(), refused, body={"id": "e", "message": "too many requests"})
    yield from _without_words()


def _meta(**billed):
    return {"api_version": {"version": "2"}, "billed_units": billed, "warnings": []}


def _without_words():
    texts = {"model": "ochre-embed", "input_type": "search_document", "texts": ["tally", "stick"]}
    vectors = {"id": "emb", "embeddings": {"float": [[0.1], [0.2]]}, "texts": ["tally", "stick"]}
    yield record(
        "cohere_embeddings",
        "cohere",
        EMBED,
        texts,
        told({"uncached_input": 6}, [["uncached_input", 6, "0.12"]], finish="", input_tokens=6, output_tokens=0),
        body={**vectors, "meta": _meta(input_tokens=6.0), "response_type": "embeddings_by_type"},
    )
    yield record(
        "cohere_embedded_pictures",
        "cohere",
        EMBED,
        texts,
        told(
            {"uncached_input": 6, "uncached_input_image": 280},
            [["uncached_input", 6, "0.12"], ["uncached_input_image", 280, "0.47"]],
            finish="",
            input_tokens=286,
            output_tokens=0,
        ),
        body={**vectors, "meta": _meta(images=1.0, image_tokens=280.0, text_tokens=6.0)},
    )
    ranking = {"model": "ochre-rank", "query": "split", "documents": ["tally stick", "yard stick"], "top_n": 1}
    found = {"id": "rank", "results": [{"index": 0, "relevance_score": 0.98}]}
    searched = told({"searches": 1}, [["searches", 1, "2000"]], finish="", input_tokens=0, output_tokens=0)
    ranked = {**found, "meta": _meta(search_units=1)}
    yield record("cohere_reranking", "cohere", RERANK, ranking, searched, body=ranked)
    guessed = {**searched, "state": "estimated", "estimated": ["searches"]}
    yield record("cohere_reranking_without_usage", "cohere", RERANK, ranking, guessed, body=found)
