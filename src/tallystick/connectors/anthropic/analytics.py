"""Anthropic's unified analytics (beta): cost and usage in flat rows, of Console and Enterprise organisations. Pure.

`amount` is after discounts and before credits, `list_amount` before discounts. Rows by
group of people overlap, and are refused: they cannot be added.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.anthropic.costs import what
from tallystick.connectors.anthropic.lines import (
    CONDITIONS,
    COUNTS,
    PAGE,
    at,
    cents,
    conditions,
    counted,
    counts,
    line,
    read,
    unrounded,
)
from tallystick.connectors.records import (
    Layout,
    Record,
    Row,
    Unusable,
    count,
    currency_of,
    leftover,
    member,
    text,
)
from tallystick.ports import Page

LAYOUT = Layout(page=PAGE, bucket=frozenset(), start="starting_at", end="ending_at", instant=at)
_NAMED = frozenset({"actor", "api_key_id", "model", "workspace_id", "product", "organization_id", "cost_type",
                    "token_type", "rbac_group_id"})  # fmt: skip
IGNORED: Mapping[str, str] = {}
_ROW = frozenset({"starting_at", "ending_at", "group"})


def cost_lines(page: Page) -> Iterator[BillLine | Rejected]:
    """One line for each row of cost."""
    return read(page, LAYOUT, _cost)


def usage_lines(page: Page) -> Iterator[BillLine | Rejected]:
    """A line for each class of each row of usage."""
    return read(page, LAYOUT, _usage)


def _cost(row: Row) -> list[BillLine]:
    cost = member(row.record, "cost")
    amount, listed = cents(cost, "amount"), cents(cost, "list_amount")
    if amount is None:
        raise Unusable("cost.amount is missing: a cost without an amount is no cost")
    shared = _shared(row, "cost")
    extra = {
        **shared["extra"],
        **leftover(cost, frozenset({"amount", "list_amount", "currency", "requests"}), "cost."),
        **unrounded("cost.amount", amount),
        **unrounded("cost.list_amount", listed),
    }
    if (requests := count(cost, "requests")) is not None:
        extra["requests"] = str(requests)
    values = {
        **shared,
        **what(member(row.record, "group")),
        "currency": currency_of(cost),
        "billed_cost": amount[0],
        "effective_cost": amount[0],
        "list_cost": None if listed is None else listed[0],
        "extra": extra,
    }
    return [line(row, "cost", values)]


def _usage(row: Row) -> list[BillLine]:
    usage = member(row.record, "usage")
    if not usage:
        raise Unusable("usage is missing; the provider may have renamed it")
    found, unknown = counts(usage)
    shared = _shared(row, "usage")
    extra = {**shared["extra"], **unknown, **leftover(usage, COUNTS | {"total_tokens", "requests"}, "usage.")}
    total, classes = count(usage, "total_tokens"), sum(found.values()) - found["searches"]
    if total is not None and total != classes:
        extra["drift"] = f"total_tokens is {total}, but its classes are {classes}"
    found["requests"] = count(usage, "requests") or 0
    shared |= {"raw_model": text(member(row.record, "group").get("model")), "extra": extra}
    made = [line(row, "usage", {**shared, **counted(meter, number)}) for meter, number in found.items() if number]
    return made or [line(row, "usage", shared)]


def _shared(row: Row, figures: str) -> dict[str, Any]:
    """Who and where. Null is unknown here: the default workspace has an id in these reports."""
    group = member(row.record, "group")
    if group.get("rbac_group_id") is not None:
        raise Unusable("the row is of a group of people; such rows overlap and cannot be added: group by actor")
    shared = conditions(group)
    principal, key, about = _actor(member(group, "actor"))
    shared["extra"] = {
        **leftover(row.record, _ROW | {figures}),
        **leftover(group, _NAMED | CONDITIONS, "group."),
        **about,
        **shared["extra"],
    }
    return shared | {
        "billing_account_id": text(group.get("organization_id")),
        "sub_account_id": text(group.get("workspace_id")),
        "credential_id": text(group.get("api_key_id")) or key,
        "principal": principal,
        "service_name": text(group.get("product")) or "Claude API",
    }


def _actor(actor: Record) -> tuple[str, str, dict[str, str]]:
    """The person or role, the key where a key itself acted, and the rest of what is said of them."""
    ids = ("email_address", "user_id", "service_account_id", "subject")
    names = [name for name in ids if text(actor.get(name))]
    about = leftover(actor, frozenset({"api_key_id", *names[:1]}), "actor.")
    return text(actor.get(names[0])) if names else "", text(actor.get("api_key_id")), about
