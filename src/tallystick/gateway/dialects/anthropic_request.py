"""What an Anthropic Messages request says."""

import re

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import ceiling
from tallystick.gateway.dialects.anthropic_prompt import Prompt
from tallystick.gateway.dialects.model import RequestFacts
from tallystick.gateway.dialects.openai_prompt import MESSAGE_BLOCKS, cut_block
from tallystick.gateway.dialects.openai_request import flat_metadata, model_name
from tallystick.gateway.dialects.reading import decode, items, members, text
from tallystick.kernel.errors import DataError


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    system: Raw = Raw()
    messages: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    output_config: Raw = Raw()
    output_format: Raw = Raw()
    max_tokens: object = None
    service_tier: object = None
    speed: object = None
    metadata: object = None
    container: object = None
    mcp_servers: object = None
    context_management: object = None
    compaction: object = None
    fallbacks: object = None
    thread: object = None


class _Tool(msgspec.Struct):
    type: object = None
    max_uses: object = None


_BODY = msgspec.json.Decoder(_Body)
_RAWS = msgspec.json.Decoder(list[Raw])
_TOOLS = msgspec.json.Decoder(list[_Tool])
_READ = ("system", "tools", "tool_choice", "output_config", "output_format")
# Tools that the caller runs and whose schema Anthropic holds.
_MAKERS = re.compile(r"(?:bash|text_editor|computer|memory)_\d{8}")
# Members that bring in what the request does not hold.
_STORED = {
    "container": "the container may hold files that the model reads",
    "mcp_servers": "the provider runs the tools of MCP servers itself",
    "compaction": "the provider may compact the conversation, in calls of its own",
    "fallbacks": "other models may answer, each in a call of its own",
    "thread": "the conversation is stored with the provider",
}


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
    prompt = Prompt()
    for raw in messages:
        prompt.read_message(raw)
    prompt.text_bytes += sum([len(getattr(found, name)) for name in _READ])
    _read_stored(prompt, found)
    searches, makers = _read_tools(prompt, found)
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
        text_bytes=prompt.text_bytes,
        media_tokens=prompt.media_tokens,
        blocks=tuple(
            cut_block(bytes(block)) for block in (found.system, found.tools, *messages[:MESSAGE_BLOCKS]) if block
        ),
        media_ceiling=prompt.media_ceiling,
        added_tokens=prompt.added_tokens + _added(found, makers) + max(0, len(body) - prompt.seen_bytes),
        searches=searches,
        unbounded=prompt.unbounded,
    )


def _added(found: _Body, makers: int) -> int:
    """The most tokens that Anthropic adds: instructions for tools and schemas, and schemas of its own tools."""
    shown = found.tools or found.output_config or found.output_format
    return ceiling.FRAME + (ceiling.TOOLS if shown else 0) + makers * ceiling.MAKERS_TOOL


def _read_stored(prompt: Prompt, found: _Body) -> None:
    """What the request refers to and does not hold."""
    for name, reason in _STORED.items():
        if getattr(found, name) not in (None, False, "", []):
            prompt.cannot_bound(reason)
    edits = items(members(found.context_management).get("edits"))
    if any("compact" in text(members(edit).get("type")) for edit in edits):
        prompt.cannot_bound(_STORED["compaction"])


def _read_tools(prompt: Prompt, found: _Body) -> tuple[int | None, int]:
    """Notes tools that Anthropic runs; the most web searches (None where nothing limits them), and
    how many tools have a schema of Anthropic's.
    """
    searches: int | None = 0
    makers = 0
    for tool in decode(_TOOLS, found.tools) or ():
        kind = text(tool.type, 64)
        if kind.startswith("web_search"):
            limit = tool.max_uses if type(tool.max_uses) is int and tool.max_uses >= 0 else None
            searches = None if limit is None or searches is None else searches + limit
            prompt.cannot_bound("a web search puts what it finds into the prompt")
        elif _MAKERS.fullmatch(kind):
            makers += 1
        elif kind not in ("", "custom"):
            prompt.cannot_bound(f"the provider runs the tool {kind} itself")
    return searches, makers
