"""The tables of bills as data, for every column engine."""

from tallystick.bills.model import BillLine
from tallystick.kernel.table import Column, Kind
from tallystick.ledger.columns import COSTS, QUANTITIES
from tallystick.usage.dimensions import ATTRIBUTION, CHARGE_DIMENSIONS

_INSTANTS = frozenset({"charge_period_start", "charge_period_end", "billing_period_start", "billing_period_end"})
_MONEY = frozenset(
    {"consumed_quantity", "pricing_quantity", "pricing_currency_cost", "list_unit_price", "contracted_unit_price",
     "billed_cost", "effective_cost", "list_cost", "contracted_cost"}
)  # fmt: skip
_NULLABLE = _MONEY | {"billing_period_start", "billing_period_end", "quantity"}
_OWN = frozenset({"dimensions"})


def _kind(name: str) -> Kind:
    if name in _INSTANTS:
        return "instant"
    if name in _MONEY:
        return "money"
    return {"line_no": "int", "quantity": "int", "ai": "bool", "tags": "tags", "extra": "tags"}.get(name, "text")  # type: ignore[return-value]


LINE_FIELDS: tuple[str, ...] = tuple(name for name in BillLine.__slots__ if name not in _OWN)

# One row per line of every load ever finished; only the newest load of a slice counts.
LINE_COLUMNS: tuple[Column, ...] = (
    Column("load_id", "text"),
    Column("page_id", "text"),
    Column("source", "text"),
    *(Column(name, _kind(name), nullable=name in _NULLABLE) for name in LINE_FIELDS),
    *(Column(f"d_{name}", "text") for name in ATTRIBUTION),
)

# What bills change of the metered charges, and what they add to them; summed with the charges it
# is the cost of record. `effective_cost` of a covered charge is the difference to what was metered,
# `whole_cost` what it comes to with it; of all other rows the two are the same.
TRUE_UP_COLUMNS: tuple[Column, ...] = (
    Column("charge_period_start", "instant"),
    Column("run_id", "text"),
    *(Column(name, "text") for name in CHARGE_DIMENSIONS),
    Column("basis", "text"),
    Column("currency", "text"),
    Column("part", "text"),
    Column("charge_category", "text"),
    Column("service_category", "text"),
    Column("service_name", "text"),
    Column("ai", "bool"),
    Column("claim", "text"),
    Column("input_tokens", "int", nullable=True),
    Column("output_tokens", "int", nullable=True),
    *QUANTITIES,
    *COSTS,
    Column("list_cost", "money", nullable=True),
    Column("contracted_cost", "money", nullable=True),
    Column("effective_cost", "money", nullable=True),
    Column("billed_cost", "money", nullable=True),
    Column("whole_cost", "money", nullable=True),
)

# Each claim of each reconciliation, with its difference taken apart; the classes sum to it.
VARIANCE_COLUMNS: tuple[Column, ...] = (
    Column("run_id", "text"),
    Column("claim", "text"),
    Column("charge_period_start", "instant"),
    Column("charge_period_end", "instant"),
    Column("provider", "text"),
    Column("provider_account", "text"),
    Column("model", "text"),
    Column("meter", "text"),
    Column("service_tier", "text"),
    Column("region", "text"),
    Column("service_name", "text"),
    Column("charge_category", "text"),
    Column("currency", "text"),
    Column("metered_quantity", "int", nullable=True),
    Column("billed_quantity", "int", nullable=True),
    Column("metered_cost", "money", nullable=True),
    Column("reported_cost", "money", nullable=True),
    Column("invoiced_cost", "money", nullable=True),
    Column("class", "text"),
    Column("amount", "money"),
    Column("why", "text"),
)
