"""OpenAI's usage reports into disjoint classes.

The wire counts inclusively: prompt tokens hold cached, written, audio and image ones,
completion tokens hold reasoning, audio and rejected predictions. Where a provider of
this dialect counts reasoning outside (its total says so), it is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.gateway.dialects import openai_flavours
from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.reading import LARGEST_COUNT, Report


@dataclass(frozen=True, slots=True)
class Shape:
    """The names of one usage object."""

    input: str
    output: str


CHAT = Shape("prompt_tokens", "completion_tokens")
RESPONSES = Shape("input_tokens", "output_tokens")

# Where other providers of this dialect put their cache reads.
_CACHED = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
_KNOWN = {shape: openai_flavours.known(shape.input, shape.output) for shape in (CHAT, RESPONSES)}
_INPUT_PARTS = frozenset(_KNOWN[CHAT]["prompt_tokens_details"])
_OUTPUT_PARTS = frozenset(_KNOWN[CHAT]["completion_tokens_details"])
_MODALITIES = frozenset(_KNOWN[CHAT]["prompt_tokens_details"]["cached_tokens_details"])
# Parts of the output: their names, what they are called where they do not add up, their meters.
_MADE = (
    ("reasoning_tokens", "output reasoning_tokens", "reasoning_output"),
    ("audio_tokens", "output audio_tokens", "plain_output_audio"),
    ("image_tokens", "output image_tokens", "plain_output_image"),
)
# Members of a report without parts: two sides and their sum.
_PLAIN = 3
_LIFETIMES = {"ttl_30m_tokens": "cache_write_30m", "ttl_12h_tokens": "cache_write_12h"}
_METER_OF_TTL = {"30m": "cache_write_30m", "12h": "cache_write_12h"}


def read_usage(usage: Mapping[str, object], shape: Shape, *, cache_ttl: str = "") -> Figures:
    """Figures of one usage object.

    `cache_ttl` is the lifetime of cache writes that the response names, `30m` or `12h`;
    it holds only where the report does not split them itself.
    """
    if len(usage) == _PLAIN and (plain := _read_plain(usage, shape)) is not None:
        return plain
    figures = Figures()
    report = figures.report
    report.strange(usage, _KNOWN[shape])
    _read_input(figures, usage, shape, cache_ttl)
    _read_output(figures, usage, shape)
    total = report.count(usage, "total_tokens")
    if total is not None and figures.input_tokens is not None and figures.output_tokens is not None:
        _settle_total(figures, total, usage)
    openai_flavours.read_added(figures, usage)
    return figures


def _read_plain(usage: Mapping[str, object], shape: Shape) -> Figures | None:
    """Figures of a report that holds its two sides and their sum, and nothing else; None when this one does not."""
    given, made, total = usage.get(shape.input), usage.get(shape.output), usage.get("total_tokens")
    if type(given) is not int or type(made) is not int or type(total) is not int or total != given + made:
        return None
    if not (0 <= given <= LARGEST_COUNT and 0 <= made <= LARGEST_COUNT):
        return None
    return Figures({"uncached_input": given, "plain_output": made}, given, made)


def _read_input(figures: Figures, usage: Mapping[str, object], shape: Shape, cache_ttl: str) -> None:
    report = figures.report
    total = report.count(usage, shape.input)
    if total is None:
        return
    figures.input_tokens = total
    parts = report.nested(usage, f"{shape.input}_details", _INPUT_PARTS)
    cached = _cached(report, usage, parts)
    written = report.count(parts, "cache_write_tokens")
    audio, image = report.count(parts, "audio_tokens"), report.count(parts, "image_tokens")
    video = report.count(parts, "video_tokens")

    cached_room = report.part("cached_tokens", cached, total)
    written_room = report.part("cache_write_tokens", written, total - cached_room)
    audio_room = report.part("audio_tokens", audio, total)
    image_room = report.part("image_tokens", image, total - audio_room)
    cached_audio, cached_image = _cached_media(
        figures, parts, (cached_room, audio_room, image_room), total - written_room
    )

    rest = total - cached_room - written_room
    fresh_audio = min(audio_room - cached_audio, rest)
    fresh_image = min(image_room - cached_image, rest - fresh_audio)
    fresh_video = report.part("video_tokens", video, rest - fresh_audio - fresh_image)
    figures.add("uncached_input", rest - fresh_audio - fresh_image - fresh_video)
    figures.add("uncached_input_audio", None if audio is None else fresh_audio)
    figures.add("uncached_input_image", None if image is None else fresh_image)
    figures.add("uncached_input_video", None if video is None else fresh_video)
    figures.add("cache_read", None if cached is None else cached_room - cached_audio - cached_image)
    figures.count("cache_read_audio", cached_audio)
    figures.count("cache_read_image", cached_image)
    if written is not None:
        _read_writes(figures, parts, written_room, cache_ttl)


def _cached(report: Report, usage: Mapping[str, object], parts: Mapping[str, object]) -> int | None:
    found = report.count(parts, "cached_tokens")
    if found is not None:
        return found
    return next((count for name in _CACHED if (count := report.count(usage, name)) is not None), None)


def _cached_media(
    figures: Figures, parts: Mapping[str, object], counts: tuple[int, int, int], room: int
) -> tuple[int, int]:
    """How much of the cached tokens is audio and image.

    Without a split the cache is taken to hold text first, since it is a prefix that
    begins with instructions; with audio in the prompt that is a guess about money
    and marked as one.
    """
    cached, audio, image = counts
    if not cached or not audio + image:
        return 0, 0
    split = figures.report.nested(parts, "cached_tokens_details", _MODALITIES)
    if split:
        heard = figures.report.part(
            "cached audio_tokens", figures.report.count(split, "audio_tokens"), min(cached, audio)
        )
        seen = figures.report.count(split, "image_tokens")
        return heard, figures.report.part("cached image_tokens", seen, min(cached - heard, image))
    beyond_text = max(0, cached - max(0, room - audio - image))
    if audio and cached < room:
        figures.estimated.append("cache_read")
    heard = min(beyond_text, audio)
    return heard, min(beyond_text - heard, image)


def _read_writes(figures: Figures, parts: Mapping[str, object], written: int, cache_ttl: str) -> None:
    report = figures.report
    split = report.nested(parts, "cache_write_tokens_details", frozenset(_LIFETIMES))
    if not split:
        figures.add(_METER_OF_TTL.get(cache_ttl, "cache_write_unknown"), written)
        return
    rest = written
    for name, meter in _LIFETIMES.items():
        count = report.count(split, name)
        part = report.part(name, count, rest)
        figures.add(meter, None if count is None else part)
        rest -= part
    if rest:
        report.note("cache_write_tokens_details do not add up")
        figures.add("cache_write_unknown", rest)


def _read_output(figures: Figures, usage: Mapping[str, object], shape: Shape) -> None:
    report = figures.report
    total = report.count(usage, shape.output)
    if total is None:
        return
    figures.output_tokens = total
    parts = report.nested(usage, f"{shape.output}_details", _OUTPUT_PARTS)
    if _reasoning_is_outside(report, usage, parts, shape):
        total += report.count(parts, "reasoning_tokens") or 0
        figures.output_tokens = total
    rest = total
    for name, said, meter in _MADE:
        count = report.count(parts, name)
        part = report.part(said, count, rest)
        figures.add(meter, None if count is None else part)
        rest -= part
    figures.add("plain_output", rest)


def _reasoning_is_outside(
    report: Report, usage: Mapping[str, object], parts: Mapping[str, object], shape: Shape
) -> bool:
    """Whether the total only adds up with reasoning counted beside the output."""
    counts = [usage.get(name) for name in (shape.input, shape.output, "total_tokens")]
    reasoning = report.count(parts, "reasoning_tokens")
    if not reasoning or not all(type(count) is int for count in counts):
        return False
    given, made, total = (count for count in counts if isinstance(count, int))
    return total == given + made + reasoning


def _settle_total(figures: Figures, total: int, usage: Mapping[str, object]) -> None:
    """A total that is not the sum of its sides is drift; the sides are believed.

    Mistral counts sound, which it bills by the second, in the total alone.
    """
    if total != (figures.input_tokens or 0) + (figures.output_tokens or 0) and not usage.get("prompt_audio_seconds"):
        figures.report.note("total_tokens does not add up")
