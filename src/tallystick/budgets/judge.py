"""The verdict of the budgets on one call. It follows from the numbers alone."""

from collections.abc import Mapping, Sequence

from tallystick.budgets.ask import enforced, limit_at, unknown_policy
from tallystick.budgets.model import (
    FINGERPRINT,
    Ask,
    Bound,
    Budget,
    Granted,
    Judgement,
    Standing,
    UnknownPrice,
    Verdict,
)  # fmt: skip
from tallystick.budgets.window import slots

# The gravest first: of several budgets without room the gravest decides.
SEVERITY: tuple[Verdict, ...] = ("tripped", "blocked", "paused", "degraded", "alerted", "allowed")
_NEVER = 2**63


def prejudge(
    covering: Sequence[Budget], dimensions: Mapping[str, str], bound: Bound, default: UnknownPrice
) -> Judgement | None:  # fmt: skip
    """The refusal that is certain before any counter is asked; None when there is none.

    Args:
        default: The policy for unknown prices of budgets that have none of their own.
    """
    asked = [budget for budget in covering if budget.unit != "requests" and enforced(budget, dimensions)]
    for budget in asked:
        blocks = unknown_policy((budget,), dimensions, default) == "block"
        if blocks and bound.price == "unknown" and budget.unit == "usd":
            return Judgement("blocked", "price_unknown", budget)
        if blocks and bound.unbounded and (budget.unit == "tokens" or bound.price != "covered"):
            return Judgement("blocked", "cost_unbounded", budget)
        if budget.strict and not bound.capped:
            return Judgement("blocked", "output_unbounded", budget)
    return None


def judge(
    covering: Sequence[Budget], granted: Granted, ask: Ask, *, degraded: Budget | None = None, model: str = ""
) -> Judgement:
    """The verdict from what the counters said.

    Args:
        degraded: The budget for whose sake the cheaper model is now being asked for:
            every budget without room blocks.
        model: The model asked for; a budget cannot degrade a call to the model it has already.
    """
    alerts = over(covering, granted, ask)
    if granted.granted:
        if degraded is not None:
            return Judgement("degraded", "", degraded, 0, alerts)
        return Judgement("alerted" if alerts else "allowed", "", None, 0, alerts)
    best: tuple[tuple[int, int], Verdict, Budget, int] | None = None
    for at in granted.lacking:
        budget = covering[at]
        verdict = refusal(budget, final=degraded is not None, model=model)
        reset = _reset(budget, granted.standings[at], ask.at_us)
        # Of equals the one that holds longest: trying again earlier is in vain.
        rank = (SEVERITY.index(verdict), -(reset or _NEVER))
        if best is None or rank < best[0]:
            best = rank, verdict, budget, reset
    if best is None:
        raise ValueError("counters that grant nothing name the holds without room")
    _, verdict, budget, reset = best
    return Judgement(verdict, _code(verdict, budget), budget, reset, alerts)


def judge_away(covering: Sequence[Budget], ask: Ask, *, degraded: Budget | None = None) -> Judgement:
    """The verdict while the counters cannot be asked: one enforced budget that fails closed blocks."""
    for budget, hold in zip(covering, ask.holds, strict=True):
        if hold.limit is not None and budget.fail == "closed":
            return Judgement("blocked", "budget_unavailable", budget)
    return Judgement("allowed") if degraded is None else Judgement("degraded", "", degraded)


def refusal(budget: Budget, *, final: bool, model: str) -> Verdict:
    """What a budget without room says."""
    if budget.trip_seconds:
        return "tripped"
    if budget.action == "pause":
        return "paused"
    if budget.action == "degrade" and not final and budget.degrade_to.lower() != model.lower():
        return "degraded"
    return "blocked"


def over(covering: Sequence[Budget], granted: Granted, ask: Ask) -> tuple[Budget, ...]:
    """The budgets that only count and are over their limit with this call."""
    output = granted.output if granted.granted else ask.least
    return tuple(
        [
            budget
            for budget, hold, standing in zip(covering, ask.holds, granted.standings, strict=True)
            if hold.limit is None
            and standing.posted + standing.reserved + hold.amount(output) > limit_at(budget, ask.at_us)
        ]
    )


def _reset(budget: Budget, standing: Standing, at_us: int) -> int:
    """When there may be room again: the breaker closes, the window ends, the oldest slot drops out."""
    if budget.trip_seconds:
        return standing.tripped_until_us if standing.tripped_until_us > at_us else at_us + budget.trip_seconds * 10**6
    return slots(budget, at_us)[0].end_us


def _code(verdict: Verdict, budget: Budget) -> str:
    if verdict == "tripped":
        return "loop_detected" if FINGERPRINT in budget.group_by else "rate_limited"
    return {"blocked": "budget_exceeded", "paused": "workload_paused"}.get(verdict, "")
