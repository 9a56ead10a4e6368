"""Show past calls to proposed budgets and rules: who would have been stopped, when, and what it would have saved."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any

from tallystick.budgets.bound import CURRENCY
from tallystick.budgets.cover import grouping
from tallystick.budgets.expect import can_be_known, parts_of
from tallystick.budgets.model import KEY_STAGE, Budget
from tallystick.budgets.replay import Call, Replay
from tallystick.kernel.errors import Denied
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import DAY_US, HOUR_US, rfc3339
from tallystick.ledger.store import count_hours, count_meters, read_calls
from tallystick.operations.context import Context, now_us
from tallystick.operations.ledger_sums import key_stages
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import rate
from tallystick.routing.decide import apply, in_order
from tallystick.routing.model import CallFacts, Rule
from tallystick.usage.model import Measured

_BATCH = 50_000
_MOST_SHOWN = 200
_FIXED = 8  # columns before the dimensions
_GRAINS_PER_NANO = 1000
NOTES = (
    "Calls are shown one after another: of calls that ran at once a live gateway refuses a little earlier.",
    "Money of a call that budgets had no bound for is its cost; each call is rounded up to a billionth.",
)
Report = Callable[[int, int], None]


@dataclass(slots=True)
class RuleEffect:
    """What one rule would have done: `route`, `max_output` or `deny`."""

    rule: str
    effect: str
    first_us: int
    calls: int = 0
    saved: int = 0
    unknown: int = 0


@dataclass(slots=True)
class _Pricing:
    """Calls priced anew, with another model or a shorter answer."""

    book: PriceBook
    meters: tuple[str, ...]

    def cost(self, at_us: int, provider: str, model: str, quantities: Mapping[str, int]) -> int | None:
        """Nano-units, rounded up; None without a price for all of it in the currency of limits."""
        target, _, name = model.rpartition("/")
        found = rate(
            self.book, provider=target or provider, model=name, service_tier="", region="", at_us=at_us,
            measured=Measured(quantities, state="reported"),
        )  # fmt: skip
        if found.cost is None or found.unpriced or found.currency != CURRENCY:
            return None
        return -(-found.cost // _GRAINS_PER_NANO)


@dataclass(slots=True)
class _Kind:
    """What all calls with the same dimensions have in common."""

    dimensions: dict[str, str]
    covering: tuple[tuple[str, tuple[str, ...]], ...]
    critical: bool


@dataclass(slots=True)
class _Run:
    """One replay under way."""

    replay: Replay
    rules: tuple[Rule, ...]
    names: tuple[str, ...]
    pricing: _Pricing
    stages: Mapping[str, str]
    kinds: dict[Sequence[str], _Kind] = field(default_factory=dict)
    effects: dict[tuple[str, str], RuleEffect] = field(default_factory=dict)

    def take(self, row: Sequence[Any]) -> None:
        """One row of `read_calls`."""
        end = _FIXED + len(self.names)
        place = tuple(row[_FIXED:end])
        kind = self.kinds.get(place) or self._kind(place)
        if not kind.covering and not self.rules:
            self.replay.calls += 1
            return
        at, bound, cost = row[0], row[1], row[2]
        call: Call = (at, cost if bound is None else bound, cost, (row[3] or 0) + (row[4] or 0))
        if self.rules:
            ruled = self._ruled(kind, row, call)
            if ruled is None:
                self.replay.calls += 1
                return
            call = ruled

        def reprice(model: str) -> int | None:
            return self.pricing.cost(at, kind.dimensions["provider"], model, self._quantities(row))

        self.replay.show(kind.covering, call, critical=kind.critical, reprice=reprice)

    def _kind(self, place: tuple[str, ...]) -> _Kind:
        dimensions = {name: value for name, value in zip(self.names, place, strict=True) if value}
        provider, model = dimensions.setdefault("provider", ""), dimensions.get("request_model", "")
        dimensions["model"] = self.pricing.book.resolve(provider, model).model or model
        stage = self.stages.get(dimensions.get("key", ""), "")
        if stage:
            dimensions[KEY_STAGE] = stage
        critical = dimensions.get("workload_class", "").lower() == "critical"
        made = self.kinds[place] = _Kind(dimensions, self.replay.covering(dimensions), critical)
        return made

    def _quantities(self, row: Sequence[Any]) -> dict[str, int]:
        values = row[_FIXED + len(self.names) :]
        return {name: value for name, value in zip(self.pricing.meters, values, strict=True) if value}

    def _ruled(self, kind: _Kind, row: Sequence[Any], call: Call) -> Call | None:
        """The call as the rules would have had it; None where it would not have been made."""
        at, _, cost, tokens = call
        plan = apply(self.rules, CallFacts(kind.dimensions, at, row[5] or 0, row[6], None, bool(row[7])))
        if plan.deny:
            self._note(plan.by["deny"], "deny", at, cost)
            return None
        quantities, model = self._quantities(row), kind.dimensions["model"]
        cut = 0
        if plan.max_output is not None and (row[4] or 0) > plan.max_output:
            cut = row[4] - plan.max_output
            quantities = _shorter(quantities, cut)
        if not plan.models and not cut:
            return call
        target = plan.models[0] if plan.models else model
        cheaper = self.pricing.cost(at, kind.dimensions["provider"], target, quantities)
        name, effect = (plan.by["route"], "route") if plan.models else (plan.by["max_output"], "max_output")
        self._note(name, effect, at, None if cheaper is None or cost is None else cost - cheaper)
        return (at, cheaper, cheaper, tokens - cut) if cheaper is not None else call

    def _note(self, rule: str, effect: str, at_us: int, saved: int | None) -> None:
        found = self.effects.setdefault((rule, effect), RuleEffect(rule, effect, at_us))
        found.calls += 1
        found.saved += saved or 0
        found.unknown += saved is None


def replay(
    context: Context,
    book: PriceBook,
    proposed: tuple[Sequence[Budget], Sequence[Rule]],
    since_us: int,
    report: Report = lambda done, total: None,
) -> dict[str, Any]:
    """What these budgets and rules would have made of the calls since an instant, as plain JSON."""
    budgets = [one for one in proposed[0] if can_be_known(one)]
    rules = in_order(changed(one, shadow=False) for one in proposed[1])
    period = (since_us, now_us() + 1)
    meters = tuple(count_meters(context.ledger, period)) if rules or any(one.degrade_to for one in budgets) else ()
    run = _Run(Replay(budgets), rules, _names(budgets, rules), _Pricing(book, meters), key_stages(context))
    hours = count_hours(context.ledger, period)
    total, done = sum(count for _, count in hours), 0
    for first, end in _stretches(hours, period):
        for row in read_calls(context.ledger, run.names, meters, (first, end)):
            run.take(row)
            done += 1
        report(done, total)
    left = [one.name for one in proposed[0] if not can_be_known(one)]
    return _wire(run, period, left)


def check_replay_scope(principal: Principal) -> None:
    """A replay looks at all calls, so that whoever sees only some teams cannot ask for one.

    Raises:
        Denied: The principal is limited to teams.
    """
    if principal.teams:
        raise Denied("a replay looks at the calls of all teams", next_steps=["ask somebody who sees all teams"])


def since_of(days: int) -> int:
    """The instant so many days ago, at the start of its hour."""
    at = now_us() - days * DAY_US
    return at - at % HOUR_US


def _names(budgets: Sequence[Budget], rules: Sequence[Rule]) -> tuple[str, ...]:
    """The dimensions that make a difference, and those that prices need."""
    names = {"provider", "request_model"}
    for budget in budgets:
        names.update(parts_of((*budget.where, *grouping(budget))))
        names.update({"workload_class"} if budget.action == "pause" else ())
    for rule in rules:
        names.update(parts_of(tuple(rule.conditions.where)))
    return tuple(sorted(names))


def _stretches(hours: Sequence[tuple[int, int]], period: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Adjoining stretches of whole hours with not many more calls than one batch each."""
    first, count = period[0], 0
    for start, number in hours:
        if count and count + number > _BATCH:
            yield first, start
            first, count = start, 0
        count += number
    if count:
        yield first, period[1]


