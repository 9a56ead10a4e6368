"""Cohere's usage reports into disjoint classes.

What is billed stands in `billed_units` and is less than what `tokens` counts, for Cohere
does not bill the preamble that it adds itself. Numbers are floats. Tokens read from its
cache are billed as the others.
"""

from collections.abc import Mapping

from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.reading import LARGEST_COUNT, Report

_KNOWN = frozenset({"billed_units", "tokens", "cached_tokens", "api_version", "warnings"})
_VERSION = frozenset({"version", "is_deprecated", "is_experimental"})
_TOKENS = frozenset({"input_tokens", "output_tokens"})
_NO_METER = ("classifications", "pages")
_UNITS = _TOKENS | {"search_units", "images", "image_tokens", "text_tokens", *_NO_METER}


def read_usage(usage: Mapping[str, object], *, speaks: bool = True) -> Figures:
    """Figures of a `usage` (chat) or a `meta` (embeddings, reranking). What does not speak has no output.

    Where nothing is said to be billed, the tokens that were counted stand for it, marked as an estimate.
    """
    figures = Figures()
    report = figures.report
    report.unknown(usage, _KNOWN)
    report.nested(usage, "api_version", _VERSION)
    if isinstance(usage.get("warnings"), dict):
        report.note("warnings is not a list")
    _count(report, usage, "cached_tokens")
    billed = report.nested(usage, "billed_units", _UNITS)
    counted = report.nested(usage, "tokens", _TOKENS)
    _read_input(figures, billed)
    figures.add("searches", _count(report, billed, "search_units"))
    for name in _NO_METER:
        if _count(report, billed, name):
            report.note(f"{name} are billed and have no meter")
    figures.output_tokens = _count(report, billed, "output_tokens")
    made, given = _count(report, counted, "output_tokens"), _count(report, counted, "input_tokens")
    if figures.output_tokens is None and made is not None:
        figures.output_tokens = made
        figures.estimated.append("plain_output")
    if figures.input_tokens is None and given is not None and "searches" not in figures.quantities:
        figures.input_tokens = figures.quantities["uncached_input"] = given
        figures.estimated.append("uncached_input")
    if figures.output_tokens is not None and (speaks or figures.output_tokens):
        figures.add("plain_output", figures.output_tokens)
    elif not speaks:
        figures.output_tokens = 0
    return figures


def _read_input(figures: Figures, billed: Mapping[str, object]) -> None:
    report = figures.report
    total, image = _count(report, billed, "input_tokens"), _count(report, billed, "image_tokens")
    words, pictures = _count(report, billed, "text_tokens"), _count(report, billed, "images")
    if words is None:
        words = total
    elif total not in (None, words, words + (image or 0)):
        report.note("text_tokens and image_tokens do not add up")
    if words is not None or image is not None:
        figures.input_tokens = (words or 0) + (image or 0)
        figures.add("uncached_input", words or 0)
        figures.add("uncached_input_image", image)
    if image is None:
        # Older models bill pictures by their number.
        figures.count("images", pictures or 0)


def _count(report: Report, fields: Mapping[str, object], name: str) -> int | None:
    """A count that is written as a float; a part of a unit is a whole one, and odd."""
    value = fields.get(name)
    if type(value) is float and 0 <= value <= LARGEST_COUNT:
        whole = int(-(-value // 1))
        if whole != value:
            report.note(f"{name} is not whole")
        return whole
    return report.count(fields, name)
