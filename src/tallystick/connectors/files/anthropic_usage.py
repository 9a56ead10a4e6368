"""Anthropic's usage report of messages: pages of time buckets, each with results per group.

Its token classes are disjoint. A `workspace_id` of null is the default workspace or a
report that was not grouped by it; either way it is unknown here.
"""

from collections.abc import Iterator, Mapping

from tallystick.connectors.files.figures import MAX_TOKENS_PER_BUCKET, Unusable, member, text, whole
from tallystick.connectors.files.model import Parsed, Record, Rejected, Shape
from tallystick.connectors.files.times import instant_of
from tallystick.kernel.ids import content_hash
from tallystick.usage.meters import INPUT_METERS

_GROUPS = (
    "api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo", "account_id",
    "service_account_id", "speed",
)  # fmt: skip
_LARGE_WINDOW_TOKENS = 200_001
_ANYWHERE = frozenset({"", "global", "not_available"})


def is_anthropic_usage(record: Record) -> bool:
    """Whether a record is a page or a bucket of the usage report."""
    buckets = _buckets(record)
    return bool(buckets) and all(_looks_right(bucket) for bucket in buckets)


def anthropic_usage_shape(latest_us: int) -> Shape:
    """Usage buckets; a later export of the same bucket restates it."""
    return Shape(
        "anthropic-usage",
        "Anthropic usage report",
        lambda record: _parse(record, latest_us),
        expand=_expand,
        replaces=True,
    )


def _buckets(record: Record) -> list[object]:
    rows = record.get("data")
    return rows if isinstance(rows, list) else [record]


def _looks_right(bucket: object) -> bool:
    if not isinstance(bucket, Mapping) or not bucket.keys() >= {"starting_at", "ending_at", "results"}:
        return False
    results = bucket["results"]
    return isinstance(results, list) and all(
        isinstance(one, Mapping) and "uncached_input_tokens" in one for one in results
    )


def _expand(record: Record) -> Iterator[Record]:
    for bucket in _buckets(record):
        results = bucket.get("results") if isinstance(bucket, Mapping) else ()
        for result in results if isinstance(results, list) else ():
            assert isinstance(bucket, Mapping)
            yield {**result, "starting_at": bucket.get("starting_at"), "ending_at": bucket.get("ending_at")}


def _parse(record: Record, latest_us: int) -> Parsed | Rejected:
    try:
        return _row(record, latest_us)
    except Unusable as problem:
        return Rejected(str(problem))


def _row(record: Record, latest_us: int) -> Parsed:
    started = instant_of(record.get("starting_at"), "iso", 0, latest_us)
    quantities = _quantities(record)
    key = [str(started), text(record.get("ending_at")), *(text(record.get(name)) for name in _GROUPS)]
    geo = text(record.get("inference_geo"))
    tags = {name: text(record.get(name)) for name in ("api_key_id", "context_window", "speed", "service_account_id")}
    values: dict[str, object] = {
        "occurred_at": started,
        "source_key": content_hash(*(one.encode() for one in key)),
        "provider": "anthropic",
        "operation_name": "chat",
        "request_model": text(record.get("model")),
        "service_tier": text(record.get("service_tier")),
        "region": "" if geo in _ANYWHERE else geo,
        "project": text(record.get("workspace_id")),
        "user": text(record.get("account_id")),
        "tags": {f"provider_{name}": value for name, value in tags.items() if value},
        "input_tokens": sum(quantities.get(name, 0) for name in INPUT_METERS),
        "output_tokens": quantities.get("plain_output", 0),
    }
    large = text(record.get("context_window")).startswith("200k")
    return Parsed(values, quantities, str(values["source_key"]), tier_tokens=_LARGE_WINDOW_TOKENS if large else 1)


def _quantities(record: Record) -> dict[str, int]:
    writes = member(record, "cache_creation")
    sources = {
        "uncached_input": record.get("uncached_input_tokens"),
        "cache_read": record.get("cache_read_input_tokens"),
        "cache_write_5m": writes.get("ephemeral_5m_input_tokens"),
        "cache_write_1h": writes.get("ephemeral_1h_input_tokens"),
        "plain_output": record.get("output_tokens"),
        "searches": member(record, "server_tool_use").get("web_search_requests"),
    }
    found = {name: whole(value, name, MAX_TOKENS_PER_BUCKET) for name, value in sources.items()}
    return {name: count for name, count in found.items() if count}
