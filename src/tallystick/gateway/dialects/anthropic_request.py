"""What an Anthropic Messages request says."""

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import estimate
from tallystick.gateway.dialects.model import RequestFacts
from tallystick.gateway.dialects.openai_request import MESSAGE_BLOCKS, cut_block, flat_metadata, model_name
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.kernel.errors import DataError


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    system: Raw = Raw()
    messages: Raw = Raw()
    tools: Raw = Raw()
    max_tokens: object = None
    service_tier: object = None
    speed: object = None
    metadata: object = None


class _Message(msgspec.Struct):
    content: Raw = Raw()


class _Part(msgspec.Struct):
    type: object = None
    source: Raw = Raw()
    content: Raw = Raw()


_BODY = msgspec.json.Decoder(_Body)
_RAWS = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_PARTS = msgspec.json.Decoder(list[_Part])


def read_request(body: bytes) -> RequestFacts:
    """Read the body of a Messages request. It is forwarded as it is.

    Raises:
        DataError: Not a JSON object, or `model` or `stream` is of the wrong type.
    """
    found = decode(_BODY, body)
    if found is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    if type(found.model) is not str or not found.model:
        raise DataError("`model` must be a non-empty string", where="model")
    if found.stream is not None and type(found.stream) is not bool:
        raise DataError(f"`stream` must be true or false, not {type(found.stream).__name__}", where="stream")
    messages = decode(_RAWS, found.messages) or []
    media_bytes, media_tokens = _media(messages)
    metadata = flat_metadata(found.metadata)
    return RequestFacts(
        model=model_name(found.model),
        body=body,
        stream=bool(found.stream),
        max_tokens=found.max_tokens if type(found.max_tokens) is int and found.max_tokens >= 0 else None,
        service_tier="fast" if found.speed == "fast" else text(found.service_tier, 64),
        user=text(members(found.metadata).get("user_id")),
        metadata={name: value for name, value in metadata.items() if name != "user_id"},
        system_bytes=len(found.system),
        tools_bytes=len(found.tools),
        text_bytes=len(found.system) + len(found.tools) + sum(map(len, messages)) - media_bytes,
        media_tokens=media_tokens,
        blocks=tuple(
            cut_block(bytes(block)) for block in (found.system, found.tools, *messages[:MESSAGE_BLOCKS]) if block
        ),
    )


def _media(messages: list[Raw]) -> tuple[int, int]:
    """Bytes of media in the messages, and the tokens guessed for them."""
    byte_count = tokens = 0
    for raw in messages:
        if b'"source"' in bytes(raw):
            message = decode(_MESSAGE, raw)
            found = _media_of(message.content) if message else (0, 0)
            byte_count, tokens = byte_count + found[0], tokens + found[1]
    return byte_count, tokens


def _media_of(content: Raw, depth: int = 2) -> tuple[int, int]:
    """As `_media`, of one content; tool results hold contents of their own."""
    byte_count = tokens = 0
    for part in decode(_PARTS, content) or ():
        if part.type == "image":
            byte_count, tokens = byte_count + len(part.source), tokens + estimate.IMAGE_TOKENS
        elif part.type == "document" and b'"base64"' in bytes(part.source):
            byte_count += len(part.source)
            tokens += estimate.document_tokens(len(part.source))
        elif part.type == "tool_result" and depth:
            found = _media_of(part.content, depth - 1)
            byte_count, tokens = byte_count + found[0], tokens + found[1]
    return byte_count, tokens
