"""OpenAI's other usage reports: one count each, of tokens, images, characters, seconds, calls or bytes. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.openai.lines import GROUPS, counted, line, named, results
from tallystick.connectors.records import Row, Unusable, count, decimal, needed, raw_of, text
from tallystick.ports import Page
from tallystick.usage.meters import BY_NAME

_MOST_BYTES = 10**18


@dataclass(frozen=True, slots=True)
class Counted:
    """One kind of report.

    Attributes:
        what: The result's own name, which is not always that of its path.
        counts: The field that counts.
        meter: Ours, empty where we have none for it: such lines are kept and not priced.
        unit, sku_meter: Of what has no meter.
        groups: Fields that the report can be grouped by besides project, user and key.
        asides: Known counts that are kept beside, for they are counted elsewhere.
    """

    what: str
    counts: str
    meter: str = ""
    unit: str = ""
    sku_meter: str = ""
    groups: tuple[str, ...] = ("model",)
    asides: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        requests = ("num_model_requests",) if self.meter and "num_model_requests" not in self.asides else ()
        return frozenset({"object", self.counts, *requests, *GROUPS, *self.groups, *self.asides})


REPORTS: Mapping[str, Counted] = {
    "embeddings": Counted("embeddings", "input_tokens", "uncached_input"),
    "moderations": Counted("moderations", "input_tokens", "uncached_input"),
    "images": Counted("images", "images", "images", groups=("model", "size", "source")),
    "audio_speeches": Counted("audio_speeches", "characters", "characters"),
    "audio_transcriptions": Counted("audio_transcriptions", "seconds", "seconds"),
    "vector_stores": Counted("vector_stores", "usage_bytes", unit="Bytes", sku_meter="vector_store_bytes", groups=()),
    "code_interpreter_sessions": Counted(
        "code_interpreter_sessions", "num_sessions", unit="Sessions", sku_meter="code_interpreter_sessions", groups=()
    ),
    "file_search_calls": Counted(
        "file_searches", "num_requests", unit="Requests", sku_meter="file_search_calls", groups=("vector_store_id",)
    ),
    # The model requests around a web search are completions, and counted there.
    "web_search_calls": Counted(
        "web_searches",
        "num_requests",
        "searches",
        groups=("model", "context_level", "api_source"),
        asides=("num_model_requests",),
    ),
}
IGNORED: Mapping[str, str] = {}


def reader(kind: str) -> Callable[[Page], Iterator[BillLine | Rejected]]:
    """What reads the pages of one kind of report."""
    return partial(_lines, REPORTS[kind])


def _lines(report: Counted, page: Page) -> Iterator[BillLine | Rejected]:
    for row in results(page, f"organization.usage.{report.what}.result"):
        if isinstance(row, Rejected):
            yield row
            continue
        try:
            made = _of_row(report, row)
        except Unusable as problem:
            yield Rejected(row.line_no, str(problem), raw_of(row.record))
        else:
            yield from made


def _of_row(report: Counted, row: Row) -> list[BillLine]:
    record = row.record
    beside = tuple(name for name in (*report.groups, *report.asides) if name not in {"model", "vector_store_id"})
    shared: dict[str, Any] = {
        "raw_model": text(record.get("model")) if "model" in report.groups else "",
        "resource_id": text(record.get("vector_store_id")) if "vector_store_id" in report.groups else "",
        "extra": named(record, beside),
    }
    quantities = [_quantity(report, row)]
    if "num_model_requests" in report.known and "num_model_requests" not in report.asides:
        requests = count(record, "num_model_requests")
        quantities += [counted("requests", requests) | {"sku_meter": "requests"}] if requests else []
    return [line(row, "usage", report.known, {**shared, **quantity}) for quantity in quantities]


def _quantity(report: Counted, row: Row) -> dict[str, Any]:
    if not report.meter:
        number = needed(row.record, report.counts, _MOST_BYTES)
        return {"sku_meter": report.sku_meter, "consumed_quantity": Decimal(number), "consumed_unit": report.unit}
    scale = BY_NAME[report.meter].scale
    if scale == 1:
        whole = needed(row.record, report.counts)
    else:
        whole = _parts(row, report.counts, scale)
    return counted(report.meter, whole) | {"sku_meter": report.meter}


def _parts(row: Row, name: str, scale: int) -> int:
    """A length of time in whole parts: seconds may be given with a fraction."""
    found = decimal(row.record, name)
    if found is None or not 0 <= found <= 10**12:
        raise Unusable(f"{name} is {'missing; it may have been renamed' if found is None else found}")
    return int(found * scale)
