"""Anthropic's cost report: fractional cents a day by workspace and description. Pure.

Priority Tier is not in it, code execution is. There is no key and no person in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.anthropic.lines import (
    BUCKETS,
    CONDITIONS,
    METER_OF,
    cents,
    conditions,
    line,
    read,
    unrounded,
)
from tallystick.connectors.anthropic.messages import DEFAULT_WORKSPACE
from tallystick.connectors.records import Record, Row, Unusable, currency_of, leftover, text
from tallystick.ports import Page

KNOWN = CONDITIONS | {"amount", "currency", "description", "cost_type", "token_type", "model", "workspace_id"}
IGNORED: Mapping[str, str] = {}


def lines(page: Page) -> Iterator[BillLine | Rejected]:
    """One line for each result."""
    return read(page, BUCKETS, lambda row: [_line(row)])


def _line(row: Row) -> BillLine:
    record = row.record
    amount = cents(record, "amount")
    if amount is None:
        raise Unusable("amount is missing: a cost without an amount is no cost")
    shared = conditions(record)
    shared["extra"] = {**leftover(record, KNOWN), **shared["extra"], **unrounded("amount", amount)}
    values = {
        **shared,
        "currency": currency_of(record),
        "billed_cost": amount[0],
        "effective_cost": amount[0],
        "charge_description": text(record.get("description")),
        "sub_account_id": text(record.get("workspace_id")) or DEFAULT_WORKSPACE,
        **what(record),
    }
    return line(row, "cost", values)


def what(record: Record) -> dict[str, Any]:
    """Model and meter of a row of costs; sandboxes and sessions have no meter of ours."""
    kind, token_type = text(record.get("cost_type")), text(record.get("token_type"))
    meter = METER_OF.get(token_type, "")
    if kind == "web_search":
        meter = "searches"
    return {"raw_model": text(record.get("model")), "meter": meter, "sku_id": kind, "sku_meter": token_type or kind}
