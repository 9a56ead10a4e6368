"""Vertex AI: Gemini's models and Anthropic's, below a project and a location."""

from tests.golden.shapes.gemini import usage
from tests.golden.shapes.google_wire import array, events, google_body, google_chunks, google_record, google_request
from tests.golden.shapes.wire import USER, expect, messages_body, messages_events

PLACE = "/v1/projects/acme-ml/locations/us-central1/publishers/google/models/lapis-pro"
CLAUDE = "/v1/projects/acme-ml/locations/europe-west1/publishers/anthropic/models/argent-opus@20260101"
TOLD = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 1024, "messages": [USER]}

SHAPES = [
    (
        "on_demand",
        usage(700, 30, thoughts=100, trafficType="ON_DEMAND"),
        expect(
            {"uncached_input": 700, "reasoning_output": 100, "plain_output": 30},
            [["uncached_input", 700, "1.25"], ["reasoning_output", 100, "11.00"], ["plain_output", 30, "10.00"]],
            model="lapis-pro",
            finish="STOP",
            region="us-central1",
            tier="standard",
            input_tokens=700,
            output_tokens=130,
        ),
    ),
    (
        "priority",
        usage(700, 30, trafficType="ON_DEMAND_PRIORITY"),
        expect(
            {"uncached_input": 700, "plain_output": 30},
            [["uncached_input", 700, "2.25"], ["plain_output", 30, "18.00"]],
            model="lapis-pro",
            finish="STOP",
            region="us-central1",
            tier="priority",
            input_tokens=700,
            output_tokens=30,
        ),
    ),
]


def records():
    request = google_request(labels={"team": "search"})
    for name, used, expected in SHAPES:
        body = google_body(used)
        path = f"{PLACE}:generateContent"
        yield google_record(f"vertex_{name}", path, request, expected, dialect="vertex", body=body)
        path, chunks = f"{PLACE}:streamGenerateContent", google_chunks(body)
        stream = events(chunks)
        yield google_record(
            f"vertex_{name}_streamed", f"{path}?alt=sse", request, expected, dialect="vertex", stream=stream
        )
        yield google_record(
            f"vertex_{name}_as_an_array", path, request, expected, dialect="vertex", stream=array(chunks)
        )
    yield from _claude()


def _claude():
    used = {"input_tokens": 95, "cache_read_input_tokens": 2051, "cache_creation_input_tokens": 0, "output_tokens": 503}
    expected = expect(
        {"uncached_input": 95, "cache_read": 2051, "cache_write_unknown": 0, "plain_output": 503},
        [["uncached_input", 95, "3.00"], ["cache_read", 2051, "0.30"], ["plain_output", 503, "15.00"]],
        model="argent-opus",
        finish="end_turn",
        region="europe-west1",
        input_tokens=2146,
        output_tokens=503,
    )
    model = "argent-opus@20260101"
    yield google_record(
        "vertex_anthropic",
        f"{CLAUDE}:rawPredict",
        TOLD,
        expected,
        dialect="vertex",
        model=model,
        body=messages_body(used),
    )
    yield google_record(
        "vertex_anthropic_streamed",
        f"{CLAUDE}:streamRawPredict",
        {**TOLD, "stream": True},
        expected,
        dialect="vertex",
        model=model,
        stream=messages_events({**used, "output_tokens": 1}, {"output_tokens": 503}),
    )
