"""SQL text for reconciling: metered charges to items and cells, bill lines to what they say. Values are parameters."""
# ruff: noqa: S608 - only names of ours are put into SQL

from collections.abc import Sequence
from typing import Protocol

from tallystick.bills.model import APART, LAYERS
from tallystick.kernel.period import DAY_US
from tallystick.usage.dimensions import ATTRIBUTION, CHARGE_DIMENSIONS
from tallystick.usage.meters import METERS

METER_NAMES: tuple[str, ...] = tuple(meter.name for meter in METERS)
DIMENSIONS = ", ".join(f'"{name}"' for name in CHARGE_DIMENSIONS)


class Speaks(Protocol):
    """What the engines spell differently, of which this room needs these."""

    def instant(self, param: str) -> str: ...
    def micros(self, expression: str) -> str: ...
    def bucket(self, expression: str, seconds: int) -> str: ...
    def one_of(self, expression: str, param: str) -> str: ...
    def final(self, table: str) -> str: ...


def charges(dialect: Speaks) -> str:
    """The posted charges of an account in a stretch of time: a FROM clause with its conditions."""
    return (
        f"FROM charge WHERE provider_account = $account AND currency = $currency AND batch_seq <= $mark "
        f"AND charge_period_start >= {dialect.instant('$from')} AND charge_period_start < {dialect.instant('$to')}"
    )


def stamp(dialect: Speaks) -> str:
    """What changes whenever a charge is added: how many there are, the last batch, the sum."""
    return f"SELECT count(*), max(batch_seq), sum(effective_cost), sum(unpriced_tokens) {charges(dialect)}"


def used_meters(dialect: Speaks) -> str:
    """For each meter whether any charge has a quantity or a cost of it."""
    counts = ", ".join(f"sum(abs(coalesce(q_{name}, 0))), count(c_{name})" for name in METER_NAMES)
    return f"SELECT {counts} {charges(dialect)}"


def _figures(meters: Sequence[str]) -> str:
    sums = ["sum(list_cost)", "sum(effective_cost)", "sum(unpriced_tokens)"]
    for name in meters:
        free = f"sum(CASE WHEN c_{name} IS NULL THEN q_{name} END)"
        sums += [f"sum(q_{name})", f"sum(c_{name})", free]
    return ", ".join(sums)


def metered_items(dialect: Speaks, meters: Sequence[str]) -> str:
    """Per UTC day and the dimensions that a bill may name: day, dimensions, list, effective, unpriced, then per meter."""
    day = dialect.bucket("charge_period_start", 86_400)
    keys = 'provider, model, service_tier, region, project, "key"'
    return (
        f"SELECT {dialect.micros('day')}, {keys}, {_figures(meters)} FROM (SELECT {day} AS day, * {charges(dialect)}) AS c "
        f"GROUP BY day, {keys} ORDER BY day, {keys}"
    )


def metered_cells(dialect: Speaks, meters: Sequence[str]) -> str:
    """Per charge period and all dimensions: instant, dimensions, list, effective, unpriced, then per meter."""
    return (
        f"SELECT {dialect.micros('charge_period_start')}, {DIMENSIONS}, {_figures(meters)} {charges(dialect)} "
        f"GROUP BY charge_period_start, {DIMENSIONS} ORDER BY charge_period_start, {DIMENSIONS}"
    )


def copied(dialect: Speaks) -> str:
    """Calls that another capture brought too, per UTC day and what a row of a reconciliation tells of them."""
    day = dialect.bucket("occurred_at", 86_400)
    keys = "provider, model, service_tier, region, source, kept_source"
    return (
        f"SELECT {dialect.micros('day')}, {keys}, count(*), sum(effective_cost) FROM (SELECT {day} AS day, * "
        f"FROM {dialect.final('duplicate')} WHERE provider_account = $account AND currency = $currency "
        f"AND occurred_at >= {dialect.instant('$from')} AND occurred_at < {dialect.instant('$to')}) AS c "
        f"GROUP BY day, {keys} ORDER BY day, {keys}"
    )


