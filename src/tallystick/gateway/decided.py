"""What was decided on one call: kept while it runs, told to whoever is refused, written down with its row."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tallystick.budgets.decision import Decision
from tallystick.budgets.decision_text import decision_text
from tallystick.budgets.explain import explain
from tallystick.budgets.model import Judgement, Try
from tallystick.budgets.wire import limit_text
from tallystick.gateway.attribution import origin
from tallystick.gateway.dialects.model import Detail
from tallystick.gateway.refuse import Refusal
from tallystick.kernel.period import rfc3339

if TYPE_CHECKING:
    from tallystick.gateway.prepare import Incoming
    from tallystick.gateway.settings import BudgetSettings
    from tallystick.routing.model import Plan

# SDKs wait so long at most before they try again; a longer wait is an answer to a person.
_LONGEST_WAIT_SECONDS = 60
_STATUSES = {"budget_unavailable": 503, "denied": 403}


@dataclass(slots=True)
class Decided:
    """All that one verdict was made of.

    Attributes:
        tried: What was asked of the counters, and their answer; None where no budget was asked.
        first: The refused try with the model that was asked for, where `tried` is for a cheaper one.
        away: Why the counters could not be asked.
        rules: Routing rules that matched, as they are written down.
    """

    judgement: Judgement
    tried: Try | None = None
    first: Try | None = None
    away: str = ""
    rules: tuple[dict[str, Any], ...] = field(default=())


def told(incoming: "Incoming") -> list[tuple[bytes, bytes]]:
    """Headers that say what was changed or assumed; none on a call that went as it came."""
    decided = incoming.decided
    if decided is None:
        return []
    headers = []
    if incoming.max_tokens is not None:
        headers.append((b"x-tally-max-tokens", b"%d" % incoming.max_tokens))
    if incoming.sent_model:
        headers.append((b"x-tally-requested-model", incoming.facts.model.encode("latin-1", "replace")))
        headers.append((b"x-tally-model", incoming.sent_model.encode("latin-1", "replace")))
    if decided.tried is not None and decided.tried.bound.price in {"ceiling", "unknown"}:
        headers.append((b"x-tally-price", decided.tried.bound.price.encode()))
    if decided.away:
        headers.append((b"x-tally-budgets", b"unavailable"))
    return headers


def refusal_of(incoming: "Incoming", decided: Decided, pages: str) -> Refusal:
    """What the caller is told."""
    judgement = decided.judgement
    code = judgement.code or "budget_exceeded"
    wait = -(-(judgement.reset_us - incoming.arrived_us) // 1_000_000) if judgement.reset_us else 0
    soon = judgement.verdict == "tripped" and 0 < wait <= _LONGEST_WAIT_SECONDS
    budget = judgement.breaking
    detail = Detail(
        budget=budget.name if budget else "",
        limit=f"{limit_text(budget.unit, budget.limit)} {budget.unit}" if budget else "",
        resets_at=rfc3339(judgement.reset_us) if judgement.reset_us else "",
        link=f"{pages}/requests/{incoming.event_id}" if pages else "",
    )
    return Refusal(
        _STATUSES.get(code, 429),
        code,
        _reason(decided),
        final=not soon and code != "budget_unavailable",
        retry_after=wait if soon else 0,
        detail=detail,
    )


def describe(incoming: "Incoming", decided: Decided, settings: "BudgetSettings") -> str:
    """The decision as JSON, to be kept with the row."""
    tried, facts, caller = decided.tried, incoming.facts, incoming.caller
    key = caller.key if caller else None
    decision = Decision(
        at_us=incoming.arrived_us,
        judgement=decided.judgement,
        reason=_reason(decided),
        identity={"id": key.key_id, "kind": "tally key"} if key else {"id": "", "kind": "provider key"},
        sources={name: origin(incoming.head, key, name) for name in incoming.owner.dimensions},
        tried=tried,
        first=decided.first,
        unknown_price=settings.policy.unknown_price,
        rules=[*decided.rules, *rules_told(incoming.plan)],
        requested_model=facts.model,
        sent_model=incoming.sent_model or facts.model,
        requested_max=facts.max_tokens,
        granted_max=incoming.max_tokens if incoming.max_tokens is not None else facts.max_tokens,
        max_set=incoming.max_tokens is not None,
        counters={"kind": settings.kind, "state": decided.away or "ok"},
        outcome={"served_from": "cache"} if decided.judgement.verdict == "cached" else {},
    )
    return decision_text(decision)


def rules_told(plan: "Plan") -> list[dict[str, Any]]:
    """Rules that had an effect on a call, and those in shadow that would have had one."""
    told = [{"id": name, "effect": effect} for effect, name in plan.by.items()]
    return [*told, *({"id": name, "effect": "shadow"} for name in plan.shadowed)]


def _reason(decided: Decided) -> str:
    return explain(decided.judgement, decided.tried) if decided.tried is not None else ""
