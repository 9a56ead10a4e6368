"""What every line of Anthropic's reports has in common. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Layer, Rejected
from tallystick.connectors.records import (
    Layout,
    Record,
    Row,
    Unusable,
    count,
    decimal,
    leftover,
    member,
    needed,
    raw_of,
    rows,
    text,
)
from tallystick.kernel.money import decimal_from_grains, grains_from_decimal
from tallystick.kernel.period import instant
from tallystick.ports import Page
from tallystick.usage.meters import BY_NAME

# Of the page; the fields of a bucket are its times and results.
IGNORED_AROUND: Mapping[str, str] = {
    "page.has_more": "read when pages are fetched",
    "page.next_page": "read when pages are fetched",
    "page.data_refreshed_at": "when the report was made: it changes though nothing else does, and would make the same "
    "figures look new",
}
PAGE = frozenset({"has_more", "next_page", "data_refreshed_at"})
PRIORITY_NOTE = "Priority Tier: its commitment is in no cost report and is added by contract"
# Their token types → our meters; all of them are disjoint.
METER_OF: Mapping[str, str] = {
    "uncached_input_tokens": "uncached_input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "plain_output",
}
COUNTS = frozenset(
    {"uncached_input_tokens", "cache_read_input_tokens", "cache_creation", "output_tokens", "server_tool_use"}
)
# What multiplies the price of a token, and is no attribute of a line under its own name.
CONDITIONS = frozenset({"service_tier", "context_window", "inference_geo", "speed"})
_ANYWHERE = frozenset({"", "global", "not_available"})
_CONTEXTS = {"": "", "0-200k": "", "200k-1M": "long"}


def at(value: object) -> int:
    """Microseconds of an RFC 3339 time, or of a day.

    Raises:
        Unusable: None of these.
    """
    if isinstance(value, str) and len(value) <= 40:
        try:
            found = datetime.fromisoformat(value.strip())
            return instant(found if found.tzinfo else found.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            pass
    raise Unusable(f"the time is {text(value)[:40] or 'missing'!r}, and RFC 3339 was expected")


BUCKETS = Layout(page=PAGE, bucket=frozenset(), start="starting_at", end="ending_at", instant=at, results="results")


def line(row: Row, layer: Layer, values: Mapping[str, Any]) -> BillLine:
    """A line of a row; what the row alone knows comes in `values`."""
    extra = {**row.around, **values.get("extra", {})}
    facts: dict[str, Any] = {
        "layer": layer,
        "dataset": row.stream,
        "slice_key": row.slice_key,
        "line_no": row.line_no,
        "charge_period_start": row.start_us,
        "charge_period_end": row.end_us,
        "currency": "USD",
        "provider": "anthropic",
        "provider_account": row.account,
        "service_provider_name": "Anthropic",
        "host_provider_name": "Anthropic",
        "invoice_issuer_name": "Anthropic",
        "service_category": "AI and Machine Learning",
        "service_subcategory": "Generative AI",
        "service_name": "Claude API",
        "charge_frequency": "Usage-Based",
    }
    return BillLine(**{**facts, **values, "extra": extra})


def read(page: Page, layout: Layout, lines_of: Callable[[Row], list[BillLine]]) -> Iterator[BillLine | Rejected]:
    """The lines of each row of a page; a row that cannot be used is a rejection, and the rest goes on."""
    for row in rows(page, layout):
        if isinstance(row, Rejected):
            yield row
            continue
        try:
            yield from lines_of(row)
        except Unusable as problem:
            yield Rejected(row.line_no, str(problem), raw_of(row.record))


def cents(record: Record, name: str) -> tuple[int, Decimal] | None:
    """Grains of an amount in fractional cents, and the exact amount in the currency; None where it is missing.

    >>> cents({"amount": "123.78912"}, "amount")
    (1237891200000, Decimal('1.2378912'))
    """
    found = decimal(record, name)
    if found is None:
        return None
    exact = found.scaleb(-2)
    return grains_from_decimal(exact), exact


def unrounded(name: str, amount: tuple[int, Decimal] | None) -> dict[str, str]:
    """The exact amount beside one that has more digits than a grain."""
    if amount is None or decimal_from_grains(amount[0]) == amount[1]:
        return {}
    return {name: str(amount[1])}


def counts(record: Record) -> tuple[dict[str, int], dict[str, str]]:
    """Counts by meter of a row of usage, and the counts inside it that nobody knows.

    Raises:
        Unusable: A count is missing or is none.
    """
    writes, tools = member(record, "cache_creation"), member(record, "server_tool_use")
    if not writes:
        raise Unusable("cache_creation is missing; the provider may have renamed it")
    found = {
        "uncached_input": needed(record, "uncached_input_tokens"),
        "cache_read": needed(record, "cache_read_input_tokens"),
        "cache_write_5m": needed(writes, "ephemeral_5m_input_tokens"),
        "cache_write_1h": needed(writes, "ephemeral_1h_input_tokens"),
        "plain_output": needed(record, "output_tokens"),
        "searches": count(tools, "web_search_requests") or 0,
    }
    unknown = leftover(
        writes, frozenset({"ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"}), "cache_creation."
    ) | leftover(tools, frozenset({"web_search_requests"}), "server_tool_use.")
    return found, unknown


def counted(meter: str, whole: int) -> dict[str, Any]:
    """The fields of a meter's quantity."""
    return {
        "meter": meter,
        "sku_meter": meter,
        "quantity": whole,
        "consumed_quantity": Decimal(whole),
        "consumed_unit": BY_NAME[meter].unit,
    }


def conditions(record: Record) -> dict[str, Any]:
    """Tier, context and region, with what they do not hold beside them as `extra`."""
    tier, speed = text(record.get("service_tier")), text(record.get("speed"))
    window, geo = text(record.get("context_window")), text(record.get("inference_geo"))
    extra = {} if window in _CONTEXTS else {"context_window": window}
    if geo == "not_available":
        extra["inference_geo"] = geo
    named = "" if tier == "standard" else tier
    if speed not in {"", "standard"}:
        # Fast mode has its own prices; beside another tier both are said.
        extra |= {"speed": speed} if named else {}
        named = named or speed
    values: dict[str, Any] = {
        "service_tier": named,
        "context": _CONTEXTS.get(window, ""),
        "region": "" if geo in _ANYWHERE else geo,
        "extra": extra,
    }
    if tier == "priority":
        values["charge_description"] = PRIORITY_NOTE
    return values
