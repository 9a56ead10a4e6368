"""What a Cohere request says: chat, embeddings, reranking."""

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import ceiling, estimate
from tallystick.gateway.dialects.model import RequestFacts, Route
from tallystick.gateway.dialects.openai_prompt import MESSAGE_BLOCKS, cut_block
from tallystick.gateway.dialects.openai_request import model_name
from tallystick.gateway.dialects.reading import decode, size, text
from tallystick.kernel.errors import DataError

# At high detail a picture is at most twelve tiles and a thumbnail, 256 tokens each.
IMAGE_CEILING = 13 * 256
# A search ranks up to a hundred documents; one that is longer than this, the query in it, is several.
_DOCUMENTS_A_SEARCH = 100
_TOKENS_A_DOCUMENT = 500
_PICTURES = (b'"image_url"', b"\\u00")
_SYSTEM = ("system", "developer")


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    messages: Raw = Raw()
    documents: Raw = Raw()
    tools: Raw = Raw()
    max_tokens: object = None
    # Embeddings.
    texts: Raw = Raw()
    images: Raw = Raw()
    inputs: Raw = Raw()
    # Reranking.
    query: object = None


class _Message(msgspec.Struct):
    role: object = None
    content: Raw = Raw()


class _Part(msgspec.Struct):
    image_url: Raw = Raw()


_BODY = msgspec.json.Decoder(_Body)
_RAWS = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_PARTS = msgspec.json.Decoder(list[_Part])


def read_request(route: Route, body: bytes) -> RequestFacts:
    """Read the body of any metered route. It is forwarded as it is.

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
    if route.format == "rerank":
        return _ranking(found, body)
    messages = decode(_RAWS, found.messages or found.inputs) or []
    pictures, picture_bytes = _pictures(messages, decode(_RAWS, found.images) or [])
    system, first = _sides(messages)
    pieces = (*messages, found.texts, found.images, found.documents, found.tools)
    text_bytes = max(0, sum(map(len, pieces)) - picture_bytes)
    cap = found.max_tokens if route.format == "chat" else None
    return RequestFacts(
        model=model_name(found.model),
        body=body,
        stream=bool(found.stream) and route.format == "chat",
        max_tokens=cap if type(cap) is int and cap >= 0 else None,
        system_bytes=sum(map(len, system)),
        tools_bytes=len(found.tools),
        text_bytes=text_bytes,
        media_tokens=pictures * estimate.IMAGE_TOKENS,
        blocks=tuple(cut_block(one) for one in (b"".join(system), bytes(found.tools), *first) if one),
        media_ceiling=pictures * IMAGE_CEILING,
        added_tokens=ceiling.FRAME
        + (ceiling.TOOLS if found.tools or found.documents else 0)
        + max(0, len(body) - text_bytes - picture_bytes),
    )


def _sides(messages: list[Raw]) -> tuple[list[bytes], list[bytes]]:
    """The system's messages, and the first of the others."""
    system: list[bytes] = []
    first: list[bytes] = []
    for raw in messages:
        message = decode(_MESSAGE, raw)
        if message is not None and message.role in _SYSTEM:
            system.append(bytes(raw))
        elif len(first) < MESSAGE_BLOCKS:
            first.append(bytes(raw))
    return system, first


def _pictures(messages: list[Raw], images: list[Raw]) -> tuple[int, int]:
    """How many pictures there are, and their bytes."""
    count, byte_count = len(images), sum(map(len, images))
    for raw in messages:
        if not any(mark in bytes(raw) for mark in _PICTURES):
            continue
        message = decode(_MESSAGE, raw)
        for part in (decode(_PARTS, message.content) if message else None) or ():
            if part.image_url:
                count, byte_count = count + 1, byte_count + len(part.image_url)
    return count, byte_count


def _ranking(found: _Body, body: bytes) -> RequestFacts:
    """A ranking is billed by searches alone: no token of it is."""
    documents = decode(_RAWS, found.documents) or []
    room = _TOKENS_A_DOCUMENT - size(found.query)
    parts = sum(-(-len(one) // room) for one in documents) if room > 0 else 0
    searches = max(1, -(-parts // _DOCUMENTS_A_SEARCH)) if room > 0 else None
    return RequestFacts(model=model_name(text(found.model, 512)), body=body, searches=searches)


def likely_searches(request: RequestFacts) -> int:
    """The searches of a ranking that does not say them: by the number of its documents."""
    found = decode(_BODY, request.body)
    documents = decode(_RAWS, found.documents) or [] if found else []
    return max(1, -(-len(documents) // _DOCUMENTS_A_SEARCH))
