"""The decision as JSON text, as the gateway writes it with every call: `decision.decision_dict`, written straight away.

Most of a decision is the same in call after call: what is told of a counter for as long as its
window lasts, what a call is known by. That is written once and kept; only the numbers are new.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import takewhile
from json.encoder import encode_basestring as quoted

from tallystick.budgets.ask import limit_at
from tallystick.budgets.decision import NOBODYS_CLAIM, Decision, counter_told, instant_text
from tallystick.budgets.explain import words
from tallystick.budgets.model import Ask, Bound, Budget, Hold, Standing, Try
from tallystick.budgets.settle import bound_cost

_MOST_REMEMBERED = 4096
_UNASKED = '"posted":null,"reserved":null,"asked":%d,"has_room":null'
_BOOL = {False: "false", True: "true"}
_dumps = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))

# Of each counter: its budget, whether it is enforced, its constant text, the dimensions that it goes by.
_openings: dict[bytes, tuple[Budget, bool, str, tuple[str, ...]]] = {}


def decision_text(decision: Decision) -> str:
    """The JSON of a decision, without spaces and with its members in the order of `decision_dict`."""
    judgement, tried, sources, at_us = decision.judgement, decision.tried, decision.sources, decision.at_us
    breaking = judgement.breaking
    dimensions = "" if tried is None else _dimensions(tuple(tried.dimensions.items()), tuple(sources.items()))
    last = '"bound":null,"budgets":[]' if tried is None else _try(tried, sources, at_us)
    first = "null" if decision.first is None else f"{{{_try(decision.first, sources, at_us)}}}"
    alerts = _dumps([budget.budget_id for budget in judgement.alerts]) if judgement.alerts else "[]"
    rules = _dumps([dict(rule) for rule in decision.rules]) if decision.rules else "[]"
    outcome = _dumps(dict(decision.outcome)) if decision.outcome else "{}"
    return (
        f'{{"at":{at_us},"at_text":"{instant_text(at_us)}","verdict":"{judgement.verdict}","code":"{judgement.code}",'
        f'"reason":{quoted(decision.reason)},"breaking":{"null" if breaking is None else quoted(breaking.budget_id)},'
        f'"reset":{judgement.reset_us},"alerts":{alerts},"identity":{_members(tuple(decision.identity.items()))},'
        f'"dimensions":{{{dimensions}}},"unknown_price":"{decision.unknown_price}","rules":{rules},'
        f'"models":{{"requested":{quoted(decision.requested_model)},"sent":{quoted(decision.sent_model)}}},'
        f'"max_tokens":{{"requested":{_number(decision.requested_max)},"granted":{_number(decision.granted_max)},'
        f'"set_by_gateway":{_BOOL[decision.max_set]}}},"counters":{_members(tuple(decision.counters.items()))},'
        f'{last},"first_try":{first},"outcome":{outcome}}}'
    )


def _try(tried: Try, sources: Mapping[str, str], at_us: int) -> str:
    ask, granted = tried.ask, tried.granted
    if ask is None:
        return f'"model":{quoted(tried.model)},"bound":{_bound(tried.bound, 0)},"budgets":[]'
    output = granted.output if granted is not None and granted.granted else ask.least
    if granted is not None and granted.standings:
        told = _asked(tried, ask, granted.standings, output, at_us)
    else:
        told = [
            _opening(budget, hold, tried, at_us)[0]
            + f"{limit_at(budget, at_us) if hold.limit is None else hold.limit},{_UNASKED % hold.amount(output)}"
            for budget, hold in zip(tried.covering, ask.holds, strict=True)
        ]
    claims = {name for name, source in sources.items() if source not in NOBODYS_CLAIM}
    if claims:
        told = _with_claims(told, tried, ask, claims, at_us)
    budgets = "},{".join(told)
    return (
        f'"model":{quoted(tried.model)},"bound":{_bound(tried.bound, output)},'
        f'"budgets":[{"{" + budgets + "}" if told else ""}]'
    )


def _asked(tried: Try, ask: Ask, standings: Sequence[Standing], output: int, at_us: int) -> list[str]:
    """What is told of each counter that answered, but for its closing brace."""
    lacking = tried.granted.lacking if tried.granted is not None else ()
    told = []
    for at, (budget, hold, standing) in enumerate(zip(tried.covering, ask.holds, standings, strict=True)):
        held, limit, posted, reserved = hold.limit, standing.limit, standing.posted, standing.reserved
        asked = hold.base - (-output * hold.per_output // 1000)
        if limit is None:
            limit = limit_at(budget, at_us) if held is None else held
        room = posted + reserved + asked <= limit if held is None else at not in lacking
        text = (
            f'{_opening(budget, hold, tried, at_us)[0]}{limit},"posted":{posted},"reserved":{reserved},'
            f'"asked":{asked},"has_room":{"true" if room else "false"}'
        )
        if standing.tripped_until_us:
            text += f',"tripped_until":{standing.tripped_until_us}'
        told.append(text)
    return told


def _with_claims(told: list[str], tried: Try, ask: Ask, claims: set[str], at_us: int) -> list[str]:
    """Which of the dimensions that a budget goes by the caller has only claimed."""
    found = []
    for text, budget, hold in zip(told, tried.covering, ask.holds, strict=True):
        claimed = [name for name in _opening(budget, hold, tried, at_us)[1] if name in claims]
        found.append(f'{text},"on_claims":{_dumps(claimed)}' if claimed else text)
    return found


def _opening(budget: Budget, hold: Hold, tried: Try, at_us: int) -> tuple[str, tuple[str, ...]]:
    """All that is told of a counter before its limit, and the dimensions that its budget goes by."""
    known = _openings.get(hold.key)
    if known is not None and known[0] is budget and known[1] is (hold.limit is not None):
        return known[2], known[3]
    told, named = counter_told(budget, hold, tried.dimensions, at_us)
    constant = dict(takewhile(lambda member: member[0] != "limit", told.items()))
    text = f'{_dumps(constant)[1:-1]},"limit":'
    if len(_openings) >= _MOST_REMEMBERED:
        _openings.clear()
    _openings[hold.key] = budget, hold.limit is not None, text, named
    return text, named


def _bound(bound: Bound, output: int) -> str:
    amount = bound_cost(bound, output)
    return (
        f'{{"input_tokens":{bound.input_tokens},"output_tokens":{bound.output_tokens},"capped":{_BOOL[bound.capped]},'
        f'"choices":{bound.choices},"amount":{amount},"amount_text":"{words("usd", -(-amount // 1000), up=True)}",'
        f'"price":"{bound.price}","price_id":{quoted(bound.price_id)},"source":{quoted(bound.source)},'
        f'"unbounded":{quoted(bound.unbounded)}}}'
    )


@lru_cache(maxsize=_MOST_REMEMBERED)
def _dimensions(known: tuple[tuple[str, str], ...], sources: tuple[tuple[str, str], ...]) -> str:
    """The members of ``dimensions``."""
    of = dict(sources)
    return ",".join(
        f'{quoted(name)}:{{"value":{quoted(value)},"from":{quoted(of.get(name, "request"))}}}'
        for name, value in known
        if value
    )


@lru_cache(maxsize=_MOST_REMEMBERED)
def _members(pairs: tuple[tuple[str, str], ...]) -> str:
    return _dumps(dict(pairs))


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
