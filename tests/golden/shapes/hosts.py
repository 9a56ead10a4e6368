"""Other hosts of OpenAI's format: plain, streamed, and broken off or refused."""

from tests.golden.shapes.chat import chat, guessed
from tests.golden.shapes.wire import CHAT_PATH, USER, chat_body, chat_chunks, chat_request, data, expect, record

AZURE_PATH = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
ASKED = {"stream": True}

# DeepSeek: hits and misses of the cache beside the prompt that holds both; thought within the completion.
DEEPSEEK = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_cache_hit_tokens": 1000,
    "prompt_cache_miss_tokens": 200,
    "prompt_tokens_details": {"cached_tokens": 1000},
    "completion_tokens_details": {"reasoning_tokens": 120},
}
DEEPSEEK_IS = chat(
    {"uncached_input": 200, "cache_read": 1000, "plain_output": 180, "reasoning_output": 120},
    [
        ["uncached_input", 200, "2.50"],
        ["cache_read", 1000, "0.25"],
        ["plain_output", 180, "10.00"],
        ["reasoning_output", 120, "12.00"],
    ],
    input_tokens=1200,
    output_tokens=300,
)

# xAI: reasoning stands outside of the completion; the total says so.
XAI = {
    "prompt_tokens": 50,
    "completion_tokens": 20,
    "total_tokens": 270,
    "prompt_tokens_details": {"text_tokens": 50, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 10},
    "completion_tokens_details": {
        "reasoning_tokens": 200,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
    "num_sources_used": 2,
    "cost_in_usd_ticks": 158500,
}
XAI_IS = chat(
    {
        "uncached_input": 40,
        "uncached_input_audio": 0,
        "uncached_input_image": 0,
        "cache_read": 10,
        "plain_output": 20,
        "plain_output_audio": 0,
        "reasoning_output": 200,
        "searches": 2,
    },
    [
        ["uncached_input", 40, "2.50"],
        ["cache_read", 10, "0.25"],
        ["plain_output", 20, "10.00"],
        ["reasoning_output", 200, "12.00"],
        ["searches", 2, "10000"],
    ],
    input_tokens=50,
    output_tokens=220,
)

MISTRAL = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 64},
    "num_cached_tokens": 64,
}
MISTRAL_IS = chat(
    {"uncached_input": 36, "cache_read": 64, "plain_output": 30},
    [["uncached_input", 36, "2.50"], ["cache_read", 64, "0.25"], ["plain_output", 30, "10.00"]],
    input_tokens=100,
    output_tokens=30,
)
# Sound is billed by the second and counted in the total alone.
MISTRAL_SOUND = {"prompt_tokens": 4, "completion_tokens": 10, "total_tokens": 389, "prompt_audio_seconds": 30}
MISTRAL_SOUND_IS = chat(
    {"uncached_input": 4, "plain_output": 10, "seconds": 30_000_000},
    [["uncached_input", 4, "2.50"], ["plain_output", 10, "10.00"], ["seconds", 30_000_000, "0.0001"]],
    input_tokens=4,
    output_tokens=10,
)

GROQ = {
    "queue_time": 0.02,
    "prompt_tokens": 41,
    "prompt_time": 0.001,
    "completion_tokens": 9,
    "completion_time": 0.01,
    "total_tokens": 50,
    "total_time": 0.011,
}
GROQ_IS = chat(
    {"uncached_input": 41, "plain_output": 9},
    [["uncached_input", 41, "2.50"], ["plain_output", 9, "10.00"]],
    input_tokens=41,
    output_tokens=9,
)

# OpenRouter: its own sum is known, and not what is billed here.
OPENROUTER = {
    "prompt_tokens": 194,
    "completion_tokens": 20,
    "total_tokens": 214,
    "cost": 0.00095,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 30},
    "cost_details": {"upstream_inference_cost": None, "upstream_inference_prompt_cost": 0.0005},
    "completion_tokens_details": {"reasoning_tokens": 8, "image_tokens": 0},
    "server_tool_use": {"web_search_requests": 1},
}
OPENROUTER_IS = chat(
    {
        "uncached_input": 64,
        "uncached_input_audio": 0,
        "uncached_input_video": 30,
        "cache_read": 100,
        "cache_write_unknown": 0,
        "plain_output": 12,
        "plain_output_image": 0,
        "reasoning_output": 8,
        "searches": 1,
    },
    [
        ["uncached_input", 64, "2.50"],
        ["uncached_input_video", 30, "2.50"],
        ["cache_read", 100, "0.25"],
        ["plain_output", 12, "10.00"],
        ["reasoning_output", 8, "12.00"],
        ["searches", 1, "10000"],
    ],
    input_tokens=194,
    output_tokens=20,
)

