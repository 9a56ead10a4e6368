"""Images and transcripts that report tokens: plain, streamed, and broken off."""

from tests.golden.shapes.wire import event, expect, record

IMAGES_PATH = "/v1/images/generations"
SOUND_PATH = "/v1/audio/transcriptions"
DRAW = {"model": "aurum-chat", "prompt": "A tally stick."}
HEAR = {"model": "aurum-chat", "prompt": "Tally."}

DRAWN = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1056,
    "total_tokens": 1106,
}
DRAWN_IS = expect(
    {"uncached_input": 10, "uncached_input_image": 40, "plain_output_image": 1056},
    [
        ["uncached_input", 10, "2.50"],
        ["uncached_input_image", 40, "2.75"],
        ["plain_output_image", 1056, "30.00"],
    ],
    input_tokens=50,
    output_tokens=1056,
    model="",
)
SPLIT = {**DRAWN, "output_tokens_details": {"image_tokens": 1000, "text_tokens": 56}}
SPLIT_IS = expect(
    {"uncached_input": 10, "uncached_input_image": 40, "plain_output_image": 1000, "plain_output": 56},
    [
        ["uncached_input", 10, "2.50"],
        ["uncached_input_image", 40, "2.75"],
        ["plain_output_image", 1000, "30.00"],
        ["plain_output", 56, "10.00"],
    ],
    input_tokens=50,
    output_tokens=1056,
    model="",
)
HEARD = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
    "output_tokens": 45,
    "total_tokens": 59,
}
HEARD_IS = expect(
    {"uncached_input": 4, "uncached_input_audio": 10, "plain_output": 45},
    [["uncached_input", 4, "2.50"], ["uncached_input_audio", 10, "40.00"], ["plain_output", 45, "10.00"]],
    input_tokens=14,
    output_tokens=45,
    model="",
)


def records():
    pictures = {"created": 1790000000, "data": [{"b64_json": "AAAA"}]}
    yield record("images_plain", "openai", IMAGES_PATH, DRAW, DRAWN_IS, body={**pictures, "usage": DRAWN})
    yield record("images_split", "openai", IMAGES_PATH, DRAW, SPLIT_IS, body={**pictures, "usage": SPLIT})
    drawing = {**DRAW, "stream": True}
    partial = event({"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0})
    done = event({"type": "image_generation.completed", "b64_json": "AAAA", "usage": DRAWN})
    yield record("images_streamed", "openai", IMAGES_PATH, drawing, DRAWN_IS, stream=[partial, done])
    edited = event({"type": "image_edit.completed", "b64_json": "AAAA", "usage": DRAWN})
    yield record("image_edit_streamed", "openai", "/v1/images/edits", drawing, DRAWN_IS, stream=[partial, edited])
    strange = {**DRAWN, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40, "scent_tokens": 3}}
    yield record(
        "images_a_field_nobody_knows",
        "openai",
        IMAGES_PATH,
        DRAW,
        {**DRAWN_IS, "drift": ["unknown input_tokens_details.scent_tokens"]},
        body={**pictures, "usage": strange},
    )
    yield record("transcript_plain", "openai", SOUND_PATH, HEAR, HEARD_IS, body={"text": "Tally.", "usage": HEARD})
    delta = event({"type": "transcript.text.delta", "delta": "Tally."})
    end = event({"type": "transcript.text.done", "text": "Tally.", "usage": HEARD})
    hearing = {**HEAR, "stream": True}
    yield record("transcript_streamed", "openai", SOUND_PATH, hearing, HEARD_IS, stream=[delta, end])
    spoken = event(
        {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}
    )
    spoken_is = expect(
        {"uncached_input": 14, "plain_output": 101},
        [["uncached_input", 14, "2.50"], ["plain_output", 101, "10.00"]],
        input_tokens=14,
        output_tokens=101,
        model="",
    )
    speak = {"model": "aurum-chat", "input": "Tally.", "voice": "alloy", "stream_format": "sse"}
    sound = event({"type": "speech.audio.delta", "audio": "AAAA"})
    yield record("speech_streamed_in_events", "openai", "/v1/audio/speech", speak, spoken_is, stream=[sound, spoken])
