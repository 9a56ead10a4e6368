"""Budgets and decisions in words and rows for the terminal."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Json = dict[str, Any]


def money_text(unit: str, amount: str | None) -> str:
    """An amount of a unit for people; empty for what nobody knows.

    >>> money_text("usd", "0.5"), money_text("tokens", "12000"), money_text("usd", None)
    ('$0.50', '12,000 tokens', '')
    """
    if amount is None:
        return ""
    number = Decimal(amount)
    if unit != "usd":
        return f"{int(number):,} {unit}"
    small = 0 < abs(number) < Decimal("0.01")
    return f"${number:.6f}" if small else f"${number:,.2f}"


def report_lines(one: Json) -> Iterator[str]:
    """What a budget is, line by line."""
    unit = one["unit"]
    rolling = f"{one['window_count']} rolling " if one["rolling"] else ""
    yield f"{one['name']}  ({one['id']})"
    yield f"  limit      {money_text(unit, one['limit'])} a {rolling}{one['window']}, {one['zone']}"
    where = " ".join(f"{name}={'|'.join(values)}" for name, values in one["where"].items())
    yield f"  covers     {where or 'every call'}" + (f", by {', '.join(one['group_by'])}" if one["group_by"] else "")
    yield f"  action     {one['action']}" + (f" to {one['degrade_to']}" if one["degrade_to"] else "")
    if one["thresholds"]:
        yield f"  told at    {', '.join(one['thresholds'])}"
    yield f"  if counters are away: {'calls pass' if one['fail'] == 'open' else 'calls are refused'}"
    for override in one["overrides"]:
        yield f"  override   {money_text(unit, override['limit'])} until {override['until']}: {override['reason']}"
    if one["counted"]:
        yield f"  counted    {one['counted']}"
    yield from _review_lines(one)
    yield from _untracked_lines(one)


def counter_rows(one: Json) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a budget's groups."""
    columns = ["group", "used", "limit", "%", "reserved", "forecast", "limit is hit", "window ends"]
    unit = one["unit"]
    rows = [
        [
            " ".join(f"{name}={value}" for name, value in counter["group"].items()) or "all",
            money_text(unit, counter["used"]),
            money_text(unit, counter["limit"]),
            str(counter["used_percent"]),
            "unknown" if counter["reserved"] is None else money_text(unit, counter["reserved"]),
            money_text(unit, counter["forecast"]),
            counter["hit_at"] or "",
            counter["window_end"] or "",
        ]
        for counter in one["counters"]
    ]
    return columns, rows


def check_lines(answer: Json) -> Iterator[str]:
    """Whether a call would pass, and why."""
    yield f"{'passes' if answer['passes'] else 'is refused'}: {answer['text']}"
    if answer["bound"]:
        yield f"  it may cost up to {answer['bound']['amount_text']} ({answer['bound']['source']})"
    yield from _budget_lines(answer["budgets"])


def decision_lines(answer: Json) -> Iterator[str]:
    """Why a call went as it went."""
    yield f"{answer['event_id']}  {answer['occurred_at']}  {answer['verdict'] or 'no verdict'}, {answer['outcome']}"
    decision = answer["decision"]
    if decision is None:
        yield f"  no decision: {answer['missing']}"
        return
    if decision.get("reason"):
        yield f"  {decision['reason']}"
    yield from _identity_lines(decision)
    if answer["sent_model"] != answer["requested_model"]:
        yield f"  model      {answer['requested_model']} was asked for, {answer['sent_model']} was sent"
    if decision.get("bound"):
        yield f"  bound      {decision['bound'].get('amount_text', '')}: {decision['bound'].get('source', '')}"
    yield from _budget_lines(decision.get("budgets") or [])
    if decision.get("first_try"):
        yield f"  before, with {decision['first_try'].get('model', '')}:"
        yield from _budget_lines(decision["first_try"].get("budgets") or [])
    cost = money_text("usd", answer["effective_cost"]) or "unknown"
    yield f"  it cost    {cost}" + (
        f" of at most {money_text('usd', answer['bound_cost'])}" if answer["bound_cost"] else ""
    )


def _identity_lines(decision: Json) -> Iterator[str]:
    identity = decision.get("identity") or {}
    if identity.get("id"):
        yield f"  key        {identity['id']}"
    for name, one in (decision.get("dimensions") or {}).items():
        yield f"  {name:<10} {one['value']}  (from {one['from']})"


def _budget_lines(budgets: list[Json]) -> Iterator[str]:
    for one in budgets:
        group = " ".join(f"{name}={value}" for name, value in (one.get("group") or {}).items())
        mark = {True: "room", False: "NO ROOM", None: "not asked"}[one.get("has_room")]
        yield f"  budget     {one['name']}{' [' + group + ']' if group else ''}: {one.get('text') or 'unknown'}, {mark}"


def _review_lines(one: Json) -> Iterator[str]:
    review = one["review"]
    if review and review["suggested_limit"]:
        p95, suggested = money_text(one["unit"], review["p95"]), money_text(one["unit"], review["suggested_limit"])
        yield f"  review     {review['finding']}: 95 % of {review['windows']} windows used at most {p95}; try {suggested}"
    elif review:
        yield "  review     nothing was used in the windows looked at"


def _untracked_lines(one: Json) -> Iterator[str]:
    untracked = one["untracked"]
    if untracked:
        yield f"  past it    since {untracked['since']}, in equal times before and after:"
        for found in untracked["found"]:
            before, after = money_text("usd", found["before"]), money_text("usd", found["after"])
            yield f"             {found['by']} {found['value']} through {found['source']}: {before} before, {after} after"
        if not untracked["found"]:
            yield "             nothing that this ledger can see"
        yield f"             {untracked['note']}"
