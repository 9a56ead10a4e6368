"""What a request to Bedrock says: Converse's one shape, and each vendor's own for InvokeModel."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import anthropic_request, ceiling, estimate
from tallystick.gateway.dialects.model import Change, RequestFacts, Route
from tallystick.gateway.dialects.openai_prompt import MESSAGE_BLOCKS, cut_block
from tallystick.gateway.dialects.openai_request import flat_metadata, model_name
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.gateway.dialects.rewrite import member_in, with_members
from tallystick.kernel.errors import DataError

_PLAIN_DOCUMENTS = ("txt", "md", "csv", "html")
# Where vendors put the cap on the output of an answer: a member, or a member within another.
_TITAN_CAP = ("textGenerationConfig", "maxTokenCount")
_NESTED_CAPS = (("inferenceConfig", "maxTokens"), ("inferenceConfig", "max_new_tokens"), _TITAN_CAP)
_FLAT_CAPS = (
    "max_tokens", "max_gen_len", "max_tokens_to_sample", "max_completion_tokens", "max_new_tokens", "maxTokens",
    "max_output_tokens", "maxTokenCount",
)  # fmt: skip
# Anthropic's is that of its completions; its messages have the usual one.
_OWN_CAPS = {"meta": "max_gen_len", "anthropic": "max_tokens_to_sample"}
# Of these no other name will do; the rest take one of several.
_STRICT = tuple(_OWN_CAPS.values())
_CHOICES = ("n", "num_generations", "numResults", "num_return_sequences")
_VENDOR = re.compile(
    r"(?:^|[./])(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|writer|stability|google|nvidia)\."
)
# Of these the prompt is no part of the request.
_KEPT_PROMPT = re.compile(r"arn:[^:]*:bedrock:[^:]*:[^:]*:prompt/")


class _Converse(msgspec.Struct):
    messages: Raw = Raw()
    system: Raw = Raw()
    toolConfig: Raw = Raw()  # noqa: N815 - the wire's names
    inferenceConfig: object = None  # noqa: N815
    additionalModelRequestFields: Raw = Raw()  # noqa: N815
    requestMetadata: object = None  # noqa: N815
    promptVariables: Raw = Raw()  # noqa: N815
    serviceTier: object = None  # noqa: N815
    performanceConfig: object = None  # noqa: N815


class _Message(msgspec.Struct):
    content: Raw = Raw()


class _Result(msgspec.Struct):
    content: Raw = Raw()


class _Block(msgspec.Struct):
    image: Raw = Raw()
    document: Raw = Raw()
    video: Raw = Raw()
    audio: Raw = Raw()
    toolResult: _Result | None = None  # noqa: N815
    guardContent: Raw = Raw()  # noqa: N815


class _Media(msgspec.Struct):
    format: object = None
    source: Raw = Raw()


_CONVERSE = msgspec.json.Decoder(_Converse)
_OBJECT = msgspec.json.Decoder(dict[str, object])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_RAWS = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_BLOCKS = msgspec.json.Decoder(list[_Block])
_MEDIA = msgspec.json.Decoder(_Media)
_SHORT = msgspec.json.Decoder(dict[str, Raw])


@dataclass(slots=True)
class _Seen:
    """Media found in a request: their bytes, our guess, the most they can be, and what nobody can know.

    Attributes:
        picture: The most tokens of one picture.
    """

    picture: int
    byte_count: int = 0
    tokens: int = 0
    ceiling: int = 0
    unbounded: str = ""


def vendor_of(model: str) -> str:
    """Whose model a Bedrock id names; empty where it is opaque.

    >>> vendor_of("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), vendor_of("arn:aws:bedrock:::imported-model/x")
    ('anthropic', '')
    """
    found = _VENDOR.search(model)
    return found[1] if found else ""


def read_converse(route: Route, body: bytes) -> RequestFacts:
    """Read the body of Converse or ConverseStream.

    Raises:
        DataError: Not a JSON object, or a model's name that nobody would give.
    """
    found = decode(_CONVERSE, body)
    if found is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    messages = decode(_RAWS, found.messages) or []
    seen = _Seen(picture=_picture(route.model))
    _read_all(seen, messages, found.system)
    extra = found.additionalModelRequestFields
    rest = (found.system, found.toolConfig, extra, found.promptVariables)
    passed_on = decode(_OBJECT, extra)
    read = sum(map(len, rest)) + sum(map(len, messages))
    kept = bool(_KEPT_PROMPT.match(route.model)) or bytes(found.promptVariables) not in (b"", b"null")
    return RequestFacts(
        model=model_name(route.model),
        body=body,
        stream=route.stream,
        max_tokens=_largest((members(found.inferenceConfig).get("maxTokens"), *_caps(passed_on or {}))),
        service_tier=_asked_tier(found),
        metadata=flat_metadata(found.requestMetadata),
        system_bytes=len(found.system),
        tools_bytes=len(found.toolConfig),
        text_bytes=read - seen.byte_count,
        media_tokens=seen.tokens,
        blocks=tuple(
            cut_block(bytes(block)) for block in (found.system, found.toolConfig, *messages[:MESSAGE_BLOCKS]) if block
        ),
        media_ceiling=min(seen.ceiling, ceiling.LONGEST_PROMPT),
        # Members we do not know may be text to the model.
        added_tokens=_added(found, body) + max(0, len(body) - read),
        searches=None if b'"systemTool"' in bytes(found.toolConfig) else 0,
        unbounded="the prompt is kept by the provider" if kept else seen.unbounded,
    )


def _added(found: _Converse, body: bytes) -> int:
    """The most tokens that the maker adds; documents to be cited are cut into sentences, each with a mark."""
    return ceiling.FRAME + (ceiling.TOOLS if found.toolConfig else 0) + (len(body) if b'"citations"' in body else 0)


def read_invoke(route: Route, body: bytes) -> RequestFacts:
    """Read the body of InvokeModel in its vendor's shape.

    Raises:
        DataError: As `read_converse`.
    """
    fields = decode(_OBJECT, body)
    if fields is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    if speaks_messages(route.model, fields):
        return _as_messages(route, body)
    if "messages" in fields and vendor_of(route.model) == "amazon":
        facts = read_converse(route, body)
    else:
        pictures = body.count(b'"image') * _picture(route.model)
        facts = RequestFacts(
            model=model_name(route.model),
            body=body,
            text_bytes=len(body),
            blocks=(cut_block(body),),
            media_ceiling=min(pictures, ceiling.LONGEST_PROMPT),
            added_tokens=ceiling.FRAME + ceiling.TOOLS,
        )
    return replace(
        facts,
        stream=route.stream,
        max_tokens=_largest(_caps(fields)),
        choices=_largest(fields.get(name) for name in _CHOICES) or 1,
    )


def speaks_messages(model: str, fields: Mapping[str, object]) -> bool:
    """Whether a body is Anthropic's: by the model, else by the version it must name."""
    return "messages" in fields and (vendor_of(model) == "anthropic" or "anthropic_version" in fields)


def _as_messages(route: Route, body: bytes) -> RequestFacts:
    # The model stands in the path, and asking for a stream is the path's affair too.
    named = with_members(body, {"model": route.model, "stream": None})
    return replace(anthropic_request.read_request(named), body=body, stream=route.stream)


def _picture(model: str) -> int:
    """The most tokens of a picture."""
    return ceiling.ANTHROPIC_IMAGE if vendor_of(model) == "anthropic" else ceiling.image(model)


def _asked_tier(found: _Converse) -> str:
    if members(found.performanceConfig).get("latency") == "optimized":
        return "latency_optimized"
    return text(members(found.serviceTier).get("type"), 64)


def _caps(fields: Mapping[str, object]) -> list[object]:
    nested = [members(fields.get(outer)).get(inner) for outer, inner in _NESTED_CAPS]
    return [*nested, *(fields.get(name) for name in _FLAT_CAPS)]


def _largest(values: Iterable[object]) -> int | None:
    """Of several caps the loosest is the one to reckon with."""
    return max((value for value in values if type(value) is int and value >= 0), default=None)


def _read_all(seen: _Seen, messages: list[Raw], system: Raw) -> None:
    for raw in messages:
        if b'"source"' in bytes(raw):
            message = decode(_MESSAGE, raw)
            if message is not None:
                _read_blocks(seen, message.content)
    if b'"source"' in bytes(system):
        _read_blocks(seen, system)


def _read_blocks(seen: _Seen, content: Raw, depth: int = 2) -> None:
    for block in _each_block(content):
        for kind in ("image", "document", "video", "audio"):
            if raw := getattr(block, kind):
                _read_media(seen, kind, raw)
        if block.guardContent:
            _read_blocks(seen, Raw(b"[" + bytes(block.guardContent) + b"]"), 0)
        if block.toolResult is not None and depth:
            _read_blocks(seen, block.toolResult.content, depth - 1)


def _each_block(content: Raw) -> list[_Block]:
    """The blocks of a content; one of a strange shape costs itself alone."""
    found = decode(_BLOCKS, content)
    if found is not None:
        return found
    one = msgspec.json.Decoder(_Block)
    return [block for block in (decode(one, raw) for raw in decode(_RAWS, content) or ()) if block is not None]


def _read_media(seen: _Seen, kind: str, raw: Raw) -> None:
    media = decode(_MEDIA, raw)
    source = (decode(_SHORT, media.source) if media is not None else None) or {}
    form = text(media.format, 16) if media is not None else ""
    if "s3Location" in source and kind != "image":
        seen.unbounded = "a file in S3 has no known size"
    data = len(source.get("bytes", b""))
    if kind == "document" and not data:
        # Its text stands in the body, and is counted there.
        return
    seen.byte_count += data
    if kind == "image":
        guess, most = estimate.IMAGE_TOKENS, seen.picture
    elif kind == "audio":
        guess, most = estimate.sound_tokens(data), ceiling.sound(data)
    elif kind == "document" and form in _PLAIN_DOCUMENTS:
        guess, most = estimate.tokens_of(data * 3 // 4), data
    elif kind == "document":
        guess, most = estimate.document_tokens(data), ceiling.document(data, seen.picture)
    else:
        guess, most = estimate.document_tokens(data), ceiling.LONGEST_PROMPT
    seen.tokens += guess
    seen.ceiling += most


def with_cap(route: Route, body: bytes, limit: int) -> bytes:
    """The body with the cap on its output put in or lowered, where its shape has it.

    Every other place that holds a cap is lowered too, or loses it, so that none is looser.
    """
    if route.format == "converse":
        return member_in(_without_extra_caps(body), "inferenceConfig", "maxTokens", limit)
    fields = decode(_OBJECT, body) or {}
    nested = [(outer, inner) for outer, inner in _NESTED_CAPS if inner in members(fields.get(outer))]
    flat = [name for name in _FLAT_CAPS if fields.get(name) is not None]
    outer, inner = _own_cap(route.model, fields)
    if not outer and inner not in flat and (not flat or inner in _STRICT or speaks_messages(route.model, fields)):
        flat.append(inner)
    if outer and outer not in dict(nested):
        nested.append((outer, inner))
    for outer, inner in nested:
        body = member_in(body, outer, inner, limit)
    return with_members(body, dict.fromkeys(flat, limit)) if flat else body


def _own_cap(model: str, fields: Mapping[str, object]) -> tuple[str, str]:
    """Where the body's shape has its cap: by whose model it is, and for an opaque name by what is there."""
    vendor = vendor_of(model)
    if speaks_messages(model, fields):
        return "", "max_tokens"
    if "textGenerationConfig" in fields or "inputText" in fields:
        return _TITAN_CAP
    if vendor == "amazon" or (not vendor and "inferenceConfig" in fields):
        return _NESTED_CAPS[0]
    return "", _OWN_CAPS.get(vendor, "max_tokens")


def _without_extra_caps(body: bytes) -> bytes:
    """Converse's body less caps among the fields it hands to the model as they are."""
    outer = decode(_MEMBERS, body) or {}
    extra = decode(_MEMBERS, outer.get("additionalModelRequestFields", Raw()))
    if not extra:
        return body
    kept = {name: value for name, value in extra.items() if name not in (*_FLAT_CAPS, "inferenceConfig")}
    if len(kept) == len(extra):
        return body
    return with_members(body, {"additionalModelRequestFields": kept or None})


def changed_body(route: Route, body: bytes, change: Change) -> bytes:
    """The body with the change made; the model stands in the path."""
    return body if change.max_tokens is None else with_cap(route, body, change.max_tokens)
