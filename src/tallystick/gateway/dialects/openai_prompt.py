"""The prompt of an OpenAI-shaped request: its sizes, its first blocks, and what of it has no size."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import ceiling, estimate
from tallystick.gateway.dialects.reading import decode, text

# Fingerprints tell whether prompts repeat: their beginning is enough for that.
BLOCK_BYTES = 65_536
MESSAGE_BLOCKS = 2
_SYSTEM = ("system", "developer")
# What a text begins with; a long one is not copied to be told from parts.
_QUOTE = ord('"')


class _Item(msgspec.Struct):
    """A message, or an item of a Responses input."""

    type: object = None
    role: object = None
    content: Raw = Raw()
    output: Raw = Raw()
    result: Raw = Raw()
    audio: object = None


class _Part(msgspec.Struct):
    type: object = None
    image_url: Raw = Raw()
    input_audio: Raw = Raw()
    file: Raw = Raw()
    file_data: Raw = Raw()
    file_id: object = None
    file_url: object = None
    detail: object = None


class _Media(msgspec.Struct):
    """What `image_url`, `input_audio` and `file` hold."""

    url: Raw = Raw()
    data: Raw = Raw()
    detail: object = None
    file_data: Raw = Raw()
    file_id: object = None


_RAWS = msgspec.json.Decoder(list[Raw])
_ITEM = msgspec.json.Decoder(_Item)
_PART = msgspec.json.Decoder(_Part)
_PARTS = msgspec.json.Decoder(list[_Part])
_MEDIA = msgspec.json.Decoder(_Media)
# Items whose bytes are all that the model reads of them.
_PLAIN_ITEMS = frozenset(
    {
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call",
        "computer_call_output",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
    }
)
_PLAIN_PARTS = frozenset(
    {"text", "input_text", "output_text", "refusal", "thinking", "summary_text", "reasoning_text", "reference"}
)
_IMAGE_PARTS = frozenset({"image_url", "input_image", "computer_screenshot"})


class Prompt:
    """What is gathered of a prompt while its messages are read.

    Attributes:
        text_bytes: Of all JSON of the prompt, less the data of media.
        data_bytes: The data of media.
        media_tokens, media_ceiling: What media are guessed to be, and can be at most.
        unbounded: Why its size cannot be known; the first reason found.
    """

    __slots__ = (
        "_model",
        "data_bytes",
        "first",
        "media_ceiling",
        "media_tokens",
        "system",
        "system_bytes",
        "text_bytes",
        "unbounded",
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self.system: list[bytes] = []
        self.first: list[bytes] = []
        self.system_bytes = self.text_bytes = self.data_bytes = 0
        self.media_tokens = self.media_ceiling = 0
        self.unbounded = ""

    def read_instructions(self, raw: bytes) -> None:
        """A system text that stands beside the messages."""
        if raw and raw != b"null":
            self._add_system(raw)
            self.text_bytes += len(raw)

    def read_messages(self, whole: Raw) -> int:
        """Messages, input or prompt, in whatever form they come; how many answers they ask for.

        `input` and `prompt` may be a text, a list of texts, a list of tokens, or a list of those.
        """
        messages = decode(_RAWS, whole)
        if messages is None:
            self.text_bytes += len(whole)
            self.first.append(bytes(whole))
            return 1
        answers = 0
        for one in messages:
            raw = bytes(one)
            self._read_item(raw)
            answers += raw.startswith((b'"', b"["))
        return answers or 1

    def cannot_bound(self, reason: str) -> None:
        """Remember why the size cannot be known."""
        self.unbounded = self.unbounded or reason

    def _read_item(self, raw: bytes) -> None:
        self.text_bytes += len(raw)
        item = decode(_ITEM, raw) if raw.startswith(b"{") else None
        if item is not None and item.role in _SYSTEM:
            self._add_system(raw)
        elif len(self.first) < MESSAGE_BLOCKS:
            self.first.append(raw)
        if item is None:
            return
        for content in (item.content, item.output):
            for part in _parts(content):
                self._read_part(part)
        if item.type is not None:
            self._read_kind(item)
        if item.audio is not None:
            self.cannot_bound("an earlier recording is referred to by its id")

    def _read_kind(self, item: _Item) -> None:
        if item.type not in _PLAIN_ITEMS:
            self.cannot_bound(f"nobody can tell the size of an input item of type {text(item.type, 64) or '?'}")
        elif item.type == "image_generation_call" and item.result:
            self._add(item.result, estimate.IMAGE_TOKENS, ceiling.image(self._model))

    def _add_system(self, raw: bytes) -> None:
        self.system.append(raw)
        self.system_bytes += len(raw)

    def _read_part(self, part: _Part) -> None:
        if part.type in _IMAGE_PARTS or part.image_url:
            self._read_image(part)
        if part.input_audio:
            data = _member(part.input_audio, "data")
            self._add(data, estimate.sound_tokens(len(data)), ceiling.sound(len(data)))
        if part.file or part.file_data or part.type in ("file", "input_file"):
            self._read_file(part)
        known = part.type in _PLAIN_PARTS or part.type in _IMAGE_PARTS or part.type in ("file", "input_file")
        if not known and part.type is not None and not part.input_audio:
            self.cannot_bound(f"nobody can tell the size of a part of type {text(part.type, 64) or '?'}")

    def _read_image(self, part: _Part) -> None:
        media = decode(_MEDIA, part.image_url) if starts(part.image_url, b"{") else None
        low = (media.detail if media else part.detail) == "low"
        guess = estimate.LOW_IMAGE_TOKENS if low else estimate.IMAGE_TOKENS
        self._add(media.url if media else part.image_url, guess, ceiling.image(self._model, low=low))

    def _read_file(self, part: _Part) -> None:
        media = decode(_MEDIA, part.file) or _Media()
        if part.file_id or part.file_url or media.file_id:
            self.cannot_bound("a file is referred to by its id or address")
        data = media.file_data or part.file_data
        page = ceiling.image(self._model)
        if data:
            self._add(data, estimate.document_tokens(len(data)), ceiling.document(len(data), page))

    def _add(self, data: Raw, guess: int, most: int) -> None:
        self.media_tokens += guess
        self.media_ceiling += most
        self.data_bytes += len(data)
        self.text_bytes -= len(data)


def _parts(content: Raw) -> Iterable[_Part]:
    """The parts of a message's content, or of a tool's output; texts have none."""
    if not content or memoryview(content)[0] == _QUOTE:
        return ()
    if starts(content, b"["):
        found = decode(_PARTS, content)
        return _one_by_one(content) if found is None else found
    if starts(content, b"{"):
        part = decode(_PART, content)
        return (part,) if part else ()
    return ()


def _one_by_one(content: Raw) -> Iterable[_Part]:
    """Where one part is no object, the others are still read."""
    return [part for raw in decode(_RAWS, content) or () if (part := decode(_PART, raw)) is not None]


def _member(raw: Raw, name: str) -> Raw:
    """The data in an object of a medium; all of it where it has another form."""
    media = decode(_MEDIA, raw)
    found: Raw | None = getattr(media, name) if media else None
    return found or raw


def starts(raw: Raw, *marks: bytes) -> bool:
    """Whether the JSON begins with one of these characters."""
    return bytes(raw).startswith(marks)


def cut_block(block: bytes) -> bytes:
    """A block as it is fingerprinted: long ones by their beginning and their length."""
    return block if len(block) <= BLOCK_BYTES else block[:BLOCK_BYTES] + b"#%d" % len(block)
