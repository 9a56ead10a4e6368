"""The ledger's tables as data, for every column engine."""

from tallystick.kernel.table import Column
from tallystick.usage.dimensions import ATTRIBUTION, CHARGE_DIMENSIONS
from tallystick.usage.meters import METERS

# Of every table that keeps usage by meter: what was counted, and what it cost.
QUANTITIES: tuple[Column, ...] = tuple(Column(f"q_{meter.name}", "int", nullable=True) for meter in METERS)
COSTS: tuple[Column, ...] = tuple(Column(f"c_{meter.name}", "money", nullable=True) for meter in METERS)


EVENT_COLUMNS: tuple[Column, ...] = (
    Column("event_id", "text"),
    Column("call_id", "text"),
    Column("attempt", "int"),
    Column("occurred_at", "instant"),
    Column("ingest_seq", "int"),
    Column("source", "text"),
    Column("source_key", "text"),
    Column("outcome", "text"),
    Column("status", "int"),
    Column("error_type", "text"),
    Column("operation_name", "text"),
    Column("provider", "text"),
    Column("provider_account", "text"),
    Column("key", "text"),
    Column("key_fingerprint", "text"),
    Column("request_model", "text"),
    Column("response_model", "text"),
    Column("model", "text"),
    Column("response_id", "text"),
    Column("requested_service_tier", "text"),
    Column("service_tier", "text"),
    Column("stream", "bool"),
    *(Column(name, "text") for name in ATTRIBUTION),
    Column("tags", "tags"),
    Column("usage_state", "text"),
    Column("estimated", "texts"),
    Column("drift", "texts"),
    Column("input_tokens", "int", nullable=True),
    Column("output_tokens", "int", nullable=True),
    *QUANTITIES,
    Column("currency", "text"),
    Column("price_id", "text"),
    *COSTS,
    Column("list_cost", "money", nullable=True),
    Column("effective_cost", "money", nullable=True),
    Column("unpriced_tokens", "int"),
    # Of a correction: by how many it changes the number of calls without a price.
    Column("unpriced_change", "int", nullable=True),
    Column("request_bytes", "int", nullable=True),
    Column("system_bytes", "int", nullable=True),
    Column("tools_bytes", "int", nullable=True),
    Column("response_bytes", "int", nullable=True),
    Column("block_fingerprints", "texts"),
    Column("requested_max_tokens", "int", nullable=True),
    Column("effective_max_tokens", "int", nullable=True),
    Column("finish_reason", "text"),
    Column("time_to_first_token_us", "int", nullable=True),
    Column("duration_us", "int", nullable=True),
    Column("user_agent", "text"),
    Column("retry_count", "int", nullable=True),
    Column("trace_id", "text"),
    Column("verdict", "text"),
    Column("decision", "text"),
    Column("bound_cost", "money", nullable=True),
    Column("sent_model", "text"),
    Column("attempt_reason", "text"),
    Column("served_from", "text"),
    Column("avoided_cost", "money", nullable=True),
)

# Sums a charge row carries beside its dimensions; each is also computable from events
# (`ledger.post.EVENT_SUMS` says how), and the explore query over charges and unposted
# events relies on the two agreeing. A sum of nothing known is NULL, not 0.
SUMMED: tuple[Column, ...] = (
    Column("calls", "int"),
    Column("attempts", "int"),
    Column("errors", "int"),
    Column("estimated_calls", "int"),
    Column("unpriced_calls", "int"),
    Column("unpriced_tokens", "int"),
    Column("input_tokens", "int"),
    Column("output_tokens", "int"),
    *QUANTITIES,
    *COSTS,
    Column("list_cost", "money", nullable=True),
    Column("effective_cost", "money", nullable=True),
)

# What was said, by event: a table of its own, for it is kept shorter and seen by fewer.
CONTENT_COLUMNS: tuple[Column, ...] = (
    Column("event_id", "text"),
    Column("occurred_at", "instant"),
    Column("user", "text"),
    Column("team", "text"),
    Column("request", "text"),
    Column("response", "text"),
    Column("truncated", "texts"),
)

CHARGE_COLUMNS: tuple[Column, ...] = (
    Column("charge_period_start", "instant"),
    Column("batch_seq", "int"),
    *(Column(name, "text") for name in CHARGE_DIMENSIONS),
    Column("basis", "text"),
    Column("currency", "text"),
    *SUMMED,
)
