"""Which budgets cover a call, and which counters it touches."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, Budget
from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.match import FOLDED, accepts, folded

# What is known of every call before it is made, be it empty: grouping by it leaves no call uncounted.
ALWAYS: frozenset[str] = frozenset(
    {"provider", "model", "request_model", "operation_name", "service_tier", "key", "provider_account", KEY_STAGE}
)
# All that `where` and `group_by` may name.
DIMENSIONS: tuple[str, ...] = (*sorted(ALWAYS), FINGERPRINT, *ATTRIBUTION)
_MOST_REMEMBERED = 8192


def grouping(budget: Budget) -> tuple[str, ...]:
    """The dimensions whose values make its counters; a run's or conversation's window adds its own."""
    if budget.window in {"run", "conversation"} and budget.window not in budget.group_by:
        return (*budget.group_by, budget.window)
    return budget.group_by


def group_values(budget: Budget, dimensions: Mapping[str, str]) -> tuple[str, ...]:
    """The call's values of `grouping`, in its order."""
    return tuple([folded(name, dimensions.get(name, "")) for name in grouping(budget)])


def group_of(budget: Budget, dimensions: Mapping[str, str]) -> dict[str, str]:
    """The group a call falls in: dimension to value."""
    return {name: folded(name, dimensions.get(name, "")) for name in grouping(budget)}


def covers(budget: Budget, dimensions: Mapping[str, str]) -> bool:
    """Whether one budget covers a call."""
    for name in grouping(budget):
        if name not in ALWAYS and not dimensions.get(name):
            return False
    return all(accepts(name, values, dimensions.get(name, "")) for name, values in budget.where.items())


@lru_cache(maxsize=_MOST_REMEMBERED)
def counter_key(budget_id: str, values: tuple[str, ...], start_us: int) -> bytes:
    """The 16 bytes that name a counter: of a budget, the group's values, and the start of window or slot."""
    digest = blake2b(start_us.to_bytes(8, "little", signed=True), digest_size=16)
    for part in (budget_id, *values):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "little"))
        digest.update(encoded)
    return digest.digest()


class BudgetBook:
    """All budgets, and which of them cover a call.

    Immutable but for its memory of answers, which is keyed by what can make a difference:
    values that no budget names are one and the same to it.

    Args:
        budgets: In the order in which they are asked; deleted ones are left out.
    """

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self.budgets: tuple[Budget, ...] = tuple(one for one in budgets if one.deleted_at is None)
        named: dict[str, set[str]] = {}
        for budget in self.budgets:
            for name, values in budget.where.items():
                named.setdefault(name, set()).update(folded(name, value.removeprefix("!")) for value in values)
        self._named = tuple((name, name in FOLDED, frozenset(values - {"*"})) for name, values in named.items())
        self._grouped = tuple({n: None for one in self.budgets for n in grouping(one) if n not in ALWAYS})
        self._index, self._rest = _indexed(self.budgets)
        self._memory: dict[tuple[str | bool, ...], tuple[Budget, ...]] = {}

    def covering(self, dimensions: Mapping[str, str]) -> tuple[Budget, ...]:
        """The budgets that cover a call with these dimensions, in order."""
        key: list[str | bool] = [bool(dimensions.get(name)) for name in self._grouped]
        for name, fold, known in self._named:
            value = dimensions.get(name, "")
            if fold:
                value = value.lower()
            key.append(value if not value or value in known else "*")
        remembered = tuple(key)
        found = self._memory.get(remembered)
        if found is None:
            found = self._find(dimensions)
            if len(self._memory) >= _MOST_REMEMBERED:
                self._memory.clear()
            self._memory[remembered] = found
        return found

    def _find(self, dimensions: Mapping[str, str]) -> tuple[Budget, ...]:
        candidates = set(self._rest)
        for name, value in dimensions.items():
            candidates.update(self._index.get((name, folded(name, value)), ()))
        return tuple(self.budgets[at] for at in sorted(candidates) if covers(self.budgets[at], dimensions))


def _indexed(budgets: tuple[Budget, ...]) -> tuple[dict[tuple[str, str], list[int]], list[int]]:
    """Each budget under the values of the one dimension that tells it from most others; the rest apart."""
    counts = Counter(pair for budget in budgets for pairs in _literals(budget) for pair in pairs)
    index: dict[tuple[str, str], list[int]] = {}
    rest: list[int] = []
    for at, budget in enumerate(budgets):
        choices = _literals(budget)
        if not choices:
            rest.append(at)
            continue
        for pair in min(choices, key=lambda pairs: sum(counts[pair] for pair in pairs)):
            index.setdefault(pair, []).append(at)
    return index, rest


def _literals(budget: Budget) -> list[list[tuple[str, str]]]:
    """For each dimension that must have one of some values: the dimension with each of them."""
    return [
        [(name, folded(name, value)) for value in values]
        for name, values in budget.where.items()
        if not any(value == "*" or value.startswith("!") for value in values)
    ]