TOGETHER = {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26, "cached_tokens": 4}
TOGETHER_IS = chat(
    {"uncached_input": 16, "cache_read": 4, "plain_output": 6},
    [["uncached_input", 16, "2.50"], ["cache_read", 4, "0.25"], ["plain_output", 6, "10.00"]],
    input_tokens=20,
    output_tokens=6,
)

# Perplexity's deep research: what was read of its sources, and its thought, beside both sides.
PERPLEXITY = {
    "prompt_tokens": 33,
    "completion_tokens": 500,
    "total_tokens": 533,
    "citation_tokens": 2000,
    "num_search_queries": 3,
    "reasoning_tokens": 900,
    "search_context_size": "low",
    "cost": {"input_tokens_cost": 0.001, "output_tokens_cost": 0.004, "request_cost": 0.006, "total_cost": 0.011},
}
PERPLEXITY_IS = chat(
    {"uncached_input": 2033, "plain_output": 500, "reasoning_output": 900, "searches": 3},
    [
        ["uncached_input", 2033, "2.50"],
        ["plain_output", 500, "10.00"],
        ["reasoning_output", 900, "12.00"],
        ["searches", 3, "10000"],
    ],
    input_tokens=2033,
    output_tokens=1400,
)

AZURE = {
    "prompt_tokens": 70,
    "completion_tokens": 15,
    "total_tokens": 85,
    "prompt_tokens_details": {"cached_tokens": 0},
}
AZURE_IS = chat(
    {"uncached_input": 70, "cache_read": 0, "plain_output": 15},
    [["uncached_input", 70, "2.50"], ["plain_output", 15, "10.00"]],
    input_tokens=70,
    output_tokens=15,
)
FILTERS = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]

# name, dialect, path, usage, expectation, and whether the last chunk with words carries the usage.
HOSTS = [
    ("deepseek", "openai", CHAT_PATH, DEEPSEEK, DEEPSEEK_IS, True),
    ("xai", "openai", CHAT_PATH, XAI, XAI_IS, False),
    ("mistral", "mistral", CHAT_PATH, MISTRAL, MISTRAL_IS, True),
    ("mistral_sound", "mistral", CHAT_PATH, MISTRAL_SOUND, MISTRAL_SOUND_IS, True),
    ("openrouter", "openai", CHAT_PATH, OPENROUTER, OPENROUTER_IS, False),
    ("together", "openai", CHAT_PATH, TOGETHER, TOGETHER_IS, True),
    ("perplexity", "openai", "/chat/completions", PERPLEXITY, PERPLEXITY_IS, True),
]


def host(name, dialect, path, request, expected, **more):
    return {**record(name, dialect, path, request, expected, **more), "provider": "openai"}


def last_words(usage, *, key="usage"):
    """A stream whose last chunk with words carries the usage."""
    chunks = chat_chunks(None, asked=False, finish=None, done=False)
    head = {"id": "chatcmpl-golden", "object": "chat.completion.chunk", "created": 1790000000, "model": "aurum-chat"}
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], key: usage}
    return [*chunks, data(last), "data: [DONE]\n\n"]


def records():
    for name, dialect, path, usage, expected, late in HOSTS:
        yield host(f"{name}_plain", dialect, path, chat_request(), expected, body=chat_body(usage))
        stream, shown = last_words(usage), last_words(usage)
        if not late:
            stream, shown = chat_chunks(usage), chat_chunks(usage, asked=False)
        streamed = {"stream": stream, "client": shown}
        yield host(f"{name}_streamed", dialect, path, chat_request(**ASKED), expected, **streamed)
        cut = chat_chunks(None, finish=None, done=False, asked=False)
        broken = guessed(complete=False, finish="")
        yield host(f"{name}_cut", dialect, path, chat_request(**ASKED), broken, stream=cut)
    yield from groq()
    yield from azure()
    yield from refusals()
    yield from completions()


