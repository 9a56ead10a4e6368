"""Bodies and streams as Gemini and Vertex AI write them. Only what is particular to them; the rest is in `wire`."""

from tests.golden.shapes.wire import WORDS, compact, data, record

BASE = "/v1beta/models/lapis-pro"
PLAIN = f"{BASE}:generateContent"
STREAMED = f"{BASE}:streamGenerateContent?alt=sse"
ARRAY = f"{BASE}:streamGenerateContent"
ASK = {"role": "user", "parts": [{"text": "Tell me what a tally stick is."}]}


def google_request(**more):
    return {"contents": [ASK], **more}


def google_body(usage, *, parts=None, finish="STOP", model="lapis-pro", candidate=None, **more):
    """A whole answer, and the last chunk of a stream."""
    body = {
        "candidates": [
            {
                "content": {"parts": [{"text": WORDS}] if parts is None else parts, "role": "model"},
                **({"finishReason": finish} if finish else {}),
                "index": 0,
                **(candidate or {}),
            }
        ],
        **({} if usage is None else {"usageMetadata": usage}),
        "modelVersion": model,
        "responseId": "gem-golden",
    }
    return {**body, **more}


def google_chunks(body, *, running=None, words=WORDS):
    """The chunks of a stream that ends with this body; the first holds a part of the words."""
    first = google_body(running, parts=[{"text": words[:20]}], finish=None, model=body["modelVersion"])
    last = {**body}
    if body.get("candidates"):
        candidate = body["candidates"][0]
        parts = [{"text": words[20:]} if "text" in part else part for part in candidate["content"]["parts"]]
        last["candidates"] = [{**candidate, "content": {**candidate["content"], "parts": parts}}]
    return [first, last] if body.get("candidates") else [last]


def events(chunks):
    return [data(chunk) for chunk in chunks]


def array(chunks, *, closed=True):
    """The pieces of a JSON array, as they are sent where nobody asks for events."""
    pieces = [("[" if number == 0 else ",\r\n") + compact(chunk) for number, chunk in enumerate(chunks)]
    return [*pieces, "\n]"] if closed else pieces


def google_record(name, path, request, expected, *, dialect="gemini", model="lapis-pro", **answer):
    """One golden file; the model stands in the path."""
    made = record(name, dialect, path, request, expected, **answer)
    if "stream" in made and "alt=sse" not in path and "streamGenerateContent" in path:
        made["content_type"] = "application/json; charset=UTF-8"
    return {**made, "model": model}
