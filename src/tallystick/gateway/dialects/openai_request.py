"""What an OpenAI-shaped request says, and how usage is asked for on its behalf."""

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter

import msgspec
from msgspec import UNSET, Raw

from tallystick.gateway.dialects import ceiling
from tallystick.gateway.dialects.model import RequestFacts, Route
from tallystick.gateway.dialects.openai_prompt import Prompt, cut_block
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.kernel.errors import DataError

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
    response_format: Raw = Raw()
    text: Raw = Raw()
    prediction: Raw = Raw()
    suffix: Raw = Raw()
    tool_choice: Raw = Raw()
    function_call: Raw = Raw()
    documents: Raw = Raw()
    n: object = None
    best_of: object = None
    max_tool_calls: object = None
    web_search_options: object = None
    search_parameters: object = None
    previous_response_id: object = None
    conversation: object = None
    continuation_id: object = None
    context_management: object = None
    plugins: object = None
    chat_template: object = None
    data_sources: object = None
    max_tokens: object = None
    max_completion_tokens: object = None
    max_output_tokens: object = None
    service_tier: object = None
    user: object = None
    safety_identifier: object = None
    metadata: object = None
    background: object = None


class _Tool(msgspec.Struct):
    type: object = None


_BODY = msgspec.json.Decoder(_Body)
_TOOLS = msgspec.json.Decoder(list[_Tool])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
# What else the model reads of a request, in whatever format.
_READ = (
    "tools",
    "functions",
    "response_format",
    "text",
    "prediction",
    "suffix",
    "tool_choice",
    "function_call",
    "documents",
)
# Tools whose schema is in the request, and that the caller runs.
_PLAIN_TOOLS = frozenset(
    {"function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview"}
)
# Members that bring in what the request does not hold.
_STORED = {
    "previous_response_id": "the response before is referred to by its id",
    "conversation": "the conversation is stored with the provider",
    "continuation_id": "the conversation is stored with the provider",
    "background": "a response in the background reports its usage only when it is read back",
    "context_management": "the provider may compact the conversation, in calls of its own",
    "plugins": "plugins put what they find into the prompt",
    "data_sources": "a search of the caller's own data puts what it finds into the prompt",
    "chat_template": "the request brings a template of its own",
}
_read_of, _stored_of = attrgetter(*_READ), attrgetter(*_STORED)
_SEARCHED = "a web search puts what it finds into the prompt"
_ALWAYS_SEARCHES = re.compile(r":online\Z|\Asonar|/sonar|-search-(?:preview|api)|deep-research|compound")


def read_request(route: Route, body: bytes, *, asks: bool = True) -> RequestFacts:
    """Read a request body of the routes of text; `asks` whether the provider may be asked for a stream's usage.

    Raises:
        DataError: Not a JSON object, or `model` or `stream` is of the wrong type.
    """
    found = decode(_BODY, body)
    if found is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    model = _model(found.model, required=route.format != "responses" and not route.model)
    stream = _stream(found.stream)
    prompt = Prompt(model)
    prompt.read_instructions(bytes(found.instructions))
    prompts = prompt.read_messages(found.messages or found.input or found.prompt)
    prompt.text_bytes += sum(map(len, _read_of(found)))
    _read_stored(prompt, route, found)
    searches = _read_searches(prompt, model, found)
    # Azure refuses the option beside data of the caller's own.
    asks = asks and found.data_sources is None and not _asks_for_usage(found.stream_options)
    asks = asks and stream and route.format in ("chat", "completions")
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
        text_bytes=prompt.text_bytes,
        media_tokens=prompt.media_tokens,
        blocks=_blocks(prompt, found),
        media_ceiling=prompt.media_ceiling,
        added_tokens=_added(prompt, found, len(body)),
        choices=prompts * _choices(route, found),
        searches=searches,
        unbounded=prompt.unbounded,
    )


def _added(prompt: Prompt, found: _Body, body_bytes: int) -> int:
    """The most tokens of what makers add, and of all else that the body holds.

    Hosts of this format take members we do not know, so their bytes count too.
    """
    rest = max(0, body_bytes - prompt.text_bytes - prompt.data_bytes)
    shown = found.tools or found.functions or found.response_format or found.text
    return rest + ceiling.FRAME + (ceiling.TOOLS if shown else 0)


def _choices(route: Route, found: _Body) -> int:
    """Answers to one prompt; those `best_of` makes are billed too."""
    if (found.n is None and found.best_of is None) or route.format not in ("chat", "completions"):
        return 1
    return max([1, *(count for count in (found.n, found.best_of) if type(count) is int)])


def _read_stored(prompt: Prompt, route: Route, found: _Body) -> None:
    """What the request refers to and does not hold."""
    stored = _stored_of(found)
    if stored.count(None) < len(stored):
        for value, reason in zip(stored, _STORED.values(), strict=True):
            if value not in (None, False, "", []):
                prompt.cannot_bound(reason)
    if route.format == "responses" and found.prompt and bytes(found.prompt) != b"null":
        prompt.cannot_bound("the prompt is a template stored with the provider")


def _read_searches(prompt: Prompt, model: str, found: _Body) -> int | None:
    """Notes hosted tools, and gives the most web searches: 0 where there are none, None where nothing limits them."""
    searches = False
    for tool in (decode(_TOOLS, found.tools) if found.tools else None) or ():
        kind = text(tool.type, 64)
        if kind.startswith("web_search"):
            searches = True
        elif kind and kind not in _PLAIN_TOOLS:
            prompt.cannot_bound(f"the provider runs the tool {kind} itself")
    asked = found.web_search_options is not None
    asked = asked or (found.search_parameters is not None and _mode(found.search_parameters) != "off")
    if searches or asked:
        prompt.cannot_bound(_SEARCHED)
    if not (searches or asked or found.plugins or _always_searches(model)):
        return 0
    return _limit(found.max_tool_calls) if searches and not asked else None


def _mode(parameters: object) -> object:
    return members(parameters).get("mode", "off")


@lru_cache(maxsize=1024)
def _always_searches(model: str) -> bool:
    return _ALWAYS_SEARCHES.search(model) is not None


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
    if not value:
        return found
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


def _blocks(prompt: Prompt, body: _Body) -> tuple[bytes, ...]:
    blocks = [b"".join(prompt.system), bytes(body.tools) + bytes(body.functions), *prompt.first]
    return tuple([cut_block(block) for block in blocks if block])
