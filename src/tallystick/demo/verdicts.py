"""What Northwind's budgets made of some of its latest calls: verdicts and decisions on rows that are there anyway.

Every amount spent is counted from the rows before, so that a decision says what the ledger says. What calls in flight
held at that moment is made up. A call that was refused takes the place of one that failed, for neither cost anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Any

import pyarrow as pa

from tallystick.budgets.ask import holds, least_output
from tallystick.budgets.cover import BudgetBook, group_values
from tallystick.budgets.decision import Decision, decision_dict
from tallystick.budgets.explain import explain
from tallystick.budgets.judge import judge
from tallystick.budgets.model import Ask, Bound, Budget, Granted, Hold, Judgement, Standing, Try
from tallystick.budgets.settle import bound_cost
from tallystick.budgets.window import span
from tallystick.demo.budgets import ASSISTANT, CHEAPER_MODEL, DEAR_MODEL
from tallystick.demo.company import CUSTOMERS
from tallystick.demo.draw import Drawn
from tallystick.demo.model import DemoSpec
from tallystick.demo.templates import Row
from tallystick.kernel.period import DAY_US

_COUNTED_US, _DECIDED_US = 48 * DAY_US, 12 * DAY_US
# One row in so many gets a decision; those of the features that budgets changed more often.
_SHARE, _OFTEN = 40, 6
_CAP = 4096
_DEARER = 5
_OURS = ("provider", "model", "request_model", "key", "operation_name")
_OWNERS = ("team", "feature", "product", "department", "environment", "lifecycle_stage", "agent", "workload_class")
_TEXTS = ("verdict", "decision", "sent_model")


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of one row."""

    values: dict[str, Any]
    refused: bool = False


