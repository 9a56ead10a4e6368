"""What an OpenAI-shaped request says, and how usage is asked for on its behalf."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw

from tallystick.gateway.dialects import estimate
from tallystick.gateway.dialects.model import RequestFacts, Route
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.kernel.errors import DataError

# Fingerprints tell whether prompts repeat: their beginning is enough for that.
BLOCK_BYTES = 65_536
MESSAGE_BLOCKS = 2
LONGEST_MODEL = 256


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    stream_options: object = UNSET
    messages: Raw = Raw()
    prompt: Raw = Raw()
    input: Raw = Raw()
    instructions: Raw = Raw()
    tools: Raw = Raw()
    functions: Raw = Raw()
    max_tokens: object = None
    max_completion_tokens: object = None
    max_output_tokens: object = None
    service_tier: object = None
    user: object = None
    safety_identifier: object = None
    metadata: object = None
    background: object = None


class _Message(msgspec.Struct):
    role: object = None
    content: Raw = Raw()


class _Part(msgspec.Struct):
    type: object = None
    image_url: Raw = Raw()
    input_audio: Raw = Raw()
    file: Raw = Raw()
    file_data: Raw = Raw()
    detail: object = None


_BODY = msgspec.json.Decoder(_Body)
_RAWS = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_PARTS = msgspec.json.Decoder(list[_Part])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_MEDIA = (b'"image_url"', b'"input_audio"', b'"input_image"', b'"input_file"', b'"file"')
_SYSTEM = ("system", "developer")


def read_request(route: Route, body: bytes) -> RequestFacts:
    """Read a request body of any metered OpenAI route.

    Raises:
        DataError: Not a JSON object, or `model` or `stream` is of the wrong type.
    """
    found = decode(_BODY, body)
    if found is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    model = _model(found.model, required=route.format != "responses")
    stream = _stream(found.stream)
    prompt = _Prompt()
    prompt.read(found)
    asks = stream and route.format in ("chat", "completions") and not _asks_for_usage(found.stream_options)
    limit = found.max_completion_tokens if found.max_tokens is None else found.max_tokens
    return RequestFacts(
        model=model,
        body=_with_usage(body, found.stream_options) if asks else body,
        stream=stream,
        asked_usage=asks,
        max_tokens=_limit(found.max_output_tokens if limit is None else limit),
        service_tier=text(found.service_tier, 64),
        user=text(found.safety_identifier) or text(found.user),
        metadata=flat_metadata(found.metadata),
        system_bytes=prompt.system_bytes,
        tools_bytes=len(found.tools) + len(found.functions),
        text_bytes=prompt.text_bytes + len(found.tools) + len(found.functions),
        media_tokens=prompt.media_tokens,
        blocks=_blocks(prompt, found),
    )


def _model(value: object, *, required: bool) -> str:
    if value is None and not required:
        return ""
    if type(value) is not str or not value:
        raise DataError("`model` must be a non-empty string", where="model")
    return model_name(value)


def model_name(value: str) -> str:
    """A model's name; one that nobody would give is refused rather than cut.

    Raises:
        DataError: Longer than 256 characters.
    """
    if len(value) > LONGEST_MODEL:
        raise DataError(f"`model` has {len(value)} characters; at most {LONGEST_MODEL}", where="model")
    return text(value)


def _stream(value: object) -> bool:
    if value is None or type(value) is bool:
        return bool(value)
    raise DataError(f"`stream` must be true or false, not {type(value).__name__}", where="stream")


def _limit(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def flat_metadata(value: object) -> Mapping[str, str]:
    """The scalar members of a metadata object as text; lists of text (LiteLLM's tags) joined by commas.

    LiteLLM's own `spend_logs_metadata` inside it joins the rest.
    """
    found: dict[str, str] = {}
    fields = members(value)
    for name, member in {**fields, **members(fields.get("spend_logs_metadata"))}.items():
        if isinstance(member, list):
            words = [word for word in member if type(word) is str]
            if words:
                found[name] = ",".join(words)
        elif type(member) in (str, int, bool):
            found[name] = str(member)
    return found


def _asks_for_usage(options: object) -> bool:
    return members(options).get("include_usage") is True


def _with_usage(body: bytes, options: object) -> bytes:
    """The client's bytes with `stream_options.include_usage` set, all else as it came."""
    if options is UNSET:
        end = body.rindex(b"}")
        return body[:end].rstrip() + b',"stream_options":{"include_usage":true}' + body[end:]
    fields = decode(_MEMBERS, body) or {}
    wanted = {**members(options), "include_usage": True}
    fields["stream_options"] = Raw(msgspec.json.encode(wanted))
    return msgspec.json.encode(fields)


class _Prompt:
    """Sizes of a prompt: bytes of system text, of all text, and tokens guessed for media."""

    __slots__ = ("first", "media_tokens", "system", "system_bytes", "text_bytes")

    def __init__(self) -> None:
        self.system: list[bytes] = []
        self.first: list[bytes] = []
        self.system_bytes = self.text_bytes = self.media_tokens = 0

    def read(self, body: _Body) -> None:
        if body.instructions and bytes(body.instructions) != b"null":
            self._add_system(bytes(body.instructions))
            self.text_bytes += len(body.instructions)
        whole = body.messages or body.input or body.prompt
        # `input` and `prompt` may be a text, or a list of texts or tokens.
        messages = decode(_RAWS, whole)
        if messages is None:
            self.text_bytes += len(whole)
            self.first.append(bytes(whole))
            return
        for raw in messages:
            self._read_message(bytes(raw))

    def _read_message(self, raw: bytes) -> None:
        self.text_bytes += len(raw)
        message = decode(_MESSAGE, raw) if raw.startswith(b"{") else None
        if message is not None and message.role in _SYSTEM:
            self._add_system(raw)
        elif len(self.first) < MESSAGE_BLOCKS:
            self.first.append(raw)
        if message is not None and any(mark in raw for mark in _MEDIA):
            self._read_media(message)

    def _add_system(self, raw: bytes) -> None:
        self.system.append(raw)
        self.system_bytes += len(raw)

    def _read_media(self, message: _Message) -> None:
        for part in decode(_PARTS, message.content) or ():
            data = len(part.image_url) + len(part.input_audio) + len(part.file) + len(part.file_data)
            if part.image_url:
                low = part.detail == "low" or b'"low"' in bytes(part.image_url)[-64:]
                self.media_tokens += estimate.LOW_IMAGE_TOKENS if low else estimate.IMAGE_TOKENS
            elif part.input_audio:
                self.media_tokens += estimate.sound_tokens(data)
            elif data:
                self.media_tokens += estimate.document_tokens(data)
            self.text_bytes -= data


def _blocks(prompt: _Prompt, body: _Body) -> tuple[bytes, ...]:
    tools = bytes(body.tools) + bytes(body.functions)
    return tuple(cut_block(block) for block in (b"".join(prompt.system), tools, *prompt.first) if block)


def cut_block(block: bytes) -> bytes:
    """A block as it is fingerprinted: long ones by their beginning and their length."""
    return block if len(block) <= BLOCK_BYTES else block[:BLOCK_BYTES] + b"#%d" % len(block)
