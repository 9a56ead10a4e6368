"""LiteLLM's spend logs: one row a request, from its table or its API.

`prompt_tokens` there holds cached tokens too; the split is in `metadata.usage_object`.
`cache_hit` speaks of LiteLLM's own cache and says nothing of the provider's. `spend` is
LiteLLM's estimate: it is kept as a tag and never summed. `request_id` was the provider's id of the answer in most
versions and is LiteLLM's own in later ones; where the answer is kept too, its id is the provider's.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from tallystick.connectors.files.figures import Unusable, member, split_input, text, whole
from tallystick.connectors.files.model import Parsed, Record, Rejected, Shape
from tallystick.connectors.files.times import instant_of
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension

_MARKS = frozenset({"request_id", "spend", "startTime", "prompt_tokens", "completion_tokens"})
# LiteLLM's names of providers -> OpenTelemetry's.
_PROVIDERS = {
    "azure": "azure.ai.openai", "azure_ai": "azure.ai.inference", "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock", "gemini": "gcp.gemini", "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai", "watsonx": "ibm.watsonx.ai", "xai": "x_ai",
}  # fmt: skip
_OPERATIONS = (("embedding", "embeddings"), ("responses", "chat"), ("completion", "chat"), ("anthropic", "chat"))


def is_litellm(record: Record) -> bool:
    """Whether a record is a spend log."""
    return record.keys() >= _MARKS


def litellm_shape(latest_us: int) -> Shape:
    """Spend logs, whose ids are the requests' own."""
    return Shape("litellm", "LiteLLM spend logs", lambda record: _parse(record, latest_us), expand=_expand)


def _expand(record: Record) -> Iterator[Record]:
    """The API wraps its rows in `data`."""
    rows = record.get("data")
    if isinstance(rows, list) and not is_litellm(record):
        yield from (row for row in rows if isinstance(row, Mapping))
    else:
        yield record


def _parse(record: Record, latest_us: int) -> Parsed | Rejected:
    try:
        return _row(record, latest_us)
    except Unusable as problem:
        return Rejected(str(problem))


def _row(record: Record, latest_us: int) -> Parsed:
    if not text(record.get("request_id")):
        raise Unusable("request_id is missing")
    started = instant_of(record.get("startTime"), "iso", 0, latest_us)
    metadata = _object(record.get("metadata"))
    model, provider = _model_of(record)
    failed = text(record.get("status")).lower() == "failure"
    values: dict[str, object] = {
        "occurred_at": started,
        "request_model": model,
        "provider": provider,
        "operation_name": _operation(text(record.get("call_type"))),
        "outcome": "error" if failed else "ok",
        "response_id": _response_id(record),
        **_owners(record, metadata),
    }
    values["tags"] = _tags(record, metadata, values)
    _add_times(values, record, started, latest_us)
    quantities = _quantities(record, metadata, values)
    if not model and any(quantities.values()):
        raise Unusable("model is missing")
    return Parsed(values, quantities, text(record.get("request_id")))


def _model_of(record: Record) -> tuple[str, str]:
    provider = text(record.get("custom_llm_provider")).lower()
    model = text(record.get("model"))
    prefix, slash, rest = model.partition("/")
    if slash and (not provider or prefix.lower() == provider):
        provider, model = provider or prefix.lower(), rest
    return model, _PROVIDERS.get(provider, provider)


def _response_id(record: Record) -> str:
    """The provider's id of the answer, by which another capture of the call is known."""
    found = text(_object(record.get("response")).get("id")) or text(record.get("request_id"))
    return _unwrapped(found) or found