@dataclass(slots=True)
class Verdicts:
    """Counts what budgets hold while rows are made, and decides on some of the latest.

    Attributes:
        refused: Failed calls that were made into refused ones.
    """

    spec: DemoSpec
    budgets: Sequence[Budget]
    refused: int = 0
    _book: BudgetBook = field(init=False)
    _spent: dict[tuple[str, tuple[str, ...], int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._book = BudgetBook(self.budgets)

    def decide(self, drawn: Drawn, rows: Sequence[Row], columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """The columns of a batch, with the verdicts of its rows."""
        count = len(drawn.row)
        blank = {name: pa.repeat(pa.scalar(""), count) for name in _TEXTS}
        columns |= {**blank, "bound_cost": pa.nulls(count, pa.int64())}
        found: dict[int, Decided] = {}
        since, decided_since = self.spec.now_us - _COUNTED_US, self.spec.now_us - _DECIDED_US
        late = sorted((at, index) for index, at in enumerate(drawn.at) if at >= since)
        for number, (at, index) in enumerate(late):
            row = rows[drawn.row[index]]
            dimensions = _dimensions(row, drawn.customer[index])
            covering = self._book.covering(dimensions)
            if at >= decided_since and covering:
                made = self._of(_Call(row, dimensions, covering, at, str(columns["event_id"][index]), number))
                found |= {index: made} if made else {}
            self._count(row, covering, dimensions, at)
        self.refused += sum(one.refused for one in found.values())
        return _changed(columns, found)

    def _count(self, row: Row, covering: Sequence[Budget], dimensions: dict[str, str], at_us: int) -> None:
        amounts = {
            "usd": -(-(row.cost or 0) // 1000),
            "tokens": (row.measured.input_tokens or 0) + (row.measured.output_tokens or 0),
        }
        for budget in covering:
            if not budget.rolling:
                place = (budget.budget_id, group_values(budget, dimensions), span(budget, at_us).start_us)
                self._spent[place] = self._spent.get(place, 0) + amounts[budget.unit]

    def _of(self, call: "_Call") -> Decided | None:
        """The decision on a call, None where none is told."""
        if any(one.rolling for one in call.covering) or (call.row.cost is None):
            return None
        if call.row.failed:
            talks = call.dimensions["operation_name"] == "chat"
            blocking = talks and any(one.action == "block" for one in call.covering)
            return self._refuse(call) if blocking else None
        assistant = call.dimensions.get("feature") == ASSISTANT and call.row.values["model"] == CHEAPER_MODEL
        if assistant and call.number % _OFTEN == 0:
            return self._degrade(call)
        return self._pass(call) if call.number % _SHARE == 0 else None

    def _pass(self, call: "_Call") -> Decided:
        tried = self._try(call, _bound(call.row, 1), str(call.row.values["model"]), room=None)
        judgement = self._judge(call, tried)
        return Decided(_told(call, Decision(call.at_us, judgement, tried=tried)))

    def _degrade(self, call: "_Call") -> Decided:
        budget = next(one for one in call.covering if one.action == "degrade")
        first = self._try(call, _bound(call.row, _DEARER), DEAR_MODEL, room=budget)
        tried = self._try(call, _bound(call.row, 1), CHEAPER_MODEL, room=None)
        tried_ask, granted = tried.ask, tried.granted
        if tried_ask is None or granted is None:
            raise ValueError("a made-up call is always asked for")
        judgement = judge(call.covering, granted, tried_ask, degraded=budget, model=CHEAPER_MODEL)
        made = _told(call, Decision(call.at_us, judgement, tried=tried, first=first, requested_model=DEAR_MODEL))
        return Decided({**made, "request_model": DEAR_MODEL, "sent_model": CHEAPER_MODEL})

    def _refuse(self, call: "_Call") -> Decided:
        budget = next(one for one in call.covering if one.action == "block")
        model = str(call.row.values["model"])
        bound = Bound(240_000, 32_000, 1_200_000_000_000, 25_000_000, True, 1, _SOURCE)
        tried = self._try(call, bound, model, room=budget)
        judgement = self._judge(call, tried)
        made = _told(call, Decision(call.at_us, judgement, tried=tried, requested_model=model))
        changed = {"attempt": 0, "outcome": "refused", "status": 429, "error_type": judgement.code, "bound_cost": None}
        return Decided({**made, **changed}, refused=True)

    def _judge(self, call: "_Call", tried: Try) -> Judgement:
        if tried.ask is None or tried.granted is None:
            raise ValueError("a made-up call is always asked for")
        return judge(call.covering, tried.granted, tried.ask, model=tried.model)

    def _try(self, call: "_Call", bound: Bound, model: str, *, room: Budget | None) -> Try:
        """One asking; `room` is the budget that is to have none left for it."""
        dimensions = {**call.dimensions, "model": model, "request_model": model}
        asked = holds(call.covering, dimensions, call.at_us, bound)
        most, least = bound.output_tokens, least_output(bound)
        ask = Ask(call.event_id, "demo", asked, most, least, call.at_us, call.at_us)
        standings = tuple(
            self._standing(call, budget, hold, hold.amount(least) if budget is room else 0)
            for budget, hold in zip(call.covering, asked, strict=True)
        )
        lacking = tuple(
            at
            for at, (hold, one) in enumerate(zip(asked, standings, strict=True))
            if hold.limit is not None and one.posted + one.reserved + hold.amount(least) > hold.limit
        )
        return Try(model, dimensions, tuple(call.covering), bound, ask, Granted(not lacking, most, standings, lacking))

    def _standing(self, call: "_Call", budget: Budget, hold: Hold, short_of: int) -> Standing:
        place = (budget.budget_id, group_values(budget, call.dimensions), span(budget, call.at_us).start_us)
        posted = self._spent.get(place, 0)
        room = max(0, (hold.limit or budget.limit) - posted)
        # Half of what is asked is left; or a few calls are in flight that leave enough.
        held = max(0, room - short_of // 2) if short_of else room // 1000 * (call.number % 9)
        return Standing(posted, held, hold.limit)


@dataclass(frozen=True, slots=True)
class _Call:
    row: Row
    dimensions: dict[str, str]
    covering: Sequence[Budget]
    at_us: int
    event_id: str
    number: int


_SOURCE = "the request's size at the list price, and as much output as it allows"


def _dimensions(row: Row, customer: int) -> dict[str, str]:
    values = row.values
    found = {name: str(values[name]) for name in (*_OURS, *_OWNERS) if values.get(name)}
    return found | ({"customer": CUSTOMERS[customer - 1]} if customer else {})


def _bound(row: Row, dearer: int) -> Bound:
    """More than the call came to use, as bounds are."""
    used = row.measured
    output = (used.output_tokens or 0) + _CAP
    grains = (row.cost or 0) * dearer
    per_output = grains // (4 * output)
    return Bound(
        (used.input_tokens or 0) * 11 // 10, output, grains * 11 // 10, per_output, True, 1, _SOURCE,
        price_id=str(row.values.get("price_id", "")),
    )  # fmt: skip


def _told(call: _Call, decision: Decision) -> dict[str, Any]:
    tried = decision.tried
    if tried is None:
        raise ValueError("a made-up call is always asked for")
    whole = Decision(
        call.at_us, decision.judgement, explain(decision.judgement, tried), {"id": call.dimensions["key"], "kind": "tally key"},
        {name: "locked" if name in {"team", "environment"} else "header" for name in _OWNERS},
        tried, decision.first, requested_model=decision.requested_model or tried.model, sent_model=tried.model,
        requested_max=tried.bound.output_tokens, granted_max=tried.bound.output_tokens,
        counters={"kind": "shared", "state": "ok"},
    )  # fmt: skip
    return {
        "verdict": decision.judgement.verdict,
        "decision": dumps(decision_dict(whole), separators=(",", ":")),
        "bound_cost": bound_cost(tried.bound, tried.bound.output_tokens),
    }


def _changed(columns: dict[str, Sequence[Any]], found: dict[int, Decided]) -> dict[str, Sequence[Any]]:
    """The columns with the decided rows in them; the others are as they were."""
    names = dict.fromkeys(name for one in found.values() for name in one.values)
    for name in names:
        column = columns[name]
        values = column.to_pylist()  # type: ignore[attr-defined]
        for index, one in found.items():
            if name in one.values:
                values[index] = one.values[name]
        columns[name] = pa.array(values, column.type)  # type: ignore[attr-defined]
    return columns
