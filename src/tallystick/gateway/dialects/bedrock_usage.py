"""Bedrock's usage reports into disjoint classes.

The wire counts exclusively: input, cache reads and cache writes stand side by side, in
Converse's `usage` and in the invocation metrics of streams and headers alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.model import ResponseFacts
from tallystick.gateway.dialects.reading import Report, items, members, text
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS

_TTLS = {"5m": "cache_write_5m", "1h": "cache_write_1h"}
_DETAIL = frozenset({"ttl", "inputTokens"})


@dataclass(frozen=True, slots=True)
class Names:
    """What one report calls its counters; each may have several names, of which one is sent."""

    fresh: tuple[str, ...]
    read: tuple[str, ...]
    written: tuple[str, ...]
    output: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """All members that are understood."""
        return frozenset((*self.fresh, *self.read, *self.written, *self.output, *self.others))


# Nova's own bodies are Converse's, with longer names for the cache.
USAGE = Names(
    ("inputTokens",),
    ("cacheReadInputTokens", "cacheReadInputTokenCount"),
    ("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    ("outputTokens",),
    ("totalTokens", "cacheDetails"),
)
METRICS = Names(
    ("inputTokenCount",),
    ("cacheReadInputTokenCount",),
    ("cacheWriteInputTokenCount",),
    ("outputTokenCount",),
    ("invocationLatency", "firstByteLatency"),
)
LLAMA = Names(("prompt_token_count",), (), (), ("generation_token_count",))
# Headers of a whole answer, and the metric each is.
HEADERS = {
    b"x-amzn-bedrock-input-token-count": "inputTokenCount",
    b"x-amzn-bedrock-output-token-count": "outputTokenCount",
    b"x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    b"x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}


def read_usage(usage: Mapping[str, object], names: Names = USAGE) -> Figures:
    """Figures of one usage object. A total that does not fit its parts is marked; the parts are what is priced."""
    figures = Figures()
    report = figures.report
    report.unknown(usage, names.known)
    fresh, read = _count(report, usage, names.fresh), _count(report, usage, names.read)
    written = _read_writes(figures, usage, names)
    figures.add("cache_read", read)
    if fresh is not None:
        figures.add("uncached_input", fresh)
        figures.input_tokens = fresh + (read or 0) + written
    figures.output_tokens = _count(report, usage, names.output)
    figures.add("plain_output", figures.output_tokens)
    total = report.count(usage, "totalTokens") if "totalTokens" in names.others else None
    parts = (figures.input_tokens, figures.output_tokens)
    if total is not None and None not in parts and total != sum(part or 0 for part in parts):
        report.note("totalTokens does not add up")
    return figures


def read_metrics(metrics: Mapping[str, object]) -> Figures:
    """Figures of the invocation metrics that end a stream, or of headers under the same names."""
    return read_usage(metrics, METRICS)


def header_metrics(headers: list[tuple[bytes, bytes]]) -> Mapping[str, object]:
    """The invocation metrics that an answer's headers hold; what is no number is left as text, to be marked."""
    return {
        HEADERS[name]: int(value) if value.isdigit() and len(value) < 20 else text(value.decode("latin-1"))
        for name, value in headers
        if name in HEADERS
    }


def settled(facts: ResponseFacts, figures: Figures) -> ResponseFacts:
    """The facts with counts from elsewhere: in the place of what was guessed; where both were reported, compared."""
    measured = facts.measured
    for mark in measured.drift:
        figures.report.note(mark)
    if measured.state == "reported":
        if (figures.input_tokens, figures.output_tokens) != (measured.input_tokens, measured.output_tokens):
            figures.report.note("invocationMetrics are not what usage says")
        return replace(facts, measured=replace(measured, drift=tuple(figures.report.drift)))
    for meter, quantity in measured.quantities.items():
        if meter not in INPUT_METERS and meter not in OUTPUT_METERS:
            figures.add(meter, quantity)
    if figures.input_tokens is None:
        _keep(figures, facts, INPUT_METERS)
        figures.input_tokens = measured.input_tokens
    if figures.output_tokens is None:
        _keep(figures, facts, OUTPUT_METERS)
        figures.output_tokens = measured.output_tokens
    return replace(facts, measured=figures.measured())


def _keep(figures: Figures, facts: ResponseFacts, meters: tuple[str, ...]) -> None:
    """Keep one side as it was known before, guesses marked as such."""
    for meter in meters:
        figures.quantities.pop(meter, None)
        figures.add(meter, facts.measured.quantities.get(meter))
    figures.estimated += [meter for meter in facts.measured.estimated if meter in meters]


def _count(report: Report, fields: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    counts = [count for count in (report.count(fields, name) for name in names) if count is not None]
    if len(set(counts)) > 1:
        report.note(f"{names[0]} is said twice")
    return max(counts, default=None)


def _read_writes(figures: Figures, usage: Mapping[str, object], names: Names) -> int:
    """Cache writes by lifetime; what no lifetime is named for is unknown. Returns their total."""
    report = figures.report
    parts = _read_details(report, usage.get("cacheDetails")) if "cacheDetails" in names.others else {}
    total = _count(report, usage, names.written)
    named = sum(parts.values())
    for meter, count in parts.items():
        figures.add(meter, count)
    if total is None:
        return named
    if named > total:
        # The parts are what is priced: believe them, and say that the total does not fit.
        report.note("cacheDetails exceed cacheWriteInputTokens")
        return named
    if total > named:
        if parts:
            report.note("cacheDetails do not add up")
        figures.add("cache_write_unknown", parts.get("cache_write_unknown", 0) + total - named)
    elif not parts:
        figures.add("cache_write_unknown", 0)
    return total


def _read_details(report: Report, details: object) -> dict[str, int]:
    """Tokens written, by meter."""
    if details is not None and not isinstance(details, list):
        report.note("cacheDetails is not a list")
    parts: dict[str, int] = {}
    for detail in items(details):
        fields = members(detail)
        if fields is not detail:
            report.note("cacheDetails holds what is no object")
        report.unknown(fields, _DETAIL, "cacheDetails.")
        count, ttl = report.count(fields, "inputTokens"), text(fields.get("ttl"), 16)
        if count is None:
            continue
        if ttl not in _TTLS:
            report.note(f"cacheDetails.ttl {ttl}")
        meter = _TTLS.get(ttl, "cache_write_unknown")
        parts[meter] = parts.get(meter, 0) + count
    return parts
