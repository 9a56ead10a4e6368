"""Anthropic's usage reports into disjoint classes.

The wire counts exclusively: input, cache reads and cache writes stand side by side.
Compaction and advisor iterations are billed and not in the top-level counters, so
where iterations are listed, their sum is what was used.
"""

from collections.abc import Mapping
from typing import Any

from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.reading import Report, items, members, text

_COUNTERS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
_SPLIT = {"ephemeral_5m_input_tokens": "cache_write_5m", "ephemeral_1h_input_tokens": "cache_write_1h"}
_SERVER_TOOLS = {"web_search_requests": "searches", "web_fetch_requests": "fetches"}

_LEAF: Mapping[str, Any] = {}
_TOKENS: Mapping[str, Any] = {
    **dict.fromkeys(_COUNTERS, _LEAF),
    "cache_creation": dict.fromkeys(_SPLIT, _LEAF),
    "output_tokens_details": {"thinking_tokens": _LEAF},
}
# The tree of known names; what is in no branch of it is drift, however deep.
_KNOWN: Mapping[str, Any] = {
    **_TOKENS,
    "server_tool_use": dict.fromkeys(_SERVER_TOOLS, _LEAF),
    "service_tier": _LEAF,
    "inference_geo": _LEAF,
    "speed": _LEAF,
    "iterations": {**_TOKENS, "type": _LEAF, "model": _LEAF},
    "fallback_credit": {"status": {"type": _LEAF, "reason": _LEAF}},
}


def read_usage(usage: Mapping[str, object], model: str) -> Figures:
    """Figures of one usage object, streamed ones merged before.

    Iterations of another model than the response's are marked, for they have another price.
    """
    figures = Figures()
    report = figures.report
    report.strange(usage, _KNOWN)
    tokens = _sum_iterations(report, usage, model) or usage
    _read_input(figures, tokens)
    _read_output(figures, usage, report.count(tokens, "output_tokens"))
    tools = report.nested(usage, "server_tool_use", frozenset(_SERVER_TOOLS))
    for name, meter in _SERVER_TOOLS.items():
        figures.add(meter, report.count(tools, name))
    return figures


def _read_input(figures: Figures, usage: Mapping[str, object]) -> None:
    report = figures.report
    fresh = report.count(usage, "input_tokens")
    read = report.count(usage, "cache_read_input_tokens")
    written = _read_writes(figures, usage)
    figures.add("cache_read", read)
    if fresh is not None:
        figures.add("uncached_input", fresh)
        figures.input_tokens = fresh + (read or 0) + written


def _read_writes(figures: Figures, usage: Mapping[str, object]) -> int:
    """Cache writes by lifetime; what no lifetime is named for is unknown. Returns their total."""
    report = figures.report
    split = report.nested(usage, "cache_creation", frozenset(_SPLIT))
    parts = {meter: report.count(split, name) for name, meter in _SPLIT.items()}
    total = report.count(usage, "cache_creation_input_tokens")
    named = sum(part or 0 for part in parts.values())
    for meter, part in parts.items():
        figures.add(meter, part)
    if total is None:
        return named
    if named > total:
        # The parts are what is priced: believe them, and say that the total does not fit.
        report.note("cache_creation exceeds cache_creation_input_tokens")
        return named
    if total > named and any(part is not None for part in parts.values()):
        report.note("cache_creation does not add up")
    if total > named or not split:
        figures.add("cache_write_unknown", total - named)
    return total


def _read_output(figures: Figures, usage: Mapping[str, object], total: int | None) -> None:
    if total is None:
        return
    report = figures.report
    figures.output_tokens = total
    details = report.nested(usage, "output_tokens_details", frozenset({"thinking_tokens"}))
    thought = report.count(details, "thinking_tokens")
    part = report.part("thinking_tokens", thought, total)
    figures.add("reasoning_output", None if thought is None else part)
    figures.add("plain_output", total - part)


def _sum_iterations(report: Report, usage: Mapping[str, object], model: str) -> Mapping[str, object] | None:
    """The counters of all iterations as one report; None when there are none to sum."""
    turns = [members(turn) for turn in items(usage.get("iterations"))]
    if not turns:
        return None
    sums: dict[str, int] = {}
    split: dict[str, int] = {}
    for turn in turns:
        if text(turn.get("model")) not in ("", model):
            report.note(f"iterations.model {text(turn.get('model'), 64)}")
        _add(report, sums, turn, _COUNTERS)
        _add(report, split, members(turn.get("cache_creation")), tuple(_SPLIT))
    for name in ("input_tokens", "output_tokens"):
        top = report.count(usage, name)
        if top is not None and sums.get(name, 0) < top:
            report.note(f"iterations are less than {name}")
            return None
    return {**sums, "cache_creation": split} if split else sums


def _add(report: Report, sums: dict[str, int], fields: Mapping[str, object], names: tuple[str, ...]) -> None:
    for name in names:
        count = report.count(fields, name)
        if count is not None:
            sums[name] = sums.get(name, 0) + count
