"""Images by the piece, sound by the second and speech by the character: counted where told, unknown where not."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import Change
from tallystick.gateway.dialects.multipart import read_form
from tallystick.kernel.errors import DataError

OPENAI = DIALECTS["openai"]
IMAGES = OPENAI.route("POST", "/v1/images/generations")
EDITS = OPENAI.route("POST", "/v1/images/edits")
SPEECH = OPENAI.route("POST", "/v1/audio/speech")
SOUND = OPENAI.route("POST", "/v1/audio/transcriptions")
BATCH = OPENAI.route("GET", "/v1/batches/batch_1")


def form(*parts, boundary="x-7f"):
    """A form as SDKs write it; a part is name, value and perhaps the name of a file."""
    body = b""
    for name, value, *file in parts:
        shown = f'; filename="{file[0]}"\r\nContent-Type: application/octet-stream' if file else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode() + value + b"\r\n"
        )
    return body + f"--{boundary}--\r\n".encode()


def test_a_form_tells_its_fields_and_only_measures_its_files():
    body = form(("model", b"whisper-1"), ("file", b"\x00\r\n--x-7\r\n" * 1_000, "a.mp3"), ("stream", b"true"))

    facts = OPENAI.read_request(SOUND, body)

    assert (facts.model, facts.stream, facts.body) == ("whisper-1", True, body)
    assert facts.media_ceiling >= 32 * 9
    assert not facts.unbounded


NAMES = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=6)


@settings(max_examples=150)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=60)), max_size=5, unique_by=lambda part: part[0]))
def test_a_form_is_read_back_as_it_was_written(parts):
    written = [(name, value) for name, value in parts if b"--x-7f" not in value]
    files = [(f"file_{name}", value, "a.bin") for name, value in written]

    found = read_form(form(*written, *files))

    assert (found.fields if found else {}) == {name: value.decode("utf-8", "replace") for name, value in written}
    assert (found.files if found else []) == [(name, len(value)) for name, value, _ in files]


@settings(max_examples=150)
@given(st.binary(max_size=200))
def test_no_body_stops_the_reader_of_forms(noise):
    for body in (b"--" + noise, b"--x\r\n" + noise, form(("model", b"m")) + noise):
        with contextlib.suppress(DataError):
            assert OPENAI.read_request(SOUND, body).body is body


def test_another_model_is_put_into_the_form_and_all_else_stays():
    body = form(("model", b"whisper-1"), ("file", b"\x00\x01", "a.mp3"))

    path, changed = OPENAI.rewrite(
        SOUND, "/v1/audio/transcriptions", body, Change(model="gpt-transcribe", max_tokens=9)
    )

    assert changed == form(("model", b"gpt-transcribe"), ("file", b"\x00\x01", "a.mp3"))
    assert path == "/v1/audio/transcriptions"


def test_a_cap_of_tokens_is_not_put_where_no_route_knows_one():
    for route in (IMAGES, SPEECH):
        body = b'{"model":"m","prompt":"p","input":"i"}'
        assert OPENAI.rewrite(route, "/p", body, Change(max_tokens=9)) == ("/p", body)


def read(route, request, body):
    facts = OPENAI.read_request(route, request if isinstance(request, bytes) else json.dumps(request).encode())
    return OPENAI.read_response(route, facts, 200, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_pictures_without_usage_are_counted_by_the_piece():
    facts = read(IMAGES, {"model": "dall-e-3", "prompt": "p", "n": 2}, {"data": [{"url": "u"}, {"url": "v"}]})

    assert dict(facts.measured.quantities) == {"images": 2, "requests": 1}
    assert (facts.measured.state, facts.measured.input_tokens, facts.measured.output_tokens) == ("absent", None, None)


def test_a_picture_that_was_cut_off_is_unknown():
    request = OPENAI.read_request(IMAGES, b'{"model":"m","prompt":"p","stream":true}')
    reader = OPENAI.read_stream(IMAGES, request)
    reader.feed(b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image"}\n\n')
    facts = reader.facts()

    assert not facts.complete
    assert (facts.measured.state, facts.measured.output_tokens) == ("absent", None)


def test_several_streamed_pictures_are_summed():
    request = OPENAI.read_request(IMAGES, b'{"model":"m","prompt":"p","n":2,"stream":true}')
    reader = OPENAI.read_stream(IMAGES, request)
    done = {"type": "image_generation.completed", "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}}
    reader.feed(f"data: {json.dumps(done)}\n\n".encode())
    assert not reader.facts().complete
    reader.feed(f"data: {json.dumps(done)}\n\n".encode())

    facts = reader.facts()
    assert facts.complete
    assert (facts.measured.input_tokens, facts.measured.output_tokens) == (10, 14)
    assert facts.measured.quantities["requests"] == 1


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"text": "t", "usage": {"type": "duration", "seconds": 9}}, 9_000_000),
        ({"text": "t", "usage": {"type": "duration", "seconds": 8.47}}, 8_470_000),
        ({"text": "t", "duration": 2.95, "segments": []}, 2_950_000),
    ],
)
def test_a_transcript_by_the_second(body, seconds):
    facts = read(SOUND, form(("model", b"whisper-1"), ("file", b"0", "a")), body)

    assert dict(facts.measured.quantities) == {"seconds": seconds, "requests": 1}
    assert facts.measured.state == "reported"


@pytest.mark.parametrize("seconds", [-1, "9", None, 1e300, True, [9]])
def test_an_impossible_duration_is_drift_and_unknown(seconds):
    body = {"text": "t", "usage": {"type": "duration", "seconds": seconds}}
    facts = read(SOUND, form(("model", b"whisper-1"), ("file", b"0", "a")), body)

    assert "seconds" not in facts.measured.quantities
    assert "seconds is not a duration" in facts.measured.drift


def test_a_transcript_as_plain_text_is_unknown():
    facts = read(SOUND, form(("model", b"whisper-1"), ("file", b"0", "a")), b"Tally sticks.\n")

    assert (facts.measured.state, facts.measured.input_tokens) == ("absent", None)


def test_speech_is_counted_by_the_characters_asked_for():
    facts = read(SPEECH, {"model": "tts-1", "input": "T\u00e4lly \ud83c\udf33", "voice": "alloy"}, b"ID3\x00\x01")

    assert dict(facts.measured.quantities) == {"characters": 7, "requests": 1}
    assert facts.measured.state == "absent"


def test_speech_passes_as_it_comes():
    assert OPENAI.is_stream(SPEECH, "audio/mpeg")
    assert not OPENAI.is_stream(IMAGES, "application/json")
    request = OPENAI.read_request(SPEECH, b'{"model":"tts-1","input":"hi","voice":"v"}')
    reader = OPENAI.read_stream(SPEECH, request)

    assert [reader.feed(chunk) for chunk in (b"I", b"D3", b"\n\ndata:")] == [b"I", b"D3", b"\n\ndata:"]
    assert reader.facts().complete
    assert dict(reader.facts().measured.quantities) == {"characters": 2, "requests": 1}


def test_a_batch_that_has_used_something_says_so_and_counts_nothing():
    usage = {"input_tokens": 1200, "output_tokens": 300, "total_tokens": 1500}
    facts = read(BATCH, b"", {"id": "batch_1", "status": "completed", "usage": usage})

    assert (facts.measured.input_tokens, facts.measured.output_tokens) == (0, 0)
    assert facts.measured.drift == ("the batch used 1200 input and 300 output tokens, which are not counted here",)
    assert read(BATCH, b"", {"id": "batch_1", "status": "in_progress", "usage": None}).measured.drift == ()


@pytest.mark.parametrize("route", [IMAGES, EDITS, SPEECH, SOUND])
@pytest.mark.parametrize("status", [400, 429, 500])
def test_what_was_refused_cost_nothing(route, status):
    request = OPENAI.read_request(route, form(("model", b"m"), ("file", b"0", "a")))
    facts = OPENAI.read_response(route, request, status, b'{"error":{"code":"bad"}}')

    assert facts.error_type == "bad"
    assert (facts.measured.state, facts.measured.input_tokens, facts.measured.output_tokens) == ("reported", 0, 0)
