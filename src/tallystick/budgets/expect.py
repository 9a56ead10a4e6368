"""What the counters of budgets should stand at, from sums of the ledger.

Budgets that look at the same dimensions over the same spans make a family: the ledger
is asked once for each family, and every group it answers with is given to the budgets
that cover it, by the same rules as a call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tallystick.budgets.cover import BudgetBook, counter_key, group_values, grouping
from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, Budget, Span
from tallystick.budgets.window import ENDLESS, previous, slot_end, slots, span
from tallystick.kernel.period import DAY_US

# A run or a conversation may go on for as long as it likes; what is older than this is left as it is.
NAMED_US = 30 * DAY_US
# What some dimensions are told from: the stage by the key, the priced model by the one asked for.
_PARTS: dict[str, tuple[str, ...]] = {KEY_STAGE: ("key",), "model": ("provider", "request_model")}


@dataclass(frozen=True, slots=True)
class Family:
    """Budgets whose counters one sum of the ledger tells.

    Attributes:
        dimensions: What the ledger is to tell groups apart by.
        starts: Beginnings of adjoining spans, ascending.
        end_us: First instant out of the last; 0 has no end.
        counted_from: What the counters of each span bear as their start: 0 where the window has none.
    """

    dimensions: tuple[str, ...]
    starts: tuple[int, ...]
    end_us: int
    counted_from: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """One counter and what the ledger says of it.

    Attributes:
        amount: In the budget's unit.
        values: Of the budget's grouping.
        start_us: Of the window or slot it counts.
        ends_us: When it may be forgotten; 0 never by itself.
        whole: All of its window is known; where it is not, the amount is a lower bound.
    """

    key: bytes
    budget: Budget
    values: tuple[str, ...]
    start_us: int
    ends_us: int
    amount: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """What one group used in one span: values in the order of `Family.dimensions`, amounts by unit."""

    values: tuple[str, ...]
    span: int
    usd: int
    tokens: int
    requests: int


@dataclass(frozen=True, slots=True)
class Known:
    """What has to be known beside the ledger.

    Attributes:
        stages: Key id to what `key_stage` is on its calls, for keys that declare one.
        model: Provider and model as asked for to the model that prices are looked up under.
        from_us: What is older may be missing from the ledger; 0 when nothing is.
    """

    stages: Mapping[str, str]
    model: Callable[[str, str], str]
    from_us: int = 0


def can_be_known(budget: Budget) -> bool:
    """Whether the ledger can tell what its counters stand at: it does not know what a request looked like."""
    return FINGERPRINT not in budget.where and FINGERPRINT not in grouping(budget)


def family_of(budget: Budget, at_us: int) -> Family:
    """The family a budget belongs to at an instant: its window, the one it carries over from, all slots that count."""
    dimensions = parts_of((*budget.where, *grouping(budget)))
    if budget.window in ENDLESS:
        start = 0 if budget.window == "total" else at_us - at_us % DAY_US - NAMED_US
        return Family(dimensions, (start,), 0, (0,))
    slot, earlier = slots(budget, at_us)
    starts = (*earlier[::-1], slot.start_us)
    before = previous(budget, at_us) if budget.carry_over else None
    if before is not None:
        starts = (before.start_us, *starts)
    return Family(dimensions, starts, slot.end_us, starts)


def parts_of(names: Iterable[str]) -> tuple[str, ...]:
    """What the ledger has to tell so that these dimensions are known."""
    return tuple(sorted({part for name in names for part in _PARTS.get(name, (name,))}))


def families(budgets: Iterable[Budget], at_us: int) -> dict[Family, list[Budget]]:
    """Budgets whose counters can be known, by family."""
    found: dict[Family, list[Budget]] = {}
    for budget in budgets:
        if budget.deleted_at is None and can_be_known(budget):
            found.setdefault(family_of(budget, at_us), []).append(budget)
    return found


def expected(family: Family, budgets: Sequence[Budget], groups: Iterable[Group], known: Known) -> list[Expected]:
    """The counters of a family's budgets; those without any use are left out, but for budgets without groups."""
    book = BudgetBook(budgets)
    found: dict[tuple[str, tuple[str, ...], int], int] = {}
    owners = {budget.budget_id: budget for budget in book.budgets}
    for budget in book.budgets:
        if not grouping(budget):
            found |= {(budget.budget_id, (), at): 0 for at in range(len(family.starts))}
    for group in groups:
        dimensions = _dimensions(family, group, known)
        for budget in book.covering(dimensions):
            place = (budget.budget_id, group_values(budget, dimensions), group.span)
            found[place] = found.get(place, 0) + _amount(budget, group)
    return [
        _expected(
            owners[budget_id], values, family.counted_from[at], amount, _is_whole(family, owners[budget_id], at, known)
        )
        for (budget_id, values, at), amount in found.items()
    ]


def counter_span(budget: Budget, start_us: int) -> Span:
    """The window or slot of a counter that bears this start."""
    return slots(budget, start_us)[0]


def counter_end(budget: Budget, start_us: int) -> int:
    """When the counter of the window or slot with this start may be forgotten; 0 never by itself."""
    end_us = slot_end(budget, start_us)
    return span(budget, end_us).end_us if budget.carry_over and end_us else end_us


def _expected(budget: Budget, values: tuple[str, ...], start: int, amount: int, whole: bool) -> Expected:
    key = counter_key(budget.budget_id, values, start)
    return Expected(key, budget, values, start, counter_end(budget, start), amount, whole)


def _is_whole(family: Family, budget: Budget, at: int, known: Known) -> bool:
    """Of runs and conversations only the last weeks are summed: they may have begun before."""
    if budget.window in {"run", "conversation"}:
        return False
    return not known.from_us or family.starts[at] >= known.from_us


def _dimensions(family: Family, group: Group, known: Known) -> dict[str, str]:
    dimensions = dict(zip(family.dimensions, group.values, strict=True))
    if "request_model" in dimensions and "provider" in dimensions:
        dimensions["model"] = known.model(dimensions["provider"], dimensions["request_model"])
    stage = known.stages.get(dimensions.get("key", ""), "")
    return {**dimensions, KEY_STAGE: stage} if stage else dimensions


def _amount(budget: Budget, group: Group) -> int:
    return {"usd": group.usd, "tokens": group.tokens, "requests": group.requests}[budget.unit]
