"""Adjustments of what calls cost: rows of events that hold only a difference. Text of SQL and their ids.

An adjustment stands at its call's instant with its call's dimensions, has no quantities,
counts as no call, attempt or request, and its costs are what to add. Charges are summed
from it like from any event, so charges stay the sums of events.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from typing import Protocol

from tallystick.ledger.post import unpriced_condition
from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.meters import METERS

SOURCE_KEY = "rerate"
REASON = "re-rated"
EVENTS = "usage_event"

# What an adjustment takes from its call as it stands.
COPIED: tuple[str, ...] = (
    "call_id", "source", "operation_name", "provider", "provider_account", "key", "key_fingerprint", "request_model",
    "response_model", "model", "requested_service_tier", "service_tier", *ATTRIBUTION, "tags", "sent_model", "attempt",
)  # fmt: skip
COSTS: tuple[str, ...] = ("list_cost", "effective_cost", *(f"c_{meter.name}" for meter in METERS))


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    name: str

    def instant(self, param: str) -> str: ...

    def micros(self, expression: str) -> str: ...

    def final(self, table: str) -> str: ...


def adjustment_id(event_id: str, number: int) -> str:
    """The id of the adjustment of a call that so many came before: the same again is the same row."""
    return f"{event_id}~r{number + 1}"


def adjustable(dialect: Speaks, alias: str = "u") -> str:
    """Rows whose cost the price book made call by call: parameters `from` and `to`.

    Not a provider's buckets (sums of many requests), answers from the cache, or calls paid
    by their server's time, and no copies of calls that another capture brought too.
    """
    return (
        f"{alias}.occurred_at >= {dialect.instant('$from')} AND {alias}.occurred_at < {dialect.instant('$to')} "
        f"AND {alias}.attempt >= 1 AND {alias}.source_key = '' AND {alias}.served_from = '' "
        f"AND {alias}.attempt_reason <> '{REASON}' AND {alias}.q_gpu_seconds IS NULL "
        f"AND {alias}.event_id NOT IN (SELECT event_id FROM duplicate)"
    )


def differences(dialect: Speaks, listed: str, paid: str) -> str:
    """Calls whose cost under the book is not what the ledger holds, adjustments so far included.

    Args:
        listed, paid: Statements that rate the period: at list prices, and as contracts have them.

    Columns: event_id, instant, `COPIED`, currency held, currency of the book, price_id, adjustments so far,
    unpriced tokens held and found, whether it counts as unpriced and whether it is (1 or 0), then for each of
    `COSTS` held and found.
    """
    final, nothing = dialect.final(EVENTS), "CAST(-1 AS DECIMAL(38, 12))"
    root = "replaceRegexpOne" if dialect.name == "clickhouse" else "regexp_replace"
    sums = ", ".join(f"sum({name}) AS {name}" for name in COSTS)
    copied = ", ".join(f'u."{name}"' for name in COPIED)
    held = {name: f"CASE WHEN u.{name} IS NULL AND a.{name} IS NULL THEN NULL "
            f"ELSE coalesce(u.{name}, 0) + coalesce(a.{name}, 0) END" for name in COSTS}  # fmt: skip
    found = {name: "l.list_cost" if name == "list_cost" else f"p.{name}" for name in COSTS}
    costs = ", ".join(f"{held[name]}, {found[name]}" for name in COSTS)
    counts = f"CASE WHEN {unpriced_condition('u.', 'u.')} THEN 1 ELSE 0 END + coalesce(a.unpriced_change, 0)"
    counted = f"CASE WHEN {unpriced_condition('u.', 'p.')} THEN 1 ELSE 0 END"
    differs = " OR ".join(
        f"coalesce({held[name]}, {nothing}) <> coalesce({found[name]}, {nothing})"
        for name in ("list_cost", "effective_cost")
    )
    # A part that became free changes no sum, and yet the call has its whole price now.
    differs = f"{differs} OR {counts} <> {counted}"
    return f"""
SELECT u.event_id, {dialect.micros("u.occurred_at")}, {copied}, u.currency, p.currency, l.price_id, coalesce(a.n, 0),
    u.unpriced_tokens + coalesce(a.unpriced, 0), p.unpriced_tokens,
    {counts}, {counted}, {costs}
FROM {final} u JOIN ({listed}) l ON l.event_id = u.event_id JOIN ({paid}) p ON p.event_id = u.event_id
LEFT JOIN (
    SELECT {root}(event_id, '~r[0-9]+$', '') AS root, count(*) AS n, sum(unpriced_tokens) AS unpriced,
        sum(unpriced_change) AS unpriced_change, {sums}
    FROM {final} WHERE attempt_reason = '{REASON}' AND occurred_at >= {dialect.instant("$from")}
        AND occurred_at < {dialect.instant("$to")} GROUP BY root
) a ON a.root = u.event_id
WHERE {adjustable(dialect)} AND p.list_cost IS NOT NULL AND ({differs})
ORDER BY u.occurred_at, u.event_id
"""
