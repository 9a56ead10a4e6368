"""What a request for images, speech or a transcript says: JSON, or a form with files."""

import msgspec

from tallystick.gateway.dialects import ceiling, estimate, multipart
from tallystick.gateway.dialects.model import RequestFacts, Route
from tallystick.gateway.dialects.openai_request import model_name
from tallystick.gateway.dialects.reading import decode, items, size, text
from tallystick.kernel.errors import DataError


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    stream_format: object = None
    prompt: object = None
    input: object = None
    instructions: object = None
    n: object = None
    user: object = None
    images: object = None
    service_tier: object = None


_BODY = msgspec.json.Decoder(_Body)


def read_request(route: Route, body: bytes) -> RequestFacts:
    """Read a request of the images or audio routes. It is forwarded as it is.

    The characters to be spoken are kept in `characters`, for speech is sold by them.

    Raises:
        DataError: Neither a JSON object nor a form, or a model of the wrong type.
    """
    if multipart.is_form(body):
        return _read_form(route, body)
    found = decode(_BODY, body)
    if found is None:
        raise DataError(
            "the request body is neither a JSON object nor a form", next_steps=("send it as the SDK would",)
        )
    if found.model is not None and type(found.model) is not str:
        raise DataError("`model` must be a string", where="model")
    words = [one for one in (found.prompt, found.input, found.instructions) if type(one) is str]
    pictures = len(items(found.images))
    return RequestFacts(
        model=model_name(found.model or ""),
        body=body,
        stream=found.stream is True or found.stream_format == "sse",
        user=text(found.user),
        service_tier=text(found.service_tier, 64),
        text_bytes=sum(map(size, words)),
        media_tokens=pictures * estimate.IMAGE_TOKENS,
        media_ceiling=pictures * ceiling.IMAGE,
        added_tokens=max(0, len(body) - sum(map(size, words))) if pictures == 0 else ceiling.FRAME,
        choices=found.n if type(found.n) is int and found.n > 0 else 1,
        characters=len(found.input) if route.format == "speech" and type(found.input) is str else 0,
    )


def _read_form(route: Route, body: bytes) -> RequestFacts:
    form = multipart.read_form(body)
    if form is None:
        raise DataError("the request body is no readable form", next_steps=("send it as the SDK would",))
    fields = form.fields
    words = sum(size(fields.get(name, "")) for name in ("prompt", "language", "keywords"))
    if route.format == "images":
        guess, most = len(form.files) * estimate.IMAGE_TOKENS, len(form.files) * ceiling.IMAGE
    else:
        # The rules are for base64, which is a third longer than the sound itself.
        sizes = [count * 4 // 3 + 4 for _, count in form.files]
        guess, most = sum(map(estimate.sound_tokens, sizes)), sum(map(ceiling.sound, sizes))
    count = fields.get("n", "")
    return RequestFacts(
        model=model_name(fields.get("model", "")),
        body=body,
        stream=fields.get("stream", "").lower() == "true",
        user=text(fields.get("user", "")),
        text_bytes=words,
        media_tokens=guess,
        media_ceiling=most,
        added_tokens=ceiling.FRAME,
        choices=int(count) if count.isascii() and count.isdigit() and int(count[:6]) > 0 else 1,
    )
