"""Usage events to rows and back.

A row is a mapping of column name to value as the engines take it; a column without a
value is left out of it. Bulk goes by columns: one list per column that any event fills.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.table import Kind
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.meters import METERS, TOKEN_METERS
from tallystick.usage.model import Measured, UsageEvent

# Fields of an event that are columns of the same name and shape.
_PLAIN: tuple[str, ...] = (
    "event_id", "call_id", "attempt", "occurred_at", "source", "source_key", "outcome", "status", "error_type",
    "operation_name", "provider", "provider_account", "key", "key_fingerprint", "request_model", "response_model",
    "model", "response_id", "requested_service_tier", "service_tier", "stream", "currency", "price_id", "list_cost",
    "effective_cost", "request_bytes", "system_bytes", "tools_bytes", "response_bytes", "requested_max_tokens",
    "effective_max_tokens", "finish_reason", "time_to_first_token_us", "duration_us", "user_agent", "retry_count",
    "trace_id", "verdict", "decision", "bound_cost", "sent_model", "attempt_reason", "served_from", "avoided_cost",
)  # fmt: skip
_REQUIRED = frozenset({"event_id", "call_id", "attempt", "occurred_at", "source", "usage_state"})
_GETTERS: dict[str, Callable[[UsageEvent], Any]] = {
    **{name: attrgetter(name) for name in (*_PLAIN, "tags", "block_fingerprints")},
    "usage_state": attrgetter("measured.state"),
    **{name: attrgetter(f"measured.{name}") for name in ("estimated", "drift", "input_tokens", "output_tokens")},
}

_EMPTY: dict[Kind, object] = {
    "text": "", "int": 0, "money": 0, "instant": 0, "bool": False, "tags": {}, "texts": ()
}  # fmt: skip
_DEFAULTS = {column.name: None if column.nullable else _EMPTY[column.kind] for column in EVENT_COLUMNS}
_METER_NAMES = tuple(meter.name for meter in METERS)


def to_columns(events: Sequence[UsageEvent]) -> dict[str, Sequence[Any]]:
    """One sequence per column that at least one event fills, each as long as `events`."""
    columns: dict[str, Sequence[Any]] = {}
    for name, read in _GETTERS.items():
        values = list(map(read, events))
        if name in _REQUIRED or values.count(_DEFAULTS[name]) < len(values):
            columns[name] = values
    _spread(columns, "", ATTRIBUTION, [event.dimensions for event in events], "")
    _spread(columns, "q_", _METER_NAMES, [event.measured.quantities for event in events], None)
    _spread(columns, "c_", _METER_NAMES, [event.priced for event in events], None)
    columns["unpriced_tokens"] = _unpriced(columns, len(events))
    return columns


def _spread(
    columns: dict[str, Sequence[Any]],
    prefix: str,
    names: Iterable[str],
    mappings: Sequence[Mapping[str, object]],
    missing: object,
) -> None:
    """A column for each key that occurs."""
    seen: set[str] = set().union(*mappings)
    for name in names:
        if name in seen:
            columns[prefix + name] = [mapping.get(name, missing) for mapping in mappings]


def _unpriced(columns: Mapping[str, Sequence[Any]], count: int) -> list[int]:
    """Per event, the tokens of meters without a cost."""
    totals = [0] * count
    nothing = [None] * count
    for name in TOKEN_METERS:
        quantities = columns.get(f"q_{name}", nothing)
        costs = columns.get(f"c_{name}", nothing)
        if quantities is not nothing and costs.count(None):
            totals = [
                total + quantity if quantity and cost is None else total
                for total, quantity, cost in zip(totals, quantities, costs, strict=True)
            ]
    return totals


def to_row(event: UsageEvent) -> dict[str, Any]:
    """The columns of one event."""
    return {name: values[0] for name, values in to_columns([event]).items()}


def from_row(row: Mapping[str, Any]) -> UsageEvent:
    """The event of a row as `event_select` reads it: instants in microseconds, money in grains."""
    fields: dict[str, Any] = {name: row[name] for name in _PLAIN}
    fields["stream"] = bool(fields["stream"])
    return UsageEvent(
        **fields,
        dimensions={name: row[name] for name in ATTRIBUTION if row[name]},
        tags=dict(row["tags"]),
        measured=Measured(
            quantities=_present("q_", row),
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            state=row["usage_state"],
            estimated=tuple(row["estimated"]),
            drift=tuple(row["drift"]),
        ),
        priced=_present("c_", row),
        block_fingerprints=tuple(row["block_fingerprints"]),
    )


def _present(prefix: str, row: Mapping[str, Any]) -> dict[str, int]:
    found = ((name, row[prefix + name]) for name in _METER_NAMES)
    return {name: value for name, value in found if value is not None}


class SpeaksMicros(Protocol):
    """As much of an engine's dialect as reading events takes."""

    def micros(self, expression: str) -> str: ...


def event_select(dialect: SpeaksMicros) -> str:
    """The select list of whole events, for `to_events`."""
    return ", ".join(
        dialect.micros(column.name) if column.kind == "instant" else f'"{column.name}"' for column in EVENT_COLUMNS
    )


def to_events(rows: Iterable[Sequence[Any]]) -> list[UsageEvent]:
    """Events from rows read with `event_select`."""
    names = [column.name for column in EVENT_COLUMNS]
    money = [index for index, column in enumerate(EVENT_COLUMNS) if column.kind == "money"]
    events = []
    for row in rows:
        values = list(row)
        for index in money:
            if values[index] is not None:
                values[index] = grains_from_decimal(values[index])
        events.append(from_row(dict(zip(names, values, strict=True))))
    return events
