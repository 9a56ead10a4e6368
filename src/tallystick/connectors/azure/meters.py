"""What the name of an Azure meter means: model, meter of ours, tier, context, reach. Pure.

Names were written over years by many hands (`gpt-4o-0806-Outp-glbl Tokens`, `5.6 sol ShortCo
Cd Wr Std DZ 1M Tokens`, `gpt4omini-rt-aud1217 Inp regnl Tokens`). Words that are known are
taken out by their meaning; what remains, in order, is the model. A name that says no
direction counts as no meter, and keeps its money.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from tallystick.connectors.azure.models import model_of

_WORDS: dict[str, tuple[str, str]] = {
    word: (part, meaning)
    for part, meaning, words in (
        ("side", "input", "inp inpt input in prompt"),
        ("side", "output", "outp outpt opt output out completion"),
        ("cache", "read", "cached cchd ccchd cd ch cache"),
        ("cache", "write", "wr write"),
        ("reach", "global", "gl glbl glb global"),
        ("reach", "data zone", "dz dzn dzone datazone"),
        ("reach", "regional", "rgnl regnl regional rg rgn"),
        ("tier", "batch", "batch"),
        ("tier", "priority", "pp priority"),
        ("tier", "flex", "flex"),
        ("tier", "", "std standard"),
        ("context", "", "shortco"),
        ("context", "long", "longco l"),
        ("kind", "text", "txt text"),
        ("kind", "audio", "aud audio"),
        ("kind", "image", "img image"),
        ("thing", "tokens", "tokens token tkn tok"),
        ("thing", "images", "images"),
        ("thing", "seconds", "second seconds video"),
        ("thing", "characters", "characters"),
        ("thing", "searches", "search searches"),
        ("thing", "other", "unit units session sessions gb pages hosting hstng deployment"),
        ("tuned", "inference", "ft fine tuned"),
        ("tuned", "aside", "training trng rft grader grdr mdl"),
        ("drop", "", "1m 1k ep az base dev"),
    )
    for word in words.split()
}  # fmt: skip
_PROVISIONED = re.compile(r"\bprovisioned\b", re.IGNORECASE)
# Meters of these are billed by time though their name only says Unit.
_BY_TIME = re.compile(r"whisper|realtime-translate|realtime translate", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\w.])1\s?(M|K)(?= (?:Tokens|Characters)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """What a meter's name says.

    Attributes:
        model: As the price book may know it; empty where the name has none.
        meter: One of ours; empty where it is of none.
        thing: The kind of unit that it counts, as in `usage.units`: what a bare "1K" is of.
        reach: `global`, `data zone`, `regional` or empty.
        size: "1M" or "1K" where the name itself says it.
        provisioned: Hours of reserved throughput, used or not.
    """

    model: str = ""
    meter: str = ""
    service_tier: str = ""
    context: str = ""
    thing: str = ""
    reach: str = ""
    size: str = ""
    provisioned: bool = False


@lru_cache(maxsize=8192)
def read_meter(name: str, family: str = "") -> Named:
    """What a meter is.

    Args:
        family: Subcategory or product, where the bill gives one: some names leave out whose model it is.
    """
    size = _SIZE.search(name)
    found = Named(size=f"1{size[1].upper()}" if size else "")
    if _PROVISIONED.search(name):
        reach = next((said for word in _split(name) if (said := _reach(word))), "")
        return replace(found, service_tier="provisioned", thing="ptu_time", reach=reach, provisioned=True)
    facts, words = _sort(_split(name))
    meter, thing = _meter(facts, words, bool(_BY_TIME.search(name)))
    model = model_of(words, family, audio="audio" in facts.get("kind", []))
    if "inference" in facts.get("tuned", ()) and model:
        model = f"ft:{model}"
    return replace(
        found,
        model=model,
        meter=meter,
        thing=thing,
        service_tier="".join(facts.get("tier", [""])[:1]),
        context=facts.get("context", [""])[0],
        reach=facts.get("reach", [""])[0],
    )


def _reach(word: str) -> str:
    part, meaning = _WORDS.get(word, ("", ""))
    return meaning if part == "reach" else ""


def _split(name: str) -> list[str]:
    """Words in small letters, those grown together apart."""
    text = re.sub(r"(Short|Long)Co\b", r"\1co", name)
    text = re.sub(r"(?i)data[ -]?zone", "datazone", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text).lower()
    text = re.sub(r"\b(aud|txt|img)(\d{4})\b", r"\1 \2", text)
    text = re.sub(r"\bgpt(\d)", r"gpt \1", re.sub(r"(\d)omini\b", r"\1o mini", text))
    return [word for word in re.split(r"[\s\-_,()]+", text) if word]


def _sort(words: list[str]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Known words by their part, and the rest; `image` and `aud` in a model's own name stay there too."""
    facts: dict[str, list[str]] = {}
    rest: list[str] = []
    for place, word in enumerate(words):
        part, meaning = _WORDS.get(word, ("", ""))
        if _is_model_word(words, place, part):
            rest.append(word)
        elif part:
            facts.setdefault(part, []).append(meaning)
        else:
            rest.append(word)
    return facts, tuple(rest)


def _is_model_word(words: list[str], place: int, part: str) -> bool:
    """Whether a kind of content is a part of the model's name here: `Image 2 img opt`, `gpt img 1.5 in cd txt`."""
    if part != "kind" or place + 1 == len(words):
        return False
    following = words[place + 1]
    if words[place] in {"img", "image"}:
        return bool(re.fullmatch(r"[12](\.\d)?|dall", following))
    return words[place] == "text" and following == "embedding"


def _meter(facts: dict[str, list[str]], words: tuple[str, ...], by_time: bool) -> tuple[str, str]:
    """Our meter, and the kind of unit it counts."""
    things = facts.get("thing", [])
    if "aside" in facts.get("tuned", []):
        return "", ""
    if "tokens" in things:
        return _token_meter(facts, words), "tokens"
    if by_time or "seconds" in things:
        return "seconds", "time"
    for thing in ("images", "characters", "searches"):
        if thing in things:
            return thing, thing
    return "", ""


def _token_meter(facts: dict[str, list[str]], words: tuple[str, ...]) -> str:
    kinds = facts.get("kind", [])
    # Of `aud 1217 txt` the last word says what is counted; the first is the model's.
    kind = kinds[-1] if kinds else "text"
    suffix = {"audio": "_audio", "image": "_image"}.get(kind, "")
    cache, side = facts.get("cache", []), facts.get("side", [])
    if "write" in cache:
        return "cache_write_unknown"
    if cache and "output" not in side:
        return f"cache_read{suffix}"
    if side:
        return f"uncached_input{suffix}" if side[-1] == "input" else f"plain_output{suffix}"
    return f"uncached_input{suffix}" if {"embedding", "embed"} & set(words) else ""
