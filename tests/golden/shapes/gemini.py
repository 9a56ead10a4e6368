"""Gemini: generateContent whole, as events and as an array; embeddings."""

from tests.golden.shapes.google_wire import (
    ARRAY,
    ASK,
    BASE,
    PLAIN,
    STREAMED,
    array,
    events,
    google_body,
    google_chunks,
    google_record,
    google_request,
)
from tests.golden.shapes.wire import WORDS, bytes_of, data, expect, quarter

IN_GUESS = quarter(bytes_of(ASK))
HALF_GUESS = quarter(len(WORDS[:20]))


def modal(**kinds):
    return [{"modality": kind.upper(), "tokenCount": count} for kind, count in kinds.items()]


def usage(prompt, candidates, *, thoughts=None, total=None, **more):
    found = {"promptTokenCount": prompt}
    if candidates is not None:
        found["candidatesTokenCount"] = candidates
    if thoughts is not None:
        found["thoughtsTokenCount"] = thoughts
    found["totalTokenCount"] = prompt + (candidates or 0) + (thoughts or 0) if total is None else total
    return {**found, **more}


def said(quantities, cost, **more):
    return expect(quantities, cost, **{"model": "lapis-pro", "finish": "STOP", **more})


# name, usage, expectation, and what else the answer holds. Each is written plain and streamed.
SHAPES = [
    (
        "bare",
        usage(2006, 300),
        said(
            {"uncached_input": 2006, "plain_output": 300},
            [["uncached_input", 2006, "1.25"], ["plain_output", 300, "10.00"]],
            input_tokens=2006,
            output_tokens=300,
        ),
        {},
    ),
    (
        "cached_and_thought",
        usage(
            1200,
            50,
            thoughts=200,
            cachedContentTokenCount=1000,
            toolUsePromptTokenCount=0,
            promptTokensDetails=modal(text=1200),
            cacheTokensDetails=modal(text=1000),
            candidatesTokensDetails=modal(text=50),
            serviceTier="standard",
        ),
        said(
            {"uncached_input": 200, "cache_read": 1000, "reasoning_output": 200, "plain_output": 50},
            [
                ["uncached_input", 200, "1.25"],
                ["cache_read", 1000, "0.125"],
                ["reasoning_output", 200, "11.00"],
                ["plain_output", 50, "10.00"],
            ],
            input_tokens=1200,
            output_tokens=250,
            tier="standard",
        ),
        {},
    ),
    (
        "candidates_that_hold_the_thoughts",
        usage(100, 250, thoughts=200, total=350),
        said(
            {"uncached_input": 100, "reasoning_output": 200, "plain_output": 50},
            [["uncached_input", 100, "1.25"], ["reasoning_output", 200, "11.00"], ["plain_output", 50, "10.00"]],
            input_tokens=100,
            output_tokens=250,
        ),
        {},
    ),
    (
        "only_thoughts",
        usage(15, None, thoughts=20),
        said(
            {"uncached_input": 15, "reasoning_output": 20, "plain_output": 0},
            [["uncached_input", 15, "1.25"], ["reasoning_output", 20, "11.00"]],
            input_tokens=15,
            output_tokens=20,
            finish="MAX_TOKENS",
        ),
        {"finish": "MAX_TOKENS"},
    ),
    (
        "film_sound_picture_and_words",
        usage(
            4868,
            101,
            promptTokensDetails=modal(video=3096, text=14, audio=1500, image=258),
            candidatesTokensDetails=modal(text=101),
        ),
        said(
            {
                "uncached_input": 14,
                "uncached_input_audio": 1500,
                "uncached_input_image": 258,
                "uncached_input_video": 3096,
                "plain_output": 101,
            },
            [
                ["uncached_input", 14, "1.25"],
                ["uncached_input_audio", 1500, "3.00"],
                ["uncached_input_image", 258, "1.30"],
                ["uncached_input_video", 3096, "1.40"],
                ["plain_output", 101, "10.00"],
            ],
            input_tokens=4868,
            output_tokens=101,
        ),
        {},
    ),
    (
        "pages_are_pictures",
        usage(19875, 205, promptTokensDetails=modal(text=9, document=19866)),
        said(
            {"uncached_input": 9, "uncached_input_image": 19866, "plain_output": 205},
            [
                ["uncached_input", 9, "1.25"],
                ["uncached_input_image", 19866, "1.30"],
                ["plain_output", 205, "10.00"],
            ],
            input_tokens=19875,
            output_tokens=205,
        ),
        {},
    ),
    (
        "cached_sound_with_a_split",
        usage(
            3000,
            40,
            cachedContentTokenCount=2000,
            promptTokensDetails=modal(text=1000, audio=2000),
            cacheTokensDetails=modal(text=500, audio=1500),
        ),
        said(
            {
                "uncached_input": 500,
                "uncached_input_audio": 500,
                "cache_read": 500,
                "cache_read_audio": 1500,
                "plain_output": 40,
            },
            [
                ["uncached_input", 500, "1.25"],
                ["uncached_input_audio", 500, "3.00"],
                ["cache_read", 500, "0.125"],
                ["cache_read_audio", 1500, "0.30"],
                ["plain_output", 40, "10.00"],
            ],
            input_tokens=3000,
            output_tokens=40,
        ),
        {},
    ),
    (
        "cached_sound_without_a_split",
        usage(3000, 40, cachedContentTokenCount=1200, promptTokensDetails=modal(text=1000, audio=2000)),
        said(
            {
                "uncached_input": 0,
                "uncached_input_audio": 1800,
                "cache_read": 1000,
                "cache_read_audio": 200,
                "plain_output": 40,
            },
            [
                ["uncached_input_audio", 1800, "3.00"],
                ["cache_read", 1000, "0.125"],
                ["cache_read_audio", 200, "0.30"],
                ["plain_output", 40, "10.00"],
            ],
            input_tokens=3000,
            output_tokens=40,
            state="estimated",
            estimated=["cache_read"],
        ),
        {},
    ),
    (
        "what_tools_put_into_the_prompt",
        usage(
            13,
            194,
            total=496,
            toolUsePromptTokenCount=289,
            toolUsePromptTokensDetails=modal(text=289),
            promptTokensDetails=modal(text=13),
        ),
        said(
            {"uncached_input": 302, "plain_output": 194},
            [["uncached_input", 302, "1.25"], ["plain_output", 194, "10.00"]],
            input_tokens=302,
            output_tokens=194,
        ),
        {},
    ),
    (
        "a_picture_made",
        usage(33, 1780, thoughts=529, candidatesTokensDetails=modal(image=1120)),
        said(
            {"uncached_input": 33, "reasoning_output": 529, "plain_output_image": 1120, "plain_output": 660},
            [
                ["uncached_input", 33, "1.25"],
                ["reasoning_output", 529, "11.00"],
                ["plain_output_image", 1120, "30.00"],
                ["plain_output", 660, "10.00"],
            ],
            input_tokens=33,
            output_tokens=2309,
        ),
        {},
    ),
    (
        "speech_made",
        usage(12, 480, candidatesTokensDetails=modal(audio=480)),
        said(
            {"uncached_input": 12, "plain_output_audio": 480, "plain_output": 0},
            [["uncached_input", 12, "1.25"], ["plain_output_audio", 480, "20.00"]],
            input_tokens=12,
            output_tokens=480,
        ),
        {},
    ),
    (
        "flex_tier",
        usage(800, 90, serviceTier="flex"),
        said(
            {"uncached_input": 800, "plain_output": 90},
            [["uncached_input", 800, "0.625"], ["plain_output", 90, "5.00"]],
            input_tokens=800,
            output_tokens=90,
            tier="flex",
        ),
        {},
    ),
    (
        "fields_nobody_knows",
        usage(
            50,
            10,
            auraTokenCount=7,
            promptTokensDetails=[{"modality": "TEXT", "tokenCount": 50, "glow": 3}],
            candidatesTokensDetails=[{"modality": "SCENT", "tokenCount": 4}],
        ),
        said(
            {"uncached_input": 50, "plain_output": 10},
            [["uncached_input", 50, "1.25"], ["plain_output", 10, "10.00"]],
            input_tokens=50,
            output_tokens=10,
            drift=[
                "unknown auraTokenCount",
                "unknown promptTokensDetails.glow",
                "unknown candidatesTokensDetails SCENT",
            ],
        ),
        {},
    ),
    (
        "a_total_that_does_not_add_up",
        usage(100, 60, thoughts=20, total=130),
        said(
            {"uncached_input": 100, "reasoning_output": 20, "plain_output": 60},
            [["uncached_input", 100, "1.25"], ["reasoning_output", 20, "11.00"], ["plain_output", 60, "10.00"]],
            input_tokens=100,
            output_tokens=80,
            drift=["totalTokenCount does not add up"],
        ),
        {},
    ),
    (
        "each_search_is_billed",
        usage(40, 30),
        said(
            {"uncached_input": 40, "plain_output": 30, "searches": 2},
            [["uncached_input", 40, "1.25"], ["plain_output", 30, "10.00"], ["searches", 2, "14000"]],
            input_tokens=40,
            output_tokens=30,
        ),
        {"candidate": {"groundingMetadata": {"webSearchQueries": ["tally", "split tally"], "groundingChunks": []}}},
    ),
    (
        "a_grounded_prompt_of_the_second_generation_is_billed_once",
        usage(40, 30),
        said(
            {"uncached_input": 40, "plain_output": 30, "searches": 1},
            [["uncached_input", 40, "0.30"], ["plain_output", 30, "2.50"], ["searches", 1, "35000"]],
            input_tokens=40,
            output_tokens=30,
            model="gemini-2-lapis",
        ),
        {
            "candidate": {"groundingMetadata": {"webSearchQueries": ["tally", "split tally"]}},
            "model": "gemini-2-lapis",
        },
    ),
    (
        "a_function_call",
        usage(60, 12),
        said(
            {"uncached_input": 60, "plain_output": 12, "tool_calls": 1},
            [["uncached_input", 60, "1.25"], ["plain_output", 12, "10.00"]],
            input_tokens=60,
            output_tokens=12,
        ),
        {"parts": [{"functionCall": {"name": "look_up", "args": {"word": "tally"}}}]},
    ),
]


