"""Usage events to rows and back.

A row is a mapping of column name to value as the engines take it; a column without a
value is left out of it. Bulk goes by columns: one list per column that any event fills.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tallystick.kernel.table import Kind
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.post import unpriced_tokens
from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.meters import METERS
from tallystick.usage.model import Measured, UsageEvent

# Fields of an event that are columns of the same name and shape.
_PLAIN: tuple[str, ...] = (
    "event_id", "call_id", "attempt", "occurred_at", "source", "source_key", "outcome", "status", "error_type",
    "operation_name", "provider", "provider_account", "key", "key_fingerprint", "request_model", "response_model",
    "model", "response_id", "requested_service_tier", "service_tier", "stream", "currency", "price_id", "list_cost",
    "effective_cost", "request_bytes", "system_bytes", "tools_bytes", "response_bytes", "requested_max_tokens",
    "effective_max_tokens", "finish_reason", "time_to_first_token_us", "duration_us", "user_agent", "retry_count",
    "trace_id",
)  # fmt: skip
_REQUIRED = frozenset({"event_id", "call_id", "attempt", "occurred_at", "source"})
_READERS: dict[str, Callable[[UsageEvent], object]] = {
    "tags": lambda event: dict(event.tags),
    "usage_state": lambda event: event.measured.state,
    "estimated": lambda event: event.measured.estimated,
    "drift": lambda event: event.measured.drift,
    "input_tokens": lambda event: event.measured.input_tokens,
    "output_tokens": lambda event: event.measured.output_tokens,
    "unpriced_tokens": lambda event: unpriced_tokens(event.measured.quantities, event.priced),
    "block_fingerprints": lambda event: event.block_fingerprints,
}


def to_columns(events: Sequence[UsageEvent]) -> dict[str, list[Any]]:
    """One list per column that at least one event fills, each as long as `events`."""
    columns: dict[str, list[Any]] = {}
    for name in _PLAIN:
        values = [getattr(event, name) for event in events]
        _keep(columns, name, values, required=name in _REQUIRED)
    for name, reader in _READERS.items():
        _keep(columns, name, [reader(event) for event in events], required=name == "usage_state")
    for name in _named(ATTRIBUTION, (event.dimensions for event in events)):
        columns[name] = [event.dimensions.get(name, "") for event in events]
    meters = [meter.name for meter in METERS]
    for name in _named(meters, (event.measured.quantities for event in events)):
        columns[f"q_{name}"] = [event.measured.quantities.get(name) for event in events]
    for name in _named(meters, (event.priced for event in events)):
        columns[f"c_{name}"] = [event.priced.get(name) for event in events]
    return columns


def _keep(columns: dict[str, list[Any]], name: str, values: list[Any], *, required: bool) -> None:
    """Keep a column unless all its values are what the table holds by default."""
    if required or values.count(_DEFAULTS[name]) < len(values):
        columns[name] = values


_EMPTY: dict[Kind, object] = {
    "text": "", "int": 0, "money": 0, "instant": 0, "bool": False, "tags": {}, "texts": ()
}  # fmt: skip
_DEFAULTS = {column.name: None if column.nullable else _EMPTY[column.kind] for column in EVENT_COLUMNS}


def _named(known: Iterable[str], mappings: Iterable[Mapping[str, object]]) -> list[str]:
    seen: set[str] = set()
    for mapping in mappings:
        seen.update(mapping)
    return [name for name in known if name in seen]


def to_row(event: UsageEvent) -> dict[str, Any]:
    """The columns of one event."""
    return {name: values[0] for name, values in to_columns([event]).items()}


def from_row(row: Mapping[str, Any]) -> UsageEvent:
    """The event of a row as `store.EVENT_SELECT` reads it: instants in microseconds, money in grains."""
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
    found = ((meter.name, row[prefix + meter.name]) for meter in METERS)
    return {name: value for name, value in found if value is not None}
