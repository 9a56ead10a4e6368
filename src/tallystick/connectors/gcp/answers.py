"""Answers of BigQuery's query API: rows of values as texts, with a schema that names them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tallystick.connectors.records import Unusable, json_of, list_of, member, text

_MOST_DEEP = 8


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """The rows of an answer by the names of its columns, nested records as records; values are texts.

    Raises:
        Unusable: It is no answer, or its rows do not fit its schema.
    """
    answer = json_of(body)
    if answer.get("jobComplete") is not True:
        raise Unusable("the query was not complete (jobComplete)")
    fields = _fields(member(answer, "schema"))
    rows = answer.get("rows", [])
    if not isinstance(rows, list):
        raise Unusable("rows is no list")
    return [_record(row, fields, 0) for row in rows]


def _fields(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    fields = list_of(schema, "fields")
    if not all(isinstance(one, dict) and text(one.get("name")) for one in fields):
        raise Unusable("the schema has a field without a name")
    return fields


def _record(row: object, fields: Sequence[Mapping[str, Any]], depth: int) -> dict[str, Any]:
    cells = row.get("f") if isinstance(row, dict) else None
    if not isinstance(cells, list) or len(cells) != len(fields) or depth > _MOST_DEEP:
        raise Unusable(f"a row does not fit the schema of {len(fields)} columns")
    return {text(field["name"]): _value(cell, field, depth) for cell, field in zip(cells, fields, strict=True)}


def _value(cell: object, field: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(cell, dict) or "v" not in cell:
        raise Unusable(f"{text(field['name'])} has no value")
    value = cell["v"]
    if value is None:
        return None
    if field.get("mode") == "REPEATED":
        if not isinstance(value, list):
            raise Unusable(f"{text(field['name'])} is no list, and the schema says that it repeats")
        return [_value(one, {**field, "mode": ""}, depth) for one in value]
    if text(field.get("type")) in {"RECORD", "STRUCT"}:
        return _record(value, _fields(field), depth + 1)
    if not isinstance(value, str):
        raise Unusable(f"{text(field['name'])} is no text, and BigQuery answers with texts")
    return value