def records():
    for name, used, expected, more in SHAPES:
        body = google_body(used, **more)
        yield google_record(f"gemini_{name}", PLAIN, google_request(), expected, body=body)
        stream = events(google_chunks(body))
        yield google_record(f"gemini_{name}_streamed", STREAMED, google_request(), expected, stream=stream)
    yield from _arrays()
    yield from _ends()
    yield from _embeddings()


def _arrays():
    name, used, expected, _ = SHAPES[1]
    body = google_body(used, parts=[{"text": 'He said: "[{\\"]}" — é.'}])
    chunks = google_chunks(body, words='He said: "[{\\"]}" — é, and left.')
    yield google_record(f"gemini_{name}_as_an_array", ARRAY, google_request(), expected, stream=array(chunks))
    # Counts run along in every chunk: the last one counts, and a cut leaves the least there was.
    running = usage(1200, 3, thoughts=200, cachedContentTokenCount=1000)
    chunks = google_chunks(google_body(used), running=running)
    yield google_record("gemini_usage_in_every_chunk", STREAMED, google_request(), expected, stream=events(chunks))
    cut = said(
        {
            "uncached_input": 200,
            "cache_read": 1000,
            "reasoning_output": 200,
            "plain_output": HALF_GUESS,
        },
        [
            ["uncached_input", 200, "1.25"],
            ["cache_read", 1000, "0.125"],
            ["reasoning_output", 200, "11.00"],
            ["plain_output", HALF_GUESS, "10.00"],
        ],
        input_tokens=1200,
        output_tokens=200 + HALF_GUESS,
        finish="",
        state="estimated",
        estimated=["plain_output"],
        complete=False,
    )
    half = array(chunks[:1], closed=False)
    yield google_record("gemini_an_array_cut_after_its_first_words", ARRAY, google_request(), cut, stream=half)
    half = events(chunks[:1])
    yield google_record("gemini_cut_after_its_first_words", STREAMED, google_request(), cut, stream=half)
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    broken = {**cut, "error": "UNAVAILABLE"}
    yield google_record("gemini_error_in_the_stream", STREAMED, google_request(), broken, stream=[*half, data(error)])


