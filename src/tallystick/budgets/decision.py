"""All that a verdict was made of, as a plain dict: stored with the call's row, and enough to make it again.

Amounts are whole numbers in the counter's unit (nano-dollars, tokens, requests).
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any

from tallystick.budgets.ask import limit_at
from tallystick.budgets.cover import group_of, grouping
from tallystick.budgets.explain import words
from tallystick.budgets.model import Bound, Budget, Hold, Judgement, Standing, Try, UnknownPrice
from tallystick.budgets.settle import bound_cost
from tallystick.budgets.window import span
from tallystick.kernel.period import SECOND_US, rfc3339
from tallystick.kernel.record import record

Json = dict[str, Any]

# Where a dimension's value may come from without the caller's having a say.
NOBODYS_CLAIM = frozenset({"locked", "default", "request"})
_MOST_REMEMBERED = 4096
# Of a budget, what differs from call to call; None while its counter could not be asked.
_DIFFERING = (
    "counter", "window_start", "window_end", "enforced", "limit", "posted", "reserved", "asked", "has_room",
)  # fmt: skip

_remembered: dict[int, tuple[Budget, Json, tuple[str, ...]]] = {}
_counters: dict[bytes, tuple[Budget, Json, tuple[str, ...], bool]] = {}


@record(frozen=True, slots=True)
class Decision:
    """What the gateway knows when it has decided.

    Attributes:
        at_us: The call's instant.
        judgement: Of the budgets; or of what came before them (``denied``, ``cached``).
        reason: For people.
        identity: Of the key: ``id``, ``kind``.
        sources: Dimension to where its value is from: ``locked`` or ``default`` on the key, ``request`` (known of
            the call itself), else what the caller sent: ``header``, ``body``, a peer's header.
        tried: The last asking; None when it came to none.
        first: The asking that was refused before the call was degraded.
        unknown_price: The policy of budgets that have none of their own.
        rules: Those that applied, in order, as plain dicts with ``id`` and ``effect``.
        requested_max, granted_max: `max_tokens` as requested and as sent; None when none is.
        max_set: The gateway has set it.
        counters: ``kind`` and ``state`` of the counters: ``ok``, or why they could not be asked.
        outcome: What is known at the end; ``served_from`` when the cache answered.
    """

    at_us: int
    judgement: Judgement
    reason: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    tried: Try | None = None
    first: Try | None = None
    unknown_price: UnknownPrice = "ceiling"
    rules: Sequence[Mapping[str, Any]] = ()
    requested_model: str = ""
    sent_model: str = ""
    requested_max: int | None = None
    granted_max: int | None = None
    max_set: bool = False
    counters: Mapping[str, str] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)


def decision_dict(decision: Decision) -> Json:
    """The decision as it is stored."""
    judgement, tried, sources = decision.judgement, decision.tried, decision.sources
    dimensions = tried.dimensions if tried is not None else {}
    breaking = judgement.breaking
    return {
        "at": decision.at_us,
        "at_text": instant_text(decision.at_us),
        "verdict": judgement.verdict,
        "code": judgement.code,
        "reason": decision.reason,
        "breaking": None if breaking is None else breaking.budget_id,
        "reset": judgement.reset_us,
        "alerts": [budget.budget_id for budget in judgement.alerts],
        "identity": dict(decision.identity),
        "dimensions": {
            name: {"value": value, "from": sources.get(name, "request")} for name, value in dimensions.items() if value
        },
        "unknown_price": decision.unknown_price,
        "rules": [dict(rule) for rule in decision.rules],
        "models": {"requested": decision.requested_model, "sent": decision.sent_model},
        "max_tokens": {
            "requested": decision.requested_max,
            "granted": decision.granted_max,
            "set_by_gateway": decision.max_set,
        },
        "counters": dict(decision.counters),
        **(_try(tried, sources, decision.at_us) if tried is not None else {"bound": None, "budgets": []}),
        "first_try": None if decision.first is None else _try(decision.first, sources, decision.at_us),
        "outcome": dict(decision.outcome),
    }


def _try(tried: Try, sources: Mapping[str, str], at_us: int) -> Json:
    ask, granted, covering = tried.ask, tried.granted, tried.covering
    if ask is None:
        return {"model": tried.model, "bound": _bound(tried.bound, 0), "budgets": []}
    standings: Sequence[Standing] = () if granted is None else granted.standings
    lacking = () if granted is None else granted.lacking
    output = granted.output if granted is not None and granted.granted else ask.least
    budgets = []
    for at, (budget, hold) in enumerate(zip(covering, ask.holds, strict=True)):
        fixed, named = counter_told(budget, hold, tried.dimensions, at_us)
        told = fixed.copy()
        limit = hold.limit
        told["asked"] = hold.base - (-output * hold.per_output // 1000)
        told["limit"] = limit_at(budget, at_us) if limit is None else limit
        if standings:
            _add_standing(told, standings[at])
            if limit is not None:
                told["has_room"] = at not in lacking
        claimed = [name for name in named if sources.get(name, "request") not in NOBODYS_CLAIM]
        if claimed:
            told["on_claims"] = claimed
        budgets.append(told)
    return {"model": tried.model, "bound": _bound(tried.bound, output), "budgets": budgets}


def _bound(bound: Bound, output: int) -> Json:
    amount = bound_cost(bound, output)
    return {
        "input_tokens": bound.input_tokens,
        "output_tokens": bound.output_tokens,
        "capped": bound.capped,
        "choices": bound.choices,
        "amount": amount,
        "amount_text": words("usd", -(-amount // 1000), up=True),
        "price": bound.price,
        "price_id": bound.price_id,
        "source": bound.source,
        "unbounded": bound.unbounded,
    }


def _add_standing(told: Json, standing: Standing) -> None:
    if standing.limit is not None:
        told["limit"] = standing.limit
    posted, reserved = standing.posted, standing.reserved
    told["posted"], told["reserved"] = posted, reserved
    told["has_room"] = posted + reserved + told["asked"] <= told["limit"]
    if standing.tripped_until_us:
        told["tripped_until"] = standing.tripped_until_us


def counter_told(
    budget: Budget, hold: Hold, dimensions: Mapping[str, str], at_us: int
) -> tuple[Json, tuple[str, ...]]:  # fmt: skip
    """What is told of one counter as long as its window or slot lasts: its key names budget, group and start."""
    known = _counters.get(hold.key)
    if known is not None and known[0] is budget and known[3] is (hold.limit is not None):
        return known[1], known[2]
    fixed, named = _fixed(budget)
    told, window = fixed.copy(), span(budget, at_us)
    if "group" in told:
        told["group"] = group_of(budget, dimensions)
    told["counter"], told["enforced"] = hold.key.hex(), hold.limit is not None
    told["window_start"], told["window_end"] = window.start_us, window.end_us
    if len(_counters) >= _MOST_REMEMBERED:
        _counters.clear()
    _counters[hold.key] = budget, told, named, hold.limit is not None
    return told, named


def _fixed(budget: Budget) -> tuple[Json, tuple[str, ...]]:
    """What is told of a budget in every decision, and the dimensions that it goes by. What is as usual is left out.

    What differs from call to call has its place already: to fill it in is cheaper than to make a dict grow.
    """
    known = _remembered.get(id(budget))
    if known is not None and known[0] is budget:
        return known[1], known[2]
    told: Json = {
        "id": budget.budget_id, "name": budget.name, "unit": budget.unit, "action": budget.action,
        "window": budget.window,
    }  # fmt: skip
    usual = {
        "window_count": 1, "rolling": False, "degrade_to": "", "trip_seconds": 0, "fail": "closed",
        "unknown_price": None, "strict": False,
    }  # fmt: skip
    told.update({name: value for name, standard in usual.items() if (value := getattr(budget, name)) != standard})
    differing = ("group",) if grouping(budget) else ()
    told.update(dict.fromkeys((*differing, *_DIFFERING)))
    named = tuple(dict.fromkeys((*budget.where, *grouping(budget))))
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    # The budget is kept with the answer: as long as it is, nothing else has its identity.
    _remembered[id(budget)] = budget, told, named
    return told, named


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return rfc3339(seconds * SECOND_US)[:-1]


def instant_text(at_us: int) -> str:
    """As RFC 3339 always with microseconds; the second is remembered."""
    seconds, micros = divmod(at_us, SECOND_US)
    return f"{_second(seconds)}.{micros:06d}Z"
