"""OpenAI's organisation usage: pages of time buckets, each with results per group.

A row is a bucket's total for one group of project, user, key, model, batch and tier.
`input_text_tokens`, `…_audio_…` and `…_image_…` are the uncached ones; cached ones have
their own. Groups that the export did not ask for are null, and stay unknown here.
"""

from collections.abc import Callable, Iterator, Mapping

from tallystick.connectors.files.figures import MAX_TOKENS_PER_BUCKET, Unusable, split_input, text, whole
from tallystick.connectors.files.model import Parsed, Record, Rejected, Shape
from tallystick.connectors.files.times import instant_of
from tallystick.kernel.ids import content_hash

_PREFIX = "organization.usage."
_GROUPS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "size", "source", "context_level")


def is_openai_usage(record: Record) -> bool:
    """Whether a record is a page, a bucket or a result of the usage API."""
    return any(True for _ in _expand(record)) or _is_empty_page(record)


def openai_usage_shape(latest_us: int) -> Shape:
    """Usage buckets; a later export of the same bucket restates it."""
    return Shape(
        "openai-usage", "OpenAI usage export", lambda record: _parse(record, latest_us), expand=_expand, replaces=True
    )


def _is_empty_page(record: Record) -> bool:
    rows = record.get("data")
    return record.get("object") == "page" and isinstance(rows, list) and all(_is_bucket(row) for row in rows)


def _is_bucket(row: object) -> bool:
    return isinstance(row, Mapping) and row.get("object") == "bucket"


def _expand(record: Record) -> Iterator[Record]:
    """Results with their bucket's start and end."""
    rows = record.get("data") if record.get("object") == "page" else [record]
    for bucket in rows if isinstance(rows, list) else ():
        results = bucket.get("results") if _is_bucket(bucket) else ()
        for result in results if isinstance(results, list) else ():
            if isinstance(result, Mapping) and str(result.get("object")).startswith(_PREFIX):
                yield {**result, "start_time": bucket.get("start_time"), "end_time": bucket.get("end_time")}


def _parse(record: Record, latest_us: int) -> Parsed | Rejected:
    try:
        return _row(record, latest_us)
    except Unusable as problem:
        return Rejected(str(problem))


def _row(record: Record, latest_us: int) -> Parsed:
    kind = text(record.get("object")).removeprefix(_PREFIX).removesuffix(".result")
    reader = _READERS.get(kind)
    if reader is None:
        raise Unusable(f"{kind} is not metered: no unit of it is priced yet")
    started = instant_of(record.get("start_time"), "s", 0, latest_us)
    values: dict[str, object] = {"occurred_at": started, "provider": "openai"}
    quantities = reader(record, values)
    requests = whole(record.get("num_model_requests"), "num_model_requests", MAX_TOKENS_PER_BUCKET)
    if requests:
        quantities["requests"] = requests
    model = text(record.get("model"))
    tier = "batch" if record.get("batch") is True else text(record.get("service_tier"))
    key = [kind, str(started), text(record.get("end_time")), *(text(record.get(name)) for name in _GROUPS)]
    values |= {
        "source_key": content_hash(*(one.encode() for one in key)),
        "request_model": model,
        "service_tier": tier,
        "operation_name": "embeddings" if kind == "embeddings" else "chat" if kind == "completions" else kind,
        "project": text(record.get("project_id")),
        "user": text(record.get("user_id")),
    }
    if record.get("api_key_id"):
        values["tags"] = {"provider_api_key_id": text(record.get("api_key_id"))}
    # A bucket's sum says nothing of the size of its calls: they are priced in the smallest class.
    return Parsed(values, quantities, str(values["source_key"]), tier_tokens=1)


def _count(record: Record, name: str) -> int:
    return whole(record.get(name), name, MAX_TOKENS_PER_BUCKET) or 0


def _completions(record: Record, values: dict[str, object]) -> dict[str, int]:
    parts = {
        "cache_read_audio": _count(record, "input_cached_audio_tokens"),
        "cache_read_image": _count(record, "input_cached_image_tokens"),
        "uncached_input_audio": _count(record, "input_audio_tokens"),
        "uncached_input_image": _count(record, "input_image_tokens"),
        "cache_write_30m": _count(record, "input_cache_write_30m_tokens"),
        "cache_write_12h": _count(record, "input_cache_write_12h_tokens"),
    }
    cached, written = _count(record, "input_cached_tokens"), _count(record, "input_cache_write_tokens")
    parts["cache_read"] = _rest(cached, parts["cache_read_audio"] + parts["cache_read_image"], "input_cached_tokens")
    lasting = parts["cache_write_30m"] + parts["cache_write_12h"]
    parts["cache_write_unknown"] = _rest(written, lasting, "input_cache_write_tokens")
    out_parts = {
        "plain_output_audio": _count(record, "output_audio_tokens"),
        "plain_output_image": _count(record, "output_image_tokens"),
    }
    values["input_tokens"], uncached = split_input(_count(record, "input_tokens"), parts)
    values["output_tokens"], plain = split_input(_count(record, "output_tokens"), out_parts, what="output_tokens")
    found = {**parts, "uncached_input": uncached, **out_parts, "plain_output": plain}
    return {name: count for name, count in found.items() if count}


def _rest(total: int, inside: int, name: str) -> int:
    if inside > total:
        raise Unusable(f"{name} is {total}, but its parts are {inside}")
    return total - inside


def _embeddings(record: Record, values: dict[str, object]) -> dict[str, int]:
    values["input_tokens"] = total = _count(record, "input_tokens")
    return {"uncached_input": total} if total else {}


def _transcriptions(record: Record, values: dict[str, object]) -> dict[str, int]:
    del values
    return {"seconds": 1_000_000 * _count(record, "seconds")}


def _images(record: Record, values: dict[str, object]) -> dict[str, int]:
    del values
    return {"images": _count(record, "images")}


def _searches(record: Record, values: dict[str, object]) -> dict[str, int]:
    del values
    return {"searches": _count(record, "num_requests")}


_READERS: dict[str, Callable[[Record, dict[str, object]], dict[str, int]]] = {
    "completions": _completions,
    "embeddings": _embeddings,
    "audio_transcriptions": _transcriptions,
    "images": _images,
    "web_searches": _searches,
}