def _unwrapped(found: str) -> str:
    """The id within one of LiteLLM's own for the Responses API; empty when it is none of those."""
    if not found.startswith("resp_"):
        return ""
    try:
        inner = base64.b64decode(found.removeprefix("resp_"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    parts = inner.split(";")
    named = next((part for part in parts if part.startswith("response_id:")), "")
    return named.removeprefix("response_id:") if inner.startswith("litellm:") else ""


def _operation(call_type: str) -> str:
    return next((name for part, name in _OPERATIONS if part in call_type), "")


def _owners(record: Record, metadata: Mapping[str, object]) -> dict[str, str]:
    found = {
        "team": text(metadata.get("user_api_key_team_alias")) or text(record.get("team_id")),
        "user": text(record.get("user")),
        "customer": text(record.get("end_user")),
        "organization": text(record.get("organization_id")),
        "conversation": text(record.get("session_id")),
        "agent": text(record.get("agent_id")),
    }
    return {name: value for name, value in found.items() if value}


def _tags(record: Record, metadata: Mapping[str, object], values: dict[str, object]) -> dict[str, str]:
    """Labels such as ``feature:chat`` become dimensions where they name one that is not known yet, else tags."""
    tags: dict[str, str] = {}
    for label in _list(record.get("request_tags")):
        name, colon, value = text(label).partition(":")
        dimension = canonical_dimension(name)
        if not colon:
            tags[f"label.{name}"] = "true"
        elif dimension in ATTRIBUTION and dimension not in values:
            values[dimension] = value.strip()
        else:
            tags[dimension] = value.strip()
    extra = {
        "reported_cost": record.get("spend"),
        "litellm_key": metadata.get("user_api_key_alias"),
        "model_group": record.get("model_group"),
    }
    return tags | {name: text(value) for name, value in extra.items() if value not in (None, "")}


def _add_times(values: dict[str, object], record: Record, started: int, latest_us: int) -> None:
    for column, name in (("endTime", "duration_us"), ("completionStartTime", "time_to_first_token_us")):
        if record.get(column):
            values[name] = max(0, instant_of(record[column], "iso", 0, latest_us) - started)


def _quantities(record: Record, metadata: Mapping[str, object], values: dict[str, object]) -> dict[str, int]:
    usage = member(metadata, "usage_object")
    prompt, completion = member(usage, "prompt_tokens_details"), member(usage, "completion_tokens_details")
    read = whole(usage.get("cache_read_input_tokens"), "cache_read_input_tokens")
    if read is None:
        read = whole(prompt.get("cached_tokens"), "cached_tokens")
    parts = _written(usage, prompt) | ({"cache_read": read} if read is not None else {})
    total = whole(record.get("prompt_tokens"), "prompt_tokens")
    if values["outcome"] == "error" and not total:
        values["usage_state"] = "absent"
        return {}
    values["input_tokens"], rest = split_input(total, parts, what="prompt_tokens")
    reasoning = whole(completion.get("reasoning_tokens"), "reasoning_tokens")
    out_parts = {"reasoning_output": reasoning} if reasoning else {}
    written = whole(record.get("completion_tokens"), "completion_tokens")
    values["output_tokens"], plain = split_input(written, out_parts, what="completion_tokens")
    return {**parts, "uncached_input": rest, **out_parts, "plain_output": plain}


def _written(usage: Mapping[str, object], prompt: Mapping[str, object]) -> dict[str, int]:
    """Cache writes by lifetime; what is not told apart stays of unknown lifetime."""
    split = member(prompt, "cache_creation_token_details") or member(usage, "cache_creation")
    found = {
        meter: whole(split.get(name), name) or 0
        for name, meter in (
            ("ephemeral_5m_input_tokens", "cache_write_5m"),
            ("ephemeral_1h_input_tokens", "cache_write_1h"),
        )
        if split.get(name)
    }
    total = whole(usage.get("cache_creation_input_tokens"), "cache_creation_input_tokens") or 0
    rest = total - sum(found.values())
    return found | ({"cache_write_unknown": rest} if rest > 0 else {})


def _object(value: object) -> Mapping[str, object]:
    """A JSON column: an object, or its text in a CSV."""
    decoded = _decoded(value)
    return decoded if isinstance(decoded, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    decoded = _decoded(value)
    return cast("list[object]", decoded) if isinstance(decoded, list) else ()


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        decoded: object = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return decoded