SAID_KEYS: tuple[str, ...] = (
    "layer", "source", "dataset", "start_us", "end_us", "provider", "model", "meter", "service_tier", "region",
    "sub_account_id", "credential_id", "category", "refund", "late", "ai", "service_category", "service_name",
)  # fmt: skip
SAID_SUMS: tuple[str, ...] = (
    "lines", "quantities", "quantity", "effective", "billed", "listeds", "listed", "contracteds", "contracted", "odd",
)  # fmt: skip


def said(dialect: Speaks, digits: int) -> str:
    """What the lines of some loads say, summed per UTC day or longer period and everything a row keeps.

    Args:
        dialect: Of the engine.
        digits: Decimal places of the currency's minor unit.
    """
    start, end = dialect.micros("charge_period_start"), dialect.micros("charge_period_end")
    money = "coalesce(effective_cost, billed_cost)"
    own = f"{start} - {start} % {DAY_US}"
    up = f"({end} + {DAY_US - 1}) - ({end} + {DAY_US - 1}) % {DAY_US}"
    columns = {
        "layer": "layer", "source": "source", "dataset": "dataset", "start_us": own,
        "end_us": f"CASE WHEN {up} > {own} THEN {up} ELSE {own} + {DAY_US} END", "provider": "provider",
        "model": "CASE WHEN model <> '' THEN model ELSE raw_model END", "meter": "meter", "service_tier": "service_tier",
        "region": "region", "sub_account_id": "sub_account_id", "credential_id": "credential_id",
        "category": "charge_category",
        "refund": f"CASE WHEN charge_category = 'Usage' AND {money} < 0 THEN 1 ELSE 0 END",
        "late": "CASE WHEN charge_period_start < billing_period_start OR charge_period_start >= billing_period_end "
                "THEN 1 ELSE 0 END",
        "ai": "CASE WHEN ai THEN 1 ELSE 0 END", "service_category": "service_category", "service_name": "service_name",
    }  # fmt: skip
    chosen = [f"{text} AS k_{name}" for name, text in columns.items()]
    chosen += [f"d_{name}" for name in ATTRIBUTION]
    chosen += ["quantity", f"{money} AS money", "billed_cost", "list_cost", "contracted_cost"]
    apart = ", ".join(f"'{name}'" for name in sorted(APART))
    inner = (
        f"SELECT {', '.join(chosen)} FROM bill_line WHERE {dialect.one_of('load_id', '$loads')} "
        f"AND provider_account = $account AND currency = $currency AND dataset NOT IN ({apart}) "
        f"AND charge_period_start >= {dialect.instant('$from')} AND charge_period_start < {dialect.instant('$to')}"
    )
    keys = ", ".join([*(f"k_{name}" for name in SAID_KEYS), *(f"d_{name}" for name in ATTRIBUTION)])
    odd = f"sum(CASE WHEN money <> round(money, {int(digits)}) THEN 1 ELSE 0 END)"
    sums = (
        "count(*), count(quantity), sum(quantity), sum(money), sum(billed_cost), count(list_cost), sum(list_cost), "
        f"count(contracted_cost), sum(contracted_cost), {odd}"
    )
    return f"SELECT {keys}, {sums} FROM ({inner}) AS line GROUP BY {keys} ORDER BY {keys}"


def id_costs(dialect: Speaks, id_column: str, name_column: str) -> str:
    """What lines of some loads say by an id and a name: latest instant, cost of each layer, unpriced, lines."""
    apart = ", ".join(f"'{name}'" for name in sorted(APART))
    layers = ", ".join(f"sum(CASE WHEN layer = '{name}' THEN money END)" for name in LAYERS)
    inner = (
        f"SELECT {id_column} AS id, {name_column} AS name, currency AS code, layer, charge_period_start AS begun, meter, "
        f"coalesce(effective_cost, billed_cost) AS money FROM bill_line WHERE {dialect.one_of('load_id', '$loads')} "
        f"AND dataset NOT IN ({apart}) AND charge_period_start >= {dialect.instant('$from')} "
        f"AND charge_period_start < {dialect.instant('$to')}"
    )
    unpriced = "sum(CASE WHEN layer = 'usage' AND meter <> '' AND money IS NULL THEN 1 ELSE 0 END)"
    return (
        f"SELECT id, name, code, {dialect.micros('max(begun)')}, {layers}, {unpriced}, count(*) FROM ({inner}) AS line "
        "GROUP BY id, name, code ORDER BY id, name, code"
    )
