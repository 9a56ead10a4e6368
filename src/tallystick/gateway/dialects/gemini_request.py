"""What a Gemini request says. Google reads each member in camel case and in snake case, so both are read here."""

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from tallystick.gateway.dialects import ceiling
from tallystick.gateway.dialects.gemini_media import Media
from tallystick.gateway.dialects.model import RequestFacts, Route
from tallystick.gateway.dialects.openai_prompt import MESSAGE_BLOCKS, cut_block
from tallystick.gateway.dialects.openai_request import flat_metadata, model_name
from tallystick.gateway.dialects.reading import decode, text
from tallystick.kernel.errors import DataError

MOST_CHOICES = 1_000


class _Body(msgspec.Struct):
    contents: Raw = Raw()
    system: Raw = field(default=Raw(), name="systemInstruction")
    system_instruction: Raw = Raw()
    tools: Raw = Raw()
    config: Raw = field(default=Raw(), name="generationConfig")
    generation_config: Raw = Raw()
    cached: object = field(default=None, name="cachedContent")
    cached_content: object = None
    tier: object = field(default=None, name="serviceTier")
    service_tier: object = None
    labels: object = None
    # Embeddings.
    content: Raw = Raw()
    requests: Raw = Raw()


class _Config(msgspec.Struct):
    max_output: object = field(default=UNSET, name="maxOutputTokens")
    max_output_tokens: object = UNSET
    candidates: object = field(default=UNSET, name="candidateCount")
    candidate_count: object = UNSET


_BODY = msgspec.json.Decoder(_Body)
_CONFIG = msgspec.json.Decoder(_Config)
_RAWS = msgspec.json.Decoder(list[Raw])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_SEARCHES = frozenset(
    {
        "googleSearch",
        "googleSearchRetrieval",
        "enterpriseWebSearch",
        "googleMaps",
        "parallelAiSearch",
        "exaAiSearch",
    }
)
# Tools that the provider runs and whose findings become part of the prompt.
_FINDINGS = {
    "urlContext": "the pages a tool reads become part of the prompt",
    "codeExecution": "what executed code prints becomes part of the prompt",
    "fileSearch": "what a search of stored files finds becomes part of the prompt",
    "retrieval": "what a search of stored data finds becomes part of the prompt",
    "mcpServers": "the provider runs the tools of MCP servers itself",
}


def read_request(route: Route, body: bytes) -> RequestFacts:
    """Read the body of any metered route; the model stands in the path.

    Raises:
        DataError: Not a JSON object, or one member in both spellings.
    """
    found = decode(_BODY, body)
    if found is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    system = _one(found.system, found.system_instruction, "systemInstruction", "system_instruction")
    contents = _contents(found)
    media = Media()
    for raw in (*contents, system):
        media.read_content(raw)
    cap, choices = _limits(_one(found.config, found.generation_config, "generationConfig", "generation_config"))
    searches, findings = _tools(found.tools)
    stored = "the cached content is part of the prompt, and only the provider knows its length"
    cached = found.cached or found.cached_content
    text_bytes = max(0, len(system) + len(found.tools) + sum(map(len, contents)) - media.data_bytes)
    # Schemas stand in the configuration, and members nobody knows may be read by the model too.
    rest = max(0, len(body) - text_bytes - media.data_bytes)
    return RequestFacts(
        model=model_name(route.model),
        body=body,
        stream=route.stream,
        max_tokens=cap,
        service_tier=text(found.tier, 64) or text(found.service_tier, 64),
        metadata=flat_metadata(found.labels),
        system_bytes=len(system),
        tools_bytes=len(found.tools),
        text_bytes=text_bytes,
        media_tokens=media.tokens,
        blocks=tuple(cut_block(bytes(block)) for block in (system, found.tools, *contents[:MESSAGE_BLOCKS]) if block),
        media_ceiling=media.ceiling,
        added_tokens=ceiling.FRAME + (ceiling.TOOLS if found.tools else 0) + rest,
        choices=choices,
        searches=searches,
        unbounded=(stored if cached else "") or media.unbounded or findings,
    )


def _one(camel: Raw, snake: Raw, name: str, other: str) -> Raw:
    if camel and snake:
        raise DataError(f"`{name}` and `{other}` are one member in two spellings; send one", where=name)
    return camel or snake


def _contents(found: _Body) -> list[Raw]:
    """The contents of a request; embeddings have one, or one in each of their requests."""
    whole = found.contents or found.requests
    listed = decode(_RAWS, whole)
    if listed is None:
        # One content may stand alone, not in a list.
        return [raw for raw in (whole, found.content) if raw]
    if found.requests and not found.contents:
        inner = (decode(_BODY, raw) for raw in listed)
        return [one.content for one in inner if one is not None and one.content]
    return [*listed, *([found.content] if found.content else ())]


def _limits(raw: Raw) -> tuple[int | None, int]:
    """The cap of each answer and how many are asked for. Google takes numbers written as text, too."""
    config = decode(_CONFIG, raw) or _Config()
    caps = [_whole(value, "maxOutputTokens") for value in (config.max_output, config.max_output_tokens)]
    counts = [_whole(value, "candidateCount") for value in (config.candidates, config.candidate_count)]
    known = [cap for cap in caps if cap is not None]
    most = max((count for count in counts if count is not None), default=1)
    return (max(known) if known else None), min(max(most, 1), MOST_CHOICES)


def _whole(value: object | UnsetType, name: str) -> int | None:
    if value is UNSET or value is None:
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not 0 <= number < 2**31:
        raise DataError(f"`{name}` must be a whole number", where=name)
    return int(number)


def _tools(raw: Raw) -> tuple[int | None, str]:
    """The most searches (None: no bound), and why what tools find has no bound."""
    searches: int | None = 0
    reason = ""
    for tool in decode(_RAWS, raw) or ([raw] if raw else []):
        for name, value in (decode(_MEMBERS, tool) or {}).items():
            spelled = _camel(name)
            if bytes(value) == b"null":
                continue
            if spelled in _SEARCHES:
                searches = None
            reason = reason or _FINDINGS.get(spelled, "")
    return searches, reason


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
