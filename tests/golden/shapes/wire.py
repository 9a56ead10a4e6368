"""Bodies and streams as the providers write them, and one record for each shape.

Requests are compact JSON. An estimate is a quarter of the bytes, rounded up: of the
prompt's messages, system text and tools as JSON, and of the text that was generated.
"""

import json

CHAT_PATH = "/v1/chat/completions"
RESPONSES_PATH = "/v1/responses"
EMBEDDINGS_PATH = "/v1/embeddings"
MESSAGES_PATH = "/v1/messages"

WORDS = "The tally is split in two, and each side keeps its half."
USER = {"role": "user", "content": "Tell me what a tally stick is."}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def quarter(byte_count):
    return -(-byte_count // 4)


def bytes_of(*values):
    return sum(len(compact(value).encode()) for value in values)


def expect(quantities, cost, **more):
    """What a shape must give. The totals are written by hand beside the classes they sum up."""
    base = {
        "state": "reported",
        "estimated": [],
        "drift": [],
        "tier": "",
        "region": "",
        "finish": "",
        "error": "",
        "complete": True,
        "status": 200,
    }
    return {**base, "quantities": {**quantities, "requests": 1}, "cost": cost, **more}


def record(name, dialect, path, request, expected, *, body=None, stream=None, client=None):
    """One golden file. `stream` is what the provider sends, `client` what the caller gets where it differs."""
    found = {"name": name, "dialect": dialect, "path": path, "request": request}
    if stream is None:
        found["response"] = body
    else:
        found["stream"] = stream
        if client is not None and client != stream:
            found["client"] = client
    return {**found, "expect": expected}


def data(value):
    return f"data: {compact(value)}\n\n"


def event(value):
    return f"event: {value['type']}\n{data(value)}"


# --- OpenAI Chat Completions -------------------------------------------------------------


def chat_request(**more):
    return {"model": "aurum-chat", "messages": [USER], **more}


def chat_body(usage, *, message=None, finish="stop", **more):
    said = {"role": "assistant", "content": WORDS, "refusal": None, "annotations": [], **(message or {})}
    body = {
        "id": "chatcmpl-golden",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "aurum-chat",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
    }
    if usage is not None:
        body["usage"] = usage
    return {**body, "system_fingerprint": "fp_golden", **more}


def chat_chunks(usage, *, deltas=None, finish="stop", asked=True, done=True, **more):
    """Chunks of a stream; with `asked`, as they are when usage was asked for."""
    head = {
        "id": "chatcmpl-golden",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "aurum-chat",
        **more,
    }
    tail = {"usage": None} if asked else {}
    deltas = deltas or [{"content": WORDS[:20]}, {"content": WORDS[20:]}]
    steps = [({"role": "assistant", "content": "", "refusal": None}, None), *((delta, None) for delta in deltas)]
    if finish:
        steps.append(({}, finish))
    chunks = [
        data({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": why}], **tail})
        for delta, why in steps
    ]
    if asked and usage is not None:
        chunks.append(data({**head, "choices": [], "usage": usage}))
    return [*chunks, "data: [DONE]\n\n"] if done else chunks


# --- OpenAI Responses --------------------------------------------------------------------


def responses_body(usage, *, output=None, status="completed", **more):
    said = {"type": "output_text", "text": WORDS, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [said]}
    return {
        "id": "resp_golden",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": "aurum-chat",
        "output": [message] if output is None else output,
        "tools": [],
        **({"usage": usage} if usage is not None else {"usage": None}),
        "metadata": {},
        **more,
    }


def responses_events(body, *, final="response.completed"):
    """Events of a stream that ends with this body; `final` None cuts it before the end."""
    start = {**body, "status": "in_progress", "output": [], "usage": None, "service_tier": "auto", "error": None}
    start.pop("tool_usage", None)
    events = [
        {"type": "response.created", "sequence_number": 0, "response": start},
        {"type": "response.in_progress", "sequence_number": 1, "response": start},
    ]
    for text in (WORDS[:20], WORDS[20:]):
        events.append(
            {
                "type": "response.output_text.delta",
                "sequence_number": len(events),
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
                "logprobs": [],
            }
        )
    for index, item in enumerate(body["output"]):
        events.append(
            {
                "type": "response.output_item.done",
                "sequence_number": len(events),
                "output_index": index,
                "item": item,
            }
        )
    if final:
        events.append({"type": final, "sequence_number": len(events), "response": body})
    return [event(one) for one in events]


# --- Anthropic Messages ------------------------------------------------------------------


def messages_request(**more):
    return {"model": "argent-opus", "max_tokens": 1024, "messages": [USER], **more}


def messages_body(usage, *, content=None, stop="end_turn", **more):
    return {
        "id": "msg_golden",
        "type": "message",
        "role": "assistant",
        "model": "argent-opus",
        "content": content or [{"type": "text", "text": WORDS}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
        **more,
    }


def messages_events(start, delta, *, content=None, stop="end_turn", **more):
    """Events of a stream with the usage of its start and of its last delta; without a delta it is cut."""
    opening = messages_body(start, stop=None, **more)
    opening["content"] = []
    events = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(content or [{"type": "text", "text": WORDS}]):
        empty = {**block, **({"text": ""} if "text" in block else {}), **({"input": {}} if "input" in block else {})}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        if "text" in block:
            pieces = [{"type": "text_delta", "text": part} for part in (block["text"][:20], block["text"][20:])]
        elif "input" in block:
            pieces = [{"type": "input_json_delta", "partial_json": compact(block["input"])}]
        else:
            pieces = []
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        if index == 0:
            events.insert(2, {"type": "ping"})
        events.append({"type": "content_block_stop", "index": index})
    if delta is not None:
        ending = {"stop_reason": stop, "stop_sequence": None}
        events += [{"type": "message_delta", "delta": ending, "usage": delta}, {"type": "message_stop"}]
    return [event(one) for one in events]
