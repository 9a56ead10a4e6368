"""OpenAI's usage of completions: token totals and their parts, made disjoint. Pure.

`input_tokens` holds everything: uncached, cached and written to the cache. Text, audio and
image parts are given for uncached and for cached input and for output. What a total holds
beyond its named parts is counted as text and the line says so; parts that exceed their
total cannot be told apart, and the result is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.openai.lines import GROUPS, counted, line, named, results, tier
from tallystick.connectors.records import Record, Row, Unusable, count, needed, raw_of, text
from tallystick.ports import Page

OBJECT = "organization.usage.completions.result"
DECISIONS = "organization.usage.decisions.result"
_INPUT = ("input_tokens", "input_cached_tokens", "input_cache_write_tokens", "input_cache_write_30m_tokens",
          "input_cache_write_12h_tokens", "input_uncached_tokens")  # fmt: skip
_PARTS = ("input_text_tokens", "input_audio_tokens", "input_image_tokens", "input_cached_text_tokens",
          "input_cached_audio_tokens", "input_cached_image_tokens")  # fmt: skip
_OUTPUT = ("output_tokens", "output_text_tokens", "output_audio_tokens", "output_image_tokens")
KNOWN = frozenset({"object", *_INPUT, *_PARTS, *_OUTPUT, "num_model_requests", *GROUPS, "model", "batch",
                   "service_tier", "api_source"})  # fmt: skip
IGNORED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Classes:
    """Disjoint counts by meter.

    Attributes:
        drift: Where the report contradicts itself, in words.
    """

    counts: Mapping[str, int]
    drift: list[str] = field(default_factory=list)


def lines(page: Page) -> Iterator[BillLine | Rejected]:
    """A line for each class of each result."""
    return _read(page, OBJECT)


def decision_lines(page: Page) -> Iterator[BillLine | Rejected]:
    """As `lines`, for the report of decisions, which has the same fields under its own name."""
    return _read(page, DECISIONS)


def _read(page: Page, object_name: str) -> Iterator[BillLine | Rejected]:
    for row in results(page, object_name):
        if isinstance(row, Rejected):
            yield row
            continue
        try:
            found = classes(row.record)
        except Unusable as problem:
            yield Rejected(row.line_no, str(problem), raw_of(row.record))
        else:
            yield from _lines(row, found)


def _lines(row: Row, found: Classes) -> Iterator[BillLine]:
    record = row.record
    extra = named(record, ("api_source",))
    if record.get("batch") is True and record.get("service_tier") not in {None, "default"}:
        extra["service_tier"] = text(record["service_tier"])
    if found.drift:
        extra["drift"] = "; ".join(found.drift)
    shared = {"raw_model": text(record.get("model")), "service_tier": tier(record), "extra": extra}
    made = [
        line(row, "usage", KNOWN, {**shared, "sku_meter": meter, **counted(meter, number)})
        for meter, number in found.counts.items()
        if number
    ]
    # A result of nothing but fields that nobody knows, or of nothing at all, is still seen.
    yield from made or [line(row, "usage", KNOWN, shared)]


def classes(record: Record) -> Classes:
    """The classes of one result; the input classes sum to `input_tokens`, the output ones to `output_tokens`.

    Raises:
        Unusable: A total is missing, or smaller than its parts.
    """
    drift: list[str] = []
    total, cached = needed(record, "input_tokens"), count(record, "input_cached_tokens") or 0
    written, writes = _written(record)
    uncached = total - cached - written
    if uncached < 0:
        raise Unusable(f"input_tokens is {total}, but {cached} cached and {written} written to the cache are more")
    reported = count(record, "input_uncached_tokens")
    if reported is not None and reported != uncached:
        drift.append(f"input_uncached_tokens is {reported}, but {uncached} of input_tokens are left for it")
    counts = {
        **_by_modality(record, "input_{}_tokens", uncached, drift, "uncached_input"),
        **_by_modality(record, "input_cached_{}_tokens", cached, drift, "cache_read"),
        **writes,
        **_by_modality(record, "output_{}_tokens", needed(record, "output_tokens"), drift, "plain_output"),
        "requests": count(record, "num_model_requests") or 0,
    }
    return Classes(counts, drift)


def _written(record: Record) -> tuple[int, dict[str, int]]:
    """Tokens written to the cache, and by how long they are kept; what has no length has an unknown one."""
    total = count(record, "input_cache_write_tokens")
    half_hour = count(record, "input_cache_write_30m_tokens") or 0
    half_day = count(record, "input_cache_write_12h_tokens") or 0
    if total is None:
        total = half_hour + half_day
    if half_hour + half_day > total:
        raise Unusable(f"input_cache_write_tokens is {total}, but its parts are {half_hour} and {half_day}")
    rest = total - half_hour - half_day
    return total, {"cache_write_30m": half_hour, "cache_write_12h": half_day, "cache_write_unknown": rest}


def _by_modality(record: Record, field_name: str, total: int, drift: list[str], meter: str) -> dict[str, int]:
    audio = count(record, field_name.format("audio")) or 0
    image = count(record, field_name.format("image")) or 0
    text_tokens = count(record, field_name.format("text"))
    if audio + image > total:
        raise Unusable(f"{field_name.format('audio')} and …image… are {audio + image}, more than the {total} there are")
    rest = total - audio - image
    if text_tokens is not None and text_tokens != rest:
        drift.append(f"{field_name.format('text')} is {text_tokens}, but {rest} are left for it")
    return {meter: rest, f"{meter}_audio": audio, f"{meter}_image": image}
