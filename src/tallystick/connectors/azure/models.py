"""From the words that remain of a meter's name to a model's name. Pure.

Azure writes releases as month and day without a year; those that are known get it, others
stay as they are written: a name nobody knows stays unknown.
"""

import re
from collections.abc import Sequence

# Model and month-day → the release as its maker writes it.
_RELEASES: dict[tuple[str, str], str] = {
    ("gpt-4o", "0513"): "2024-05-13",
    ("gpt-4o", "0806"): "2024-08-06",
    ("gpt-4o", "1120"): "2024-11-20",
    ("gpt-4o-mini", "0718"): "2024-07-18",
    ("gpt-4o-audio-preview", "1217"): "2024-12-17",
    ("gpt-4o-audio-preview", "0603"): "2025-06-03",
    ("gpt-4o-mini-audio-preview", "1217"): "2024-12-17",
    ("gpt-4o-realtime-preview", "1217"): "2024-12-17",
    ("gpt-4o-realtime-preview", "0603"): "2025-06-03",
    ("gpt-4o-mini-realtime-preview", "1217"): "2024-12-17",
    ("o1", "1217"): "2024-12-17",
    ("o3", "0416"): "2025-04-16",
    ("o3-mini", "0131"): "2025-01-31",
    ("o4-mini", "0416"): "2025-04-16",
    ("o3-deep-research", "0626"): "2025-06-26",
    ("gpt-realtime", "0828"): "2025-08-28",
    ("gpt-audio", "0828"): "2025-08-28",
    ("gpt-realtime-mini", "1215"): "2025-12-15",
    ("gpt-audio-mini", "1215"): "2025-12-15",
    ("gpt-4o-mini-tts", "1215"): "2025-12-15",
    ("gpt-4o-mini-transcribe", "1215"): "2025-12-15",
}
_LONGER = {
    "mn": "mini", "tcrb": "transcribe", "trscb": "transcribe", "rt": "realtime", "rtime": "realtime",
    "prvw": "preview", "mnstrl": "ministral", "mm3.5": "mistral-medium-3.5", "aud": "audio", "img": "image",
    "35": "3.5", "d": "diarize", "oss": "oss",
}  # fmt: skip
# What a bill's subcategory or product says, where the name itself begins with a number or a bare letter.
_FAMILIES = (
    (re.compile(r"grok", re.IGNORECASE), "grok"),
    (re.compile(r"deepseek", re.IGNORECASE), "deepseek"),
    (re.compile(r"kimi", re.IGNORECASE), "kimi"),
    (re.compile(r"llama", re.IGNORECASE), "llama"),
    (re.compile(r"mistral", re.IGNORECASE), "mistral"),
    (re.compile(r"openai oss", re.IGNORECASE), "gpt-oss"),
    (re.compile(r"openai", re.IGNORECASE), "gpt"),
)
_BARE = re.compile(r"\d+(?:\.\d+)?o?|v\d[\d.]*|r\d|k\d[\d.]*|\d+b|large|small|medium|ocr|doc")
# A bare number that only one maker has ever sold under.
_OPENAI_ONLY = re.compile(r"4o|5(?:\.\d)?")
_SPEECH = frozenset({"realtime", "tts", "transcribe", "audio"})
_CONTEXT = frozenset({"4k", "8k", "128k"})
_DATE = re.compile(r"(?:0[1-9]|1[0-2])[0-3]\d")


def model_of(words: Sequence[str], family: str = "", *, audio: bool = False) -> str:
    """The model, or empty where no word is left.

    Args:
        words: In order and small letters, without those that say direction, tier, reach and unit.
        family: Of the bill's own columns; empty where it gives none.
        audio: The name speaks of audio: a part of the model's name where nothing else says what it does with it.
    """
    parts = [_LONGER.get(word, word) for word in words if word not in _CONTEXT and not re.fullmatch(r"turbo\d+k", word)]
    parts += ["turbo-16k"] if "turbo16k" in words else ["turbo"] if {"turbo4k", "turbo128k"} & set(words) else []
    if parts[:1] == ["fw"]:
        parts = parts[1:]
    dates = [word for word in parts if _DATE.fullmatch(word)]
    parts = _whose([word for word in parts if not _DATE.fullmatch(word)], family)
    if audio and parts[:1] == ["gpt"] and not _SPEECH & set(parts):
        parts.insert(2 if parts[1:2] in (["4o"], ["4o-mini"]) else 1, "audio")
    name = _spelled("-".join(parts))
    return "-".join([name, *(_RELEASES.get((name, date), date) for date in dates)]) if name else ""


def _whose(parts: list[str], family: str) -> list[str]:
    """The words with the maker's before them, where the name leaves it out."""
    if not parts:
        return parts
    grown = re.fullmatch(r"(grok|llama|deepseek)(\d[\d.]*)", parts[0])
    if grown:
        return [grown[1], grown[2], *parts[1:]]
    if parts[0] == "code" and _FAMILIES[0][0].search(family):
        return ["grok", *parts]
    if not _BARE.fullmatch(parts[0]):
        return ["gpt", *parts] if parts[0] == "image" and parts[1:2] != ["dall"] else parts
    whose = next((name for pattern, name in _FAMILIES if pattern.search(family)), "")
    if not whose and _OPENAI_ONLY.fullmatch(parts[0]):
        whose = "gpt"
    return [whose, *parts] if whose else parts


def _spelled(name: str) -> str:
    """As the maker writes it."""
    name = re.sub(r"^(?:image-)?dall-e-", "dall-e-", name)
    name = re.sub(r"^oss-", "gpt-oss-", name)
    name = "whisper" if name.startswith("speech-") and "whisper" in name else name
    name = "text-embedding-ada-002" if name == "embedding-ada" else name
    if name.startswith("gpt-4o"):
        mini = "-mini" if "-mini" in name else ""
        if "realtime" in name:
            return f"gpt-4o{mini}-realtime-preview"
        if "audio" in name:
            return f"gpt-4o{mini}-audio-preview"
    return name