def groq():
    yield host("groq_plain", "openai", CHAT_PATH, chat_request(), GROQ_IS, body=chat_body(GROQ, x_groq={"id": "req_1"}))
    beside = last_words({"id": "req_1", "usage": GROQ}, key="x_groq")
    yield host("groq_streamed", "openai", CHAT_PATH, chat_request(**ASKED), GROQ_IS, stream=beside)
    cut = chat_chunks(None, finish=None, done=False, asked=False)
    broken = guessed(complete=False, finish="")
    yield host("groq_cut", "openai", CHAT_PATH, chat_request(**ASKED), broken, stream=cut)


def azure():
    first = data({"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": FILTERS})
    request = {"messages": [USER]}
    body = chat_body(AZURE, prompt_filter_results=FILTERS)
    yield host("azure_plain", "azure", AZURE_PATH, request, AZURE_IS, body=body)
    stream, shown = [first, *chat_chunks(AZURE)], [first, *chat_chunks(AZURE, asked=False)]
    yield host("azure_streamed", "azure", AZURE_PATH, {**request, **ASKED}, AZURE_IS, stream=stream, client=shown)
    cut = [first, *chat_chunks(None, finish=None, done=False, asked=False)]
    broken = guessed(complete=False, finish="")
    yield host("azure_cut", "azure", AZURE_PATH, {**request, **ASKED}, broken, stream=cut)


def refusals():
    """What a host refused cost nothing, in whatever words."""
    unknown = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}
    words = [
        ("azure", "azure", AZURE_PATH, 429, {"error": {"code": "429", "message": "Retry later."}}, "429"),
        ("mistral", "mistral", CHAT_PATH, 422, {"object": "error", "message": {"detail": [unknown]}}, "http_422"),
        ("xai", "openai", CHAT_PATH, 400, {"code": "Client error", "error": "Model not found"}, "http_400"),
        ("groq", "openai", CHAT_PATH, 413, {"error": {"type": "tokens", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
        ("deepseek", "openai", CHAT_PATH, 402, {"error": {"type": "unknown_error", "code": "invalid_request_error"}}, "invalid_request_error"),
        ("openrouter", "openai", CHAT_PATH, 402, {"error": {"code": 402, "message": "No credits."}}, "http_402"),
    ]  # fmt: skip
    for name, dialect, path, status, body, word in words:
        expected = expect({}, [], input_tokens=0, output_tokens=0, status=status, error=word, model="")
        expected["quantities"] = {"uncached_input": 0, "plain_output": 0}
        yield host(f"{name}_refused", dialect, path, chat_request(), expected, body=body)


def completions():
    """The older format, as vLLM and Ollama still speak it."""
    used = {"prompt_tokens": 41, "completion_tokens": 9, "total_tokens": 50}
    head = {"id": "cmpl-golden", "object": "text_completion", "created": 1790000000, "model": "aurum-chat"}
    request = {"model": "aurum-chat", "prompt": "A tally stick is"}
    choice = {"index": 0, "text": " a stick.", "logprobs": None, "finish_reason": "stop"}
    body = {**head, "choices": [choice], "usage": used}
    yield record("completions_plain", "openai", "/v1/completions", request, GROQ_IS, body=body)
    words = data({**head, "choices": [{**choice, "finish_reason": None}], "usage": None})
    shown = data({**head, "choices": [{**choice, "finish_reason": None}]})
    end, end_shown = data({**head, "choices": [choice], "usage": None}), data({**head, "choices": [choice]})
    counted = data({**head, "choices": [], "usage": used})
    yield record(
        "completions_streamed",
        "openai",
        "/v1/completions",
        {**request, **ASKED},
        GROQ_IS,
        stream=[words, end, counted, "data: [DONE]\n\n"],
        client=[shown, end_shown, "data: [DONE]\n\n"],
    )
