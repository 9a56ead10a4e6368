"""Gemini's usage reports into disjoint classes.

The wire counts inclusively: the prompt holds what was cached. What tools put into the
prompt stands beside it. Output is the total less both: some say that candidates hold the
thoughts, some that they do not, and the subtraction is right either way.
"""

from collections.abc import Mapping

from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.reading import Report, text

_COUNTS = frozenset(
    {
        "promptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "toolUsePromptTokenCount",
        "totalTokenCount",
    }
)
# Embeddings spell theirs in the singular.
_PROMPT_DETAILS = ("promptTokensDetails", "promptTokenDetails")
_KNOWN = _COUNTS | {
    *_PROMPT_DETAILS,
    "cacheTokensDetails",
    "candidatesTokensDetails",
    "toolUsePromptTokensDetails",
    "trafficType",
    "serviceTier",
}
_DETAIL = frozenset({"modality", "tokenCount"})
# Pages of documents are seen as pictures.
_KINDS = {"TEXT": "", "MODALITY_UNSPECIFIED": "", "AUDIO": "audio", "IMAGE": "image", "DOCUMENT": "image"}
_KINDS["VIDEO"] = "video"
_TIERS = {
    "on_demand": "standard",
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
    "on_demand_offpeak": "offpeak",
    "provisioned_throughput": "provisioned",
    "unspecified": "",
    "traffic_type_unspecified": "",
}
Split = dict[str, int]


def read_usage(usage: Mapping[str, object]) -> Figures:
    """Figures of one `usageMetadata`."""
    figures = Figures()
    figures.report.unknown(usage, _KNOWN)
    _read_input(figures, usage)
    _read_output(figures, usage)
    for name in ("trafficType", "serviceTier"):
        if usage.get(name) and type(usage[name]) is not str:
            figures.report.note(f"{name} is not a word")
    return figures


def served_tier(usage: Mapping[str, object]) -> str:
    """The tier a report names, in one spelling for both of Google's APIs; empty when it names none."""
    word = (text(usage.get("serviceTier"), 64) or text(usage.get("trafficType"), 64)).lower()
    return _TIERS.get(word, word)


def _read_input(figures: Figures, usage: Mapping[str, object]) -> None:
    report = figures.report
    prompt = report.count(usage, "promptTokenCount")
    # Details are read even without their total: what is odd in them is to be seen.
    asked = _split(report, usage, next((name for name in _PROMPT_DETAILS if name in usage), _PROMPT_DETAILS[0]))
    held = _split(report, usage, "cacheTokensDetails")
    used = _split(report, usage, "toolUsePromptTokensDetails")
    cached = report.count(usage, "cachedContentTokenCount")
    tools = report.count(usage, "toolUsePromptTokenCount") or 0
    if prompt is None:
        return
    figures.input_tokens = prompt + tools
    room = report.part("cachedContentTokenCount", cached, prompt)
    given = _fit(report, "promptTokensDetails", asked, prompt)
    kept = _cached(figures, given, held, prompt, room)
    added = _fit(report, "toolUsePromptTokensDetails", used, tools)
    fresh = {kind: max(0, given.get(kind, 0) - kept.get(kind, 0)) + added.get(kind, 0) for kind in (*given, *added)}
    rest = prompt - room + tools
    for kind in ("audio", "image", "video"):
        if kind in fresh:
            part = min(fresh[kind], rest)
            figures.add(f"uncached_input_{kind}", part)
            rest -= part
    figures.add("uncached_input", rest)
    if cached is not None:
        # Video is cached at the price of text: there is no class of its own for it.
        heard, seen = kept.get("audio", 0), kept.get("image", 0)
        figures.count("cache_read_audio", heard)
        figures.count("cache_read_image", seen)
        figures.add("cache_read", room - heard - seen)


def _cached(figures: Figures, given: Split, held: Split, prompt: int, cached: int) -> Split:
    """What of each kind the cache held.

    Without a split the cache is taken to hold text first, since it is a prefix that
    begins with instructions; with sound in the prompt that is a guess about money
    and marked as one.
    """
    if held or not cached or not any(given.values()):
        return _fit(figures.report, "cacheTokensDetails", held, cached)
    media = {kind: count for kind, count in given.items() if kind}
    rest = max(0, cached - (prompt - sum(media.values())))
    if media.get("audio") and cached < prompt:
        figures.estimated.append("cache_read")
    found: Split = {}
    for kind, count in media.items():
        found[kind] = min(rest, count)
        rest -= found[kind]
    return found


def _read_output(figures: Figures, usage: Mapping[str, object]) -> None:
    report = figures.report
    made = _split(report, usage, "candidatesTokensDetails")
    thought = report.count(usage, "thoughtsTokenCount")
    total = _output(report, usage, thought)
    if total is None:
        return
    figures.output_tokens = total
    part = report.part("thoughtsTokenCount", thought, total)
    figures.add("reasoning_output", None if thought is None else part)
    rest = total - part
    kinds = _fit(report, "candidatesTokensDetails", made, rest)
    if kinds.get("video"):
        report.note("candidatesTokensDetails VIDEO has no price of its own")
    for kind in ("audio", "image"):
        if kind in kinds:
            figures.add(f"plain_output_{kind}", kinds[kind])
            rest -= kinds[kind]
    figures.add("plain_output", rest)


def _output(report: Report, usage: Mapping[str, object], thought: int | None) -> int | None:
    candidates = report.count(usage, "candidatesTokenCount")
    total, prompt = report.count(usage, "totalTokenCount"), report.count(usage, "promptTokenCount")
    tools = report.count(usage, "toolUsePromptTokenCount") or 0
    said = None if candidates is None and thought is None else (candidates or 0) + (thought or 0)
    if total is None or prompt is None:
        return said
    left = total - prompt - tools
    if left < (candidates or 0):
        # Less than the candidates alone: the total is wrong, and the parts are believed.
        report.note("totalTokenCount does not add up")
        return max(left, 0) if said is None else said
    if said is not None and left not in (said, candidates):
        report.note("totalTokenCount does not add up")
    return left


def _split(report: Report, usage: Mapping[str, object], name: str) -> Split:
    """Tokens by kind ("" is text) of a list of modalities."""
    listed = usage.get(name)
    if listed is None:
        return {}
    if not isinstance(listed, list):
        report.note(f"{name} is not a list")
        return {}
    found: Split = {}
    for entry in listed:
        if not isinstance(entry, dict):
            report.note(f"{name} holds what is not an object")
            continue
        report.unknown(entry, _DETAIL, f"{name}.")
        word = text(entry.get("modality"), 64)
        if word not in _KINDS and entry.get("modality") is not None:
            report.note(f"unknown {name} {word or 'modality'}")
        kind = _KINDS.get(word, "")
        count = report.count(entry, "tokenCount")
        if count is not None:
            found[kind] = found.get(kind, 0) + count
    return found


def _fit(report: Report, name: str, split: Split, room: int) -> Split:
    """The split cut to its total; what is beyond it is drift. Less than the total is text nobody listed."""
    found: Split = {}
    for kind, count in split.items():
        found[kind] = report.part(name, count, room)
        room -= found[kind]
    return found
