"""What the hosts of OpenAI's format add to its usage reports, and the tree of all names that are known.

A member that is in no branch of the tree is drift, however deep it stands: what nobody
reads might be billed. Members that are known and not read here bill nothing by
themselves: amounts of money (they are the host's sum, ours is by the price book),
durations, and counts that another member already holds.
"""

from collections.abc import Mapping
from typing import Any

from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.reading import members

Tree = Mapping[str, Any]
_LEAF: Tree = {}
_MODALITIES = dict.fromkeys(("text_tokens", "audio_tokens", "image_tokens", "video_tokens"), _LEAF)
_INPUT: Tree = {
    **_MODALITIES,
    "cached_tokens": _LEAF,
    "cached_tokens_details": _MODALITIES,
    "cache_write_tokens": _LEAF,
    "cache_write_tokens_details": {"ttl_30m_tokens": _LEAF, "ttl_12h_tokens": _LEAF},
}
_OUTPUT: Tree = {
    **_MODALITIES,
    "reasoning_tokens": _LEAF,
    "accepted_prediction_tokens": _LEAF,
    "rejected_prediction_tokens": _LEAF,
}
# Perplexity tells the parts of its sum, OpenRouter what its own provider charged.
_COST = dict.fromkeys(
    (
        "input_tokens_cost",
        "output_tokens_cost",
        "citation_tokens_cost",
        "reasoning_tokens_cost",
        "search_queries_cost",
        "request_cost",
        "total_cost",
    ),
    _LEAF,
)
_COST_DETAILS = dict.fromkeys(
    (
        "upstream_inference_cost",
        "upstream_inference_prompt_cost",
        "upstream_inference_completions_cost",
        "upstream_inference_input_cost",
        "upstream_inference_output_cost",
    ),
    _LEAF,
)
_ADDED: Tree = {
    "cost": _COST,
    "cost_details": _COST_DETAILS,
    "is_byok": _LEAF,
    "server_tool_use": {"web_search_requests": _LEAF},
    "cost_in_usd_ticks": _LEAF,
    "num_sources_used": _LEAF,
    "queue_time": _LEAF,
    "prompt_time": _LEAF,
    "completion_time": _LEAF,
    "total_time": _LEAF,
    "prompt_cache_hit_tokens": _LEAF,
    "prompt_cache_miss_tokens": _LEAF,
    "num_cached_tokens": _LEAF,
    "cached_tokens": _LEAF,
    "prompt_audio_seconds": _LEAF,
    "citation_tokens": _LEAF,
    "num_search_queries": _LEAF,
    "reasoning_tokens": _LEAF,
    "search_context_size": _LEAF,
    "total_tokens": _LEAF,
}


def known(given: str, made: str) -> Tree:
    """The tree of a report whose sides have these names."""
    return {**_ADDED, given: _LEAF, made: _LEAF, f"{given}_details": _INPUT, f"{made}_details": _OUTPUT}


def read_added(figures: Figures, usage: Mapping[str, object]) -> None:
    """What hosts bill beside the tokens of the two sides.

    Perplexity counts what it read of its sources (`citation_tokens`) and, then, its
    reasoning outside both sides; elsewhere a count of reasoning is within the output.
    """
    report = figures.report
    tools = members(usage.get("server_tool_use"))
    counts = [
        report.count(usage, "num_search_queries"),
        report.count(usage, "num_sources_used"),
        report.count(tools, "web_search_requests"),
    ]
    if any(count is not None for count in counts):
        figures.quantities["searches"] = sum(count or 0 for count in counts)
    cited = report.count(usage, "citation_tokens")
    reasoned = report.count(usage, "reasoning_tokens")
    if cited is not None and figures.input_tokens is not None:
        figures.input_tokens += cited
        figures.quantities["uncached_input"] = figures.quantities.get("uncached_input", 0) + cited
    if reasoned is not None and figures.output_tokens is not None and not figures.quantities.get("reasoning_output"):
        _add_reasoning(figures, reasoned, outside=cited is not None)
    _read_seconds(figures, usage)


def _add_reasoning(figures: Figures, reasoned: int, *, outside: bool) -> None:
    if outside:
        figures.output_tokens = (figures.output_tokens or 0) + reasoned
    else:
        plain = figures.quantities.get("plain_output", 0)
        reasoned = figures.report.part("reasoning_tokens", reasoned, plain)
        figures.quantities["plain_output"] = plain - reasoned
    figures.quantities["reasoning_output"] = reasoned


def _read_seconds(figures: Figures, usage: Mapping[str, object]) -> None:
    """Mistral bills sound by its length, beside the text."""
    seconds = usage.get("prompt_audio_seconds")
    if isinstance(seconds, dict) or seconds is None:
        return
    figures.add("seconds", figures.report.microseconds("prompt_audio_seconds", seconds))
