"""Why we read a body differently from the outside reader. A reason is given only where the figures prove it."""

from bench.oracle.compare import Verdict

_BESIDE = ("num_cached_tokens", "cached_tokens", "prompt_cache_hit_tokens")


def explain(verdict: Verdict) -> str:
    """The reason of a disagreement; empty when there is none, which is a bug of one of us."""
    return _beside_the_details(verdict) or _iterations(verdict)


def _beside_the_details(verdict: Verdict) -> str:
    """Mistral, Moonshot and DeepSeek report cache reads beside the details that OpenAI has."""
    if set(verdict.differences) != {"cache_read_tokens"}:
        return ""
    ours = verdict.differences["cache_read_tokens"][1]
    for name in _BESIDE:
        if verdict.usage.get(name) == ours:
            return (
                f"`{name}` of another provider of this dialect: we read it as cache reads, "
                "the outside reader's OpenAI extractor looks into prompt_tokens_details only"
            )
    return ""


def _iterations(verdict: Verdict) -> str:
    """Compaction and advisor iterations are billed and not in the top-level counters."""
    turns = verdict.usage.get("iterations") or []
    extra = {turn.get("type") for turn in turns} - {"message", "fallback_message"}
    if not extra:
        return ""
    sums = {
        "input_tokens": _sum(turns, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        "output_tokens": _sum(turns, "output_tokens"),
        "cache_read_tokens": _sum(turns, "cache_read_input_tokens"),
        "cache_write_tokens": _sum(turns, "cache_creation_input_tokens"),
        "cache_write_5m_tokens": sum(turn["cache_creation"]["ephemeral_5m_input_tokens"] for turn in turns),
        "cache_write_1h_tokens": sum(turn["cache_creation"]["ephemeral_1h_input_tokens"] for turn in turns),
    }
    if all(name in sums and sums[name] == ours for name, (_, ours) in verdict.differences.items()):
        kinds = " and ".join(sorted(str(kind) for kind in extra))
        return (
            f"{kinds} iterations are billed and not in the top-level counters: we sum all iterations, "
            "the outside reader takes the top level"
        )
    return ""


def _sum(turns: list[dict], *names: str) -> int:
    return sum(turn.get(name) or 0 for turn in turns for name in names)
