"""Stripped invocation records as lines of usage: sums by hour, caller, model and what the caller wrote along."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.bedrock import of_resource
from tallystick.connectors.aws.cells import BadCell, at
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.connectors.aws.tags import dimensions_of
from tallystick.kernel.period import HOUR_US, moment
from tallystick.ports import Page

_LONG_TOKENS = 200_000
_MOST_TOKENS = 1_000_000_000
_MEMBERS = ("input", "output", "identity", "requestMetadata", "cache_creation")
_APPLICATION = ":application-inference-profile/"


@dataclass(slots=True)
class _Sum:
    line_no: int
    record: Mapping[str, Any]
    counts: dict[str, int] = field(default_factory=dict)


def parse_logs(page: Page, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The lines of a page; pure. A request that the page has twice counts once."""
    sums: dict[tuple[Any, ...], _Sum] = {}
    seen: set[str] = set()
    for number, line in enumerate(page.body.splitlines(), start=1):
        record = _record(line)
        problem = _problem(record, seen)
        if problem:
            yield Rejected(number, problem, line.decode(errors="replace")[:500])
            continue
        try:
            counts = _counts(record)
            key = _key(record, counts)
        except BadCell as problem_found:
            yield Rejected(number, str(problem_found), line.decode(errors="replace")[:500])
            continue
        total = sums.setdefault(key, _Sum(number, record))
        for meter, count in counts.items():
            total.counts[meter] = total.counts.get(meter, 0) + count
    day = f"{moment(page.window.start_us):%Y-%m-%d}"
    for key, one in sums.items():
        yield from _lines(key, one, day, page, reading)


def _record(line: bytes) -> Mapping[str, Any]:
    """A record as it was kept: texts and members of the shape that `strip` gives them, or none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {"unreadable": len(line)}
    texts = [one for name, one in found.items() if name not in {*_MEMBERS, "unreadable"}]
    members = [found[name] for name in _MEMBERS if name in found]
    if not all(isinstance(one, dict) for one in members):
        return {"unreadable": len(line)}
    texts += [one for name in ("identity", "requestMetadata") for one in found.get(name, {}).values()]
    return found if all(isinstance(one, str) for one in texts) else {"unreadable": len(line)}


def _problem(record: Mapping[str, Any], seen: set[str]) -> str:
    if "unreadable" in record:
        return f"a line of {record['unreadable']} bytes is no record"
    request = record.get("requestId", "")
    if request and request in seen:
        return f"request {request} is here twice"
    seen.add(request)
    missing = [name for name in ("timestamp", "modelId", "accountId") if not record.get(name)]
    return f"{' and '.join(missing)} missing: has the record changed?" if missing else ""


def _counts(record: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by meter; `inputTokenCount` leaves out what came from the cache or went into it.

    Raises:
        BadCell: A count that is none, or a call that was answered and has none at all.
    """
    given, made = record.get("input", {}), record.get("output", {})
    counts = {
        "uncached_input": _whole(given.get("inputTokenCount")),
        "cache_read": _whole(given.get("cacheReadInputTokenCount")),
        "plain_output": _whole(made.get("outputTokenCount")),
    }
    written = _whole(given.get("cacheWriteInputTokenCount"))
    split = record.get("cache_creation", {})
    short, hour = (_whole(split.get(f"ephemeral_{name}_input_tokens")) for name in ("5m", "1h"))
    if short is not None or hour is not None:
        rest = max(0, (written or 0) - (short or 0) - (hour or 0))
        counts |= {"cache_write_5m": short, "cache_write_1h": hour, "cache_write_unknown": rest or None}
    else:
        counts["cache_write_unknown"] = written
    found = {meter: count for meter, count in counts.items() if count}
    if not record.get("errorCode") and all(count is None for count in counts.values()):
        raise BadCell("it has no count of tokens: has the record changed?")
    return found | {"requests": 1}


def _whole(value: object) -> int | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value < _MOST_TOKENS
        or value != int(value)
    ):
        raise BadCell(f"{value!r} is no count of tokens")
    return int(value)


def _key(record: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[Any, ...]:
    started = at(record["timestamp"])
    assert started is not None  # it is there, see `_problem`
    inside = sum(count for meter, count in counts.items() if meter not in {"plain_output", "requests"})
    texts = (
        "accountId", "region", "inferenceRegion", "operation", "modelId", "errorCode", "serviceTier",
    )  # fmt: skip
    return (
        started - started % HOUR_US,
        inside > _LONG_TOKENS,
        record.get("identity", {}).get("arn", ""),
        tuple(sorted(record.get("requestMetadata", {}).items())),
        *(record.get(name, "") for name in texts),
    )


def _lines(key: tuple[Any, ...], one: _Sum, day: str, page: Page, reading: Reading) -> Iterator[BillLine]:
    start, long, principal, metadata = key[:4]
    record, tags = one.record, dict(metadata)
    model = record["modelId"]
    own = reading.profiles.get(model) or reading.profiles.get(model.rpartition("/")[2], "")
    application = _APPLICATION in model
    names = {"inferenceRegion": "inference_region", "operation": "operation", "errorCode": "error_code"}
    raw = own or (of_resource(model) if ":" in model and "/" in model else model)
    for meter, count in one.counts.items():
        yield BillLine(
            "usage", page.stream, day, one.line_no, start, start + HOUR_US, "USD",
            provider="aws.bedrock", provider_account=page.account, service_name="Amazon Bedrock",
            service_provider_name="AWS", host_provider_name="AWS", sub_account_id=record["accountId"],
            principal=principal, region=record.get("region", ""), resource_id=model if application else "",
            raw_model=raw, meter=meter, quantity=count, service_tier=_tier(record),
            context="long" if long and "anthropic" in raw else "",
            dimensions=dimensions_of(tags, reading.tags), tags=tags,
            extra={label: record[name] for name, label in names.items() if record.get(name)},
        )  # fmt: skip


def _tier(record: Mapping[str, Any]) -> str:
    said = str(record.get("serviceTier", "")).lower()
    return "" if said in {"default", "standard"} else said
