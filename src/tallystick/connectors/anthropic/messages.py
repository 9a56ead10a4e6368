"""Anthropic's usage report of messages: disjoint classes of tokens, and web searches. Pure.

A workspace of null is the default workspace, and a key of null is the Console: both are
asked to be grouped by, so that null is a value and not a silence.
"""

from collections.abc import Iterator, Mapping

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.anthropic.lines import (
    BUCKETS,
    CONDITIONS,
    COUNTS,
    conditions,
    counted,
    counts,
    line,
    read,
)
from tallystick.connectors.records import Row, leftover, text
from tallystick.ports import Page

_GROUPS = frozenset({"workspace_id", "api_key_id", "model", "account_id", "service_account_id"})
KNOWN = COUNTS | CONDITIONS | _GROUPS
IGNORED: Mapping[str, str] = {}
DEFAULT_WORKSPACE, CONSOLE = "default", "console"


def lines(page: Page) -> Iterator[BillLine | Rejected]:
    """A line for each class of each result."""
    return read(page, BUCKETS, _lines)


def _lines(row: Row) -> list[BillLine]:
    record = row.record
    found, unknown = counts(record)
    person, machine = text(record.get("account_id")), text(record.get("service_account_id"))
    shared = conditions(record)
    shared["extra"] = {
        **leftover(record, KNOWN),
        **unknown,
        **shared["extra"],
        **({"service_account_id": machine} if person and machine else {}),
    }
    shared |= {
        "raw_model": text(record.get("model")),
        "sub_account_id": text(record.get("workspace_id")) or DEFAULT_WORKSPACE,
        "credential_id": text(record.get("api_key_id")) or CONSOLE,
        "principal": person or machine,
    }
    made = [line(row, "usage", {**shared, **counted(meter, number)}) for meter, number in found.items() if number]
    # A result of nothing but counts that nobody knows is still seen.
    return made or [line(row, "usage", shared)]
