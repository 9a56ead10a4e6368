"""Claude Code analytics: who used it, for what, and what that would cost at list prices. Pure.

These are estimates of usage that is counted elsewhere: an API customer's tokens are in the
usage and cost reports already, a subscriber's are in the seat. So no line has a quantity of
a meter (it would be rated) or a billed cost: tokens stand as consumed quantity and in
`extra`, and a subscriber's estimate as list cost.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.anthropic.lines import PAGE, at, cents, line, read, unrounded
from tallystick.connectors.records import (
    Layout,
    Record,
    Row,
    Unusable,
    count,
    currency_of,
    leftover,
    list_of,
    member,
    text,
)
from tallystick.kernel.money import text_from_grains
from tallystick.ports import Page

LAYOUT = Layout(page=PAGE, bucket=frozenset(), start="date", end="", instant=at)
KNOWN = frozenset(
    {"date", "actor", "organization_id", "customer_type", "subscription_type", "terminal_type", "core_metrics",
     "tool_actions", "model_breakdown"}
)  # fmt: skip
IGNORED: Mapping[str, str] = {}
_TOKENS = ("input", "output", "cache_read", "cache_creation")
_COUNTED_IN = {"api": "the usage and cost reports of the API", "subscription": "the seat of the subscription"}


def lines(page: Page) -> Iterator[BillLine | Rejected]:
    """A line of activity for each record, and one for each model it used."""
    return read(page, LAYOUT, _lines)


def _lines(row: Row) -> list[BillLine]:
    record = row.record
    models = [] if record.get("model_breakdown") is None else list_of(record, "model_breakdown")
    shared = _shared(record)
    return [_activity(row, shared), *(_of_model(row, shared, one) for one in models)]


def _shared(record: Record) -> dict[str, Any]:
    actor = member(record, "actor")
    customer = text(record.get("customer_type"))
    known = {
        "customer_type": customer,
        "subscription_type": text(record.get("subscription_type")),
        "terminal_type": text(record.get("terminal_type")),
        "actor.type": text(actor.get("type")),
        "counted_in": _COUNTED_IN.get(customer, "unknown; never added to other reports"),
    }
    unknown = leftover(record, KNOWN) | leftover(actor, frozenset({"type", "email_address", "api_key_name"}), "actor.")
    return {
        "service_name": "Claude Code",
        "billing_account_id": text(record.get("organization_id")),
        "principal": text(actor.get("email_address")),
        # The name of a key, which is not its id.
        "resource_name": text(actor.get("api_key_name")),
        "extra": {**unknown, **{name: value for name, value in known.items() if value}},
    }


def _activity(row: Row, shared: Mapping[str, Any]) -> BillLine:
    """Sessions, lines, commits and tool actions of one person on one terminal on one day."""
    metrics, actions = member(row.record, "core_metrics"), member(row.record, "tool_actions")
    sessions = count(metrics, "num_sessions")
    found = leftover(metrics, frozenset({"num_sessions"}), "core_metrics.") | leftover(
        actions, frozenset(), "tool_actions."
    )
    values = {
        **shared,
        "charge_description": "Claude Code activity",
        "sku_meter": "sessions",
        "consumed_quantity": None if sessions is None else Decimal(sessions),
        "consumed_unit": "Sessions",
        "extra": {**shared["extra"], **found},
    }
    return line(row, "usage", values)


def _of_model(row: Row, shared: Mapping[str, Any], found: object) -> BillLine:
    """Tokens and estimated cost of one model."""
    if not isinstance(found, dict):
        raise Unusable("model_breakdown holds something that is no object")
    tokens, cost = member(found, "tokens"), member(found, "estimated_cost")
    counts = {name: count(tokens, name) for name in _TOKENS}
    known = [number for number in counts.values() if number is not None]
    amount = cents(cost, "amount")
    currency = "USD" if amount is None else currency_of(cost)
    estimate = {} if amount is None else {"estimated_cost": text_from_grains(amount[0])}
    unknown = (
        leftover(found, frozenset({"model", "tokens", "estimated_cost"}), "model_breakdown.")
        | leftover(tokens, frozenset(_TOKENS), "tokens.")
        | leftover(cost, frozenset({"amount", "currency"}), "estimated_cost.")
    )
    subscriber = text(row.record.get("customer_type")) == "subscription"
    values = {
        **shared,
        "currency": currency,
        "charge_description": "Claude Code tokens, estimated at list prices",
        "raw_model": text(found.get("model")),
        "sku_meter": "tokens",
        "consumed_quantity": Decimal(sum(known)) if known else None,
        "consumed_unit": "Tokens",
        "list_cost": amount[0] if subscriber and amount is not None else None,
        "extra": {
            **shared["extra"],
            **unknown,
            **{f"tokens.{name}": str(number) for name, number in counts.items() if number is not None},
            **estimate,
            **unrounded("estimated_cost.exact", amount),
        },
    }
    return line(row, "usage", values)
