"""The budgets of a call with all that does not change from one call to the next: made once, asked many times.

Calls come in kinds: same team, same key, same run. For each kind the covering budgets,
their counters, limits and windows are worked out once and hold until the first of their
windows ends or an override begins or ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.budgets.ask import enforced, holds, unknown_policy
from tallystick.budgets.cover import BudgetBook, grouping
from tallystick.budgets.model import FINGERPRINT, Bound, Budget, Hold, UnknownPrice
from tallystick.budgets.window import slots

_MOST_REMEMBERED = 16_384
_NEVER = 2**63
_NOTHING = Bound(0, 0, 0, 0, capped=True)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One kind of call.

    Attributes:
        covering: Its budgets, in order.
        from_us, until_us: First instant it holds at, first it does not.
        told: Whether some budget only counts, so that being over it has to be told.
        strict: Whether some enforced budget wants requests capped by themselves.
        blocks_unknown: Whether some enforced budget blocks what has no price or bound.
        unknown_price: What holds where no price is known.
        printed: Positions of the budgets that count equal requests: their counters differ from call to call.
    """

    covering: tuple[Budget, ...]
    from_us: int
    until_us: int
    told: bool
    strict: bool
    blocks_unknown: bool
    unknown_price: UnknownPrice
    printed: tuple[int, ...]
    _holds: tuple[Hold, ...]

    def holds(self, dimensions: Mapping[str, str], at_us: int, bound: Bound) -> tuple[Hold, ...]:
        """What a call with this bound asks, one hold for each budget: as `ask.holds`."""
        money = (0, 0) if bound.price == "covered" else (-(-bound.base_grains // 1000), bound.grains_per_output)
        of = {"usd": money, "tokens": (bound.input_tokens, 1000), "requests": (1, 0)}
        found = []
        for budget, hold in zip(self.covering, self._holds, strict=True):
            base, per = of[budget.unit]
            found.append(
                Hold(hold.key, base, per, hold.limit, hold.ends_us, hold.also, hold.carry, hold.trip_us, hold.breaker)
            )
        for at in self.printed:
            (found[at],) = holds((self.covering[at],), dimensions, at_us, bound)
        return tuple(found)


class CoverageBook:
    """Coverages of all kinds of calls met so far.

    Args:
        book: The budgets; another book is another `CoverageBook`.
        default: The policy for unknown prices of budgets that have none of their own.
    """

    def __init__(self, book: BudgetBook, default: UnknownPrice) -> None:
        self.book = book
        self._default = default
        grouped = {name for budget in book.budgets for name in grouping(budget)}
        pauses = {"workload_class"} if any(one.action == "pause" for one in book.budgets) else set()
        named = {name for budget in book.budgets for name in budget.where}
        self._names = tuple(sorted((grouped | named | pauses) - {FINGERPRINT}))
        self._known: dict[tuple[object, ...], Coverage] = {}

    def of(self, dimensions: Mapping[str, str], at_us: int) -> Coverage:
        """The coverage of a call."""
        kind = (*map(dimensions.get, self._names), FINGERPRINT in dimensions)
        found = self._known.get(kind)
        if found is None or not found.from_us <= at_us < found.until_us:
            found = cover(self.book.covering(dimensions), dimensions, at_us, self._default)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[kind] = found
        return found


def cover(
    covering: tuple[Budget, ...], dimensions: Mapping[str, str], at_us: int, default: UnknownPrice
) -> Coverage:  # fmt: skip
    """What the covering budgets of a call make of it, and how long that holds."""
    edges = [0, _NEVER]
    for budget in covering:
        slot, _ = slots(budget, at_us)
        edges += [slot.start_us, slot.end_us or _NEVER]
        edges += [edge for one in budget.overrides for edge in (one.from_us, one.until_us)]
    held = [budget for budget in covering if enforced(budget, dimensions)]
    return Coverage(
        covering=covering,
        from_us=max(edge for edge in edges if edge <= at_us),
        until_us=min(edge for edge in edges if edge > at_us),
        told=len(held) < len(covering),
        strict=any(budget.strict for budget in held),
        blocks_unknown=any((budget.unknown_price or default) == "block" for budget in held),
        unknown_price=unknown_policy(covering, dimensions, default),
        printed=tuple(at for at, budget in enumerate(covering) if FINGERPRINT in budget.group_by),
        _holds=holds(covering, dimensions, at_us, _NOTHING),
    )
