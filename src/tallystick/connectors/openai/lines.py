"""What every line of OpenAI's reports has in common. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Layer, Rejected
from tallystick.connectors.records import Layout, Record, Row, Unusable, count, leftover, raw_of, rows, text
from tallystick.kernel.period import SECOND_US
from tallystick.ports import Page
from tallystick.usage.meters import BY_NAME

_LATEST_SECONDS = 4_102_444_800  # 2100

# Of the page and its buckets; the rest of their fields is read where rows are found.
IGNORED_AROUND: Mapping[str, str] = {
    "page.object": "always `page`",
    "page.has_more": "read when pages are fetched",
    "page.next_page": "read when pages are fetched",
    "bucket.object": "always `bucket`",
}
GROUPS = ("project_id", "user_id", "api_key_id")


def _seconds(value: object) -> int:
    found = count({"time": value}, "time", _LATEST_SECONDS)
    if found is None:
        raise Unusable("the bucket has no start_time or end_time")
    return found * SECOND_US


LAYOUT = Layout(
    page={"object", "has_more", "next_page"},
    bucket={"object"},
    start="start_time",
    end="end_time",
    instant=_seconds,
    results="results",
)


def results(page: Page, object_name: str) -> Iterator[Row | Rejected]:
    """The results of a page that are what was asked for."""
    for row in rows(page, LAYOUT):
        if isinstance(row, Row) and row.record.get("object") != object_name:
            found = text(row.record.get("object"))[:80] or "nothing"
            yield Rejected(row.line_no, f"the result calls itself {found}, and {object_name} was asked for",
                           raw_of(row.record))  # fmt: skip
        else:
            yield row


def line(row: Row, layer: Layer, known: frozenset[str], values: Mapping[str, Any]) -> BillLine:
    """A line with the groups of a result; a null group was not asked for, or has no value: it stays empty."""
    record = row.record
    extra = {**row.around, **leftover(record, known), **values.get("extra", {})}
    facts: dict[str, Any] = {
        "layer": layer,
        "dataset": row.stream,
        "slice_key": row.slice_key,
        "line_no": row.line_no,
        "charge_period_start": row.start_us,
        "charge_period_end": row.end_us,
        "currency": "USD",
        "provider": "openai",
        "provider_account": row.account,
        "service_provider_name": "OpenAI",
        "host_provider_name": "OpenAI",
        "invoice_issuer_name": "OpenAI",
        "service_category": "AI and Machine Learning",
        "service_subcategory": "Generative AI",
        "service_name": "OpenAI API",
        "charge_frequency": "Usage-Based",
        "sub_account_id": text(record.get("project_id")),
        "principal": text(record.get("user_id")),
        "credential_id": text(record.get("api_key_id")),
    }
    return BillLine(**{**facts, **values, "extra": extra})


def counted(meter: str, whole: int) -> dict[str, Any]:
    """The fields of a meter's quantity, counted in the meter's parts (microseconds for seconds)."""
    unit = BY_NAME[meter]
    consumed = Decimal(whole) / unit.scale
    return {"meter": meter, "quantity": whole, "consumed_quantity": consumed, "consumed_unit": unit.unit}


def tier(record: Record) -> str:
    """`batch` where the result is of batches, else the tier; empty for the ordinary one and where not grouped."""
    if record.get("batch") is True:
        return "batch"
    found = text(record.get("service_tier"))
    return "" if found == "default" else found


def named(record: Record, names: tuple[str, ...]) -> dict[str, str]:
    """Known fields that no attribute of a line holds, as text."""
    return {name: text(record[name]) for name in names if record.get(name) is not None}
