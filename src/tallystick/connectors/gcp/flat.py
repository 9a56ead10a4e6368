"""Rows of a CSV export of the nested table: `service.id` as a record, lists as the JSON they are written in. Pure."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_LISTS = frozenset({"labels", "system_labels", "tags", "credits"})
_RECORDS = frozenset({
    "service", "sku", "project", "location", "usage", "invoice", "price", "resource", "subscription", "adjustment_info",
    "consumption_model",
})  # fmt: skip


def nest(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with records and lists; one that has them already, or cannot be understood, stays as it is."""
    found: dict[str, Any] = {}
    for name, cell in row.items():
        outer, dot, inner = str(name).partition(".")
        if dot and outer in _RECORDS:
            record = found.setdefault(outer, {})
            if isinstance(record, dict):
                record[inner] = _list(cell) if inner == "labels" else cell
        elif name in _LISTS or name in _RECORDS:
            found[name] = _list(cell)
        else:
            found[name] = cell
    return found


def _list(cell: Any) -> Any:
    """JSON in a cell; other texts as they are, to be refused by name where a list is needed."""
    if not isinstance(cell, str) or cell[:1] not in {"[", "{"}:
        return cell
    try:
        return json.loads(cell, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return cell