def _shorter(quantities: Mapping[str, int], cut: int) -> dict[str, int]:
    """Without so many tokens of output, plain ones first."""
    kept = dict(quantities)
    for name in ("plain_output", "reasoning_output"):
        taken = min(cut, kept.get(name, 0))
        if taken:
            kept[name] -= taken
            cut -= taken
    return kept


def _wire(run: _Run, period: tuple[int, int], left: Sequence[str]) -> dict[str, Any]:
    effects = run.replay.effects()
    stopped = [one for one in effects if one.verdict != "alerted"]
    rules = heapq.nlargest(_MOST_SHOWN, run.effects.values(), key=lambda one: one.saved)
    return {
        "from": rfc3339(period[0]),
        "to": rfc3339(period[1] - 1),
        "calls": run.replay.calls,
        "covered": run.replay.covered,
        "stopped_calls": sum(one.calls for one in stopped),
        "saved": _money(sum(one.saved for one in stopped) + sum(one.saved for one in run.effects.values())),
        "budgets": [
            {
                "budget": one.budget.name,
                "group": dict(zip(grouping(one.budget), one.values, strict=True)),
                "verdict": one.verdict,
                "first": rfc3339(one.first_us),
                "calls": one.calls,
                "saved": _money(one.saved),
                "unknown_calls": one.unknown,
            }
            for one in effects[:_MOST_SHOWN]
        ],
        "more_groups": max(0, len(effects) - _MOST_SHOWN),
        "rules": [
            {
                "rule": one.rule, "effect": one.effect, "first": rfc3339(one.first_us), "calls": one.calls,
                "saved": _money(one.saved), "unknown_calls": one.unknown,
            }
            for one in rules
        ],
        "left_out": list(left),
        "notes": list(NOTES),
    }  # fmt: skip


def _money(nano: int) -> str:
    return text_from_grains(nano * _GRAINS_PER_NANO)
