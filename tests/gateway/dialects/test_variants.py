"""Azure's and Mistral's ways of the OpenAI format, and streams of its formats that break off or fail."""

import json

import pytest

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import Change

OPENAI, AZURE, MISTRAL = DIALECTS["openai"], DIALECTS["azure"], DIALECTS["mistral"]
DEPLOYED = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
BODY = b'{"messages":[{"role":"user","content":"my-gpt"}]}'


def test_a_deployment_is_the_model_that_was_asked_for():
    route = AZURE.route("POST", DEPLOYED)

    assert route.model == "my-gpt"
    assert AZURE.read_request(route, BODY).model == "my-gpt"
    assert AZURE.read_request(route, b'{"model":"gpt-4o","messages":[]}').model == "my-gpt"


def test_another_deployment_is_put_into_the_path_alone():
    route = AZURE.route("POST", DEPLOYED)

    path, body = AZURE.rewrite(route, DEPLOYED, BODY, Change(model="cheap"))

    assert path == "/openai/deployments/cheap/chat/completions?api-version=2024-10-21"
    assert body == BODY
    _, repeated = AZURE.rewrite(route, DEPLOYED, b'{"model":"my-gpt","messages":[]}', Change(model="cheap"))
    assert json.loads(repeated)["model"] == "cheap"


def test_below_the_newer_path_the_body_names_the_deployment():
    route = AZURE.route("POST", "/openai/v1/chat/completions")

    assert route.model == ""
    _, body = AZURE.rewrite(route, "/openai/v1/chat/completions", b'{"model":"a","messages":[]}', Change(model="b"))
    assert json.loads(body)["model"] == "b"


def test_usage_is_not_asked_for_beside_the_caller_s_own_data():
    route = AZURE.route("POST", "/openai/deployments/d/extensions/chat/completions")
    body = b'{"stream":true,"messages":[],"data_sources":[{"type":"azure_search"}]}'

    facts = AZURE.read_request(route, body)

    assert (facts.asked_usage, facts.body) == (False, body)
    assert facts.unbounded


@pytest.mark.parametrize(
    ("dialect", "body", "name"),
    [
        (OPENAI, b'{"model":"m","messages":[]}', "max_completion_tokens"),
        (OPENAI, b'{"model":"m","messages":[],"max_tokens":50}', "max_tokens"),
        (MISTRAL, b'{"model":"m","messages":[]}', "max_tokens"),
    ],
)
def test_the_cap_has_the_name_that_the_host_takes(dialect, body, name):
    route = dialect.route("POST", "/v1/chat/completions")

    _, changed = dialect.rewrite(route, "/v1/chat/completions", body, Change(max_tokens=9))

    assert {key: value for key, value in json.loads(changed).items() if key.startswith("max")} == {name: 9}


WORDS = {
    "/v1/chat/completions": {"choices": [{"index": 0, "delta": {"content": "A tally stick."}}]},
    "/v1/completions": {"choices": [{"index": 0, "text": "A tally stick."}]},
    "/v1/responses": {"type": "response.output_text.delta", "delta": "A tally stick."},
}
# Fourteen bytes of words are four tokens, a quarter rounded up.
GUESSED = 4
PIECES = {
    "/v1/images/generations": {"type": "image_generation.partial_image", "b64_json": "AAAA"},
    "/v1/images/edits": {"type": "image_edit.partial_image", "b64_json": "AAAA"},
    "/v1/audio/transcriptions": {"type": "transcript.text.delta", "delta": "A tally stick."},
}
REQUEST = {"model": "m", "messages": [], "prompt": "p", "input": "i", "stream": True}


def stream(path, *events):
    route = OPENAI.route("POST", path)
    reader = OPENAI.read_stream(route, OPENAI.read_request(route, json.dumps(REQUEST).encode()))
    for event in events:
        reader.feed(f"data: {json.dumps(event)}\n\n".encode())
    reader.flush()
    return reader.facts()


@pytest.mark.parametrize("path", WORDS)
def test_words_of_a_stream_that_broke_off_are_estimated(path):
    facts = stream(path, WORDS[path])

    assert not facts.complete
    assert (facts.measured.state, facts.measured.output_tokens) == ("estimated", GUESSED)


@pytest.mark.parametrize("path", PIECES)
def test_media_of_a_stream_that_broke_off_are_unknown(path):
    facts = stream(path, PIECES[path])

    assert not facts.complete
    assert (facts.measured.state, facts.measured.input_tokens, facts.measured.output_tokens) == ("absent", None, None)


@pytest.mark.parametrize("path", [*WORDS, *PIECES])
def test_an_error_inside_of_a_stream_is_named(path):
    event = {**WORDS, **PIECES}[path]
    facts = stream(path, event, {"type": "error", "error": {"code": "server_error", "message": "m"}})

    assert (facts.error_type, facts.complete) == ("server_error", False)