NOTHING = {"quantities": {"uncached_input": 0, "plain_output": 0}, "input_tokens": 0, "output_tokens": 0}


def _ends():
    refused = google_body(usage(50, None), promptFeedback={"blockReason": "PROHIBITED_CONTENT"})
    del refused["candidates"]
    blocked = said(
        {"uncached_input": 50, "plain_output": 0},
        [["uncached_input", 50, "1.25"]],
        input_tokens=50,
        output_tokens=0,
        finish="PROHIBITED_CONTENT",
    )
    yield google_record("gemini_a_blocked_prompt", PLAIN, google_request(), blocked, body=refused)
    stream = events([refused])
    yield google_record("gemini_a_blocked_prompt_streamed", STREAMED, google_request(), blocked, stream=stream)
    quota = {"error": {"code": 429, "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED"}}
    error = {**expect({}, [], model="", error="RESOURCE_EXHAUSTED", status=429), **NOTHING}
    yield google_record("gemini_error", PLAIN, google_request(), error, body=quota)
    alone = {**error, "status": 200}
    yield google_record("gemini_error_alone_in_an_array", ARRAY, google_request(), alone, stream=array([quota]))
    nothing = expect(
        {"uncached_input": IN_GUESS, "plain_output": 0},
        [["uncached_input", IN_GUESS, "1.25"]],
        model="",
        input_tokens=IN_GUESS,
        output_tokens=0,
        state="estimated",
        estimated=["uncached_input", "plain_output"],
        complete=False,
    )
    yield google_record("gemini_cut_before_anything", STREAMED, google_request(), nothing, stream=[])
    silent = said(
        {"uncached_input": IN_GUESS, "plain_output": quarter(len(WORDS))},
        [["uncached_input", IN_GUESS, "1.25"], ["plain_output", quarter(len(WORDS)), "10.00"]],
        input_tokens=IN_GUESS,
        output_tokens=quarter(len(WORDS)),
        state="estimated",
        estimated=["uncached_input", "plain_output"],
    )
    body = google_body(None)
    yield google_record("gemini_without_usage", PLAIN, google_request(), silent, body=body)


def _embeddings():
    content = {"parts": [{"text": "A tally stick."}]}
    vector = {"values": [0.1, -0.2, 0.3]}
    known = expect({"uncached_input": 4}, [["uncached_input", 4, "1.25"]], model="", input_tokens=4, output_tokens=0)
    counts = {"promptTokenCount": 4, "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 4}]}
    yield google_record(
        "gemini_embedding",
        f"{BASE}:embedContent",
        {"content": content},
        known,
        body={"embedding": vector, "usageMetadata": counts},
    )
    guess = 2 * bytes_of(content)
    unknown = expect(
        {"uncached_input": quarter(guess)},
        [["uncached_input", quarter(guess), "1.25"]],
        model="",
        input_tokens=quarter(guess),
        output_tokens=0,
        state="estimated",
        estimated=["uncached_input"],
    )
    asked = {"model": "models/lapis-pro", "content": content}
    yield google_record(
        "gemini_embeddings_without_usage",
        f"{BASE}:batchEmbedContents",
        {"requests": [asked, asked]},
        unknown,
        body={"embeddings": [vector, vector]},
    )
