"""What a call asks of the counters of its budgets."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from tallystick.budgets.cover import counter_key, group_values
from tallystick.budgets.model import LEAST_OUTPUT_TOKENS, Bound, Budget, Hold, UnknownPrice
from tallystick.budgets.window import following, previous, slot_end, slots
from tallystick.kernel.period import SECOND_US

GRAINS_PER_NANO = 1000
# Start of the counter that remembers a breaker: it is the same in every window.
NO_WINDOW = -1
_STRICTNESS: dict[UnknownPrice, int] = {"allow": 0, "ceiling": 1, "block": 2}
_MOST_REMEMBERED = 8192


def holds(
    covering: Sequence[Budget], dimensions: Mapping[str, str], at_us: int, bound: Bound
) -> tuple[Hold, ...]:  # fmt: skip
    """One hold for each covering budget, in order."""
    return tuple([_hold(budget, dimensions, at_us, bound) for budget in covering])


def amounts(budget: Budget, bound: Bound) -> tuple[int, int]:
    """`base` and `per_output` of a hold, in the budget's unit."""
    if budget.unit == "requests":
        return 1, 0
    if budget.unit == "tokens":
        return bound.input_tokens, 1000
    if bound.price == "covered":
        return 0, 0
    return -(-bound.base_grains // GRAINS_PER_NANO), bound.grains_per_output


def limit_at(budget: Budget, at_us: int) -> int:
    """The limit at an instant: the last override that holds, else the budget's own."""
    for override in reversed(budget.overrides):
        if override.from_us <= at_us < override.until_us:
            return override.limit
    return budget.limit


def enforced(budget: Budget, dimensions: Mapping[str, str]) -> bool:
    """Whether lack of room stops or changes this call: alerts never do, a pause spares critical work."""
    if budget.action == "pause":
        return dimensions.get("workload_class", "").lower() != "critical"
    return budget.blocks


def least_output(bound: Bound) -> int:
    """The least output to ask for, all choices together: all of it when the request caps itself."""
    if bound.capped:
        return bound.output_tokens
    return min(bound.output_tokens, LEAST_OUTPUT_TOKENS * bound.choices)


def unknown_policy(
    covering: Sequence[Budget], dimensions: Mapping[str, str], default: UnknownPrice
) -> UnknownPrice:  # fmt: skip
    """What holds when no price or bound is known: the strictest word of the enforced budgets, each its own or the
    default. Where nothing is enforced nothing is blocked.
    """
    words: list[UnknownPrice] = [
        budget.unknown_price or default
        for budget in covering
        if budget.unit != "requests" and enforced(budget, dimensions)
    ]
    if words:
        return max(words, key=_STRICTNESS.__getitem__)
    return "ceiling" if default == "block" else default


def _hold(budget: Budget, dimensions: Mapping[str, str], at_us: int, bound: Bound) -> Hold:
    values = group_values(budget, dimensions)
    base, per_output = amounts(budget, bound)
    slot, earlier = slots(budget, at_us)
    key = counter_key(budget.budget_id, values, slot.start_us)
    also = _keys(budget.budget_id, values, earlier) if earlier else ()
    if not enforced(budget, dimensions):
        return Hold(key, base, per_output, None, slot_end(budget, at_us), also)
    ends_us, carry = slot_end(budget, at_us), None
    after = following(budget, at_us) if budget.carry_over else None
    if after is not None:
        ends_us = after.end_us  # the next window still reads it
        carry = _carry(budget, values, at_us)
    breaker = counter_key(budget.budget_id, values, NO_WINDOW) if budget.trip_seconds else b""
    return Hold(
        key, base, per_output, limit_at(budget, at_us), ends_us, also, carry,
        budget.trip_seconds * SECOND_US, breaker,
    )  # fmt: skip


def _carry(budget: Budget, values: tuple[str, ...], at_us: int) -> tuple[bytes, int] | None:
    """Counter and limit of the window before; None when the budget did not exist in it."""
    before = previous(budget, at_us)
    if before is None or budget.created_at >= before.end_us:
        return None
    return counter_key(budget.budget_id, values, before.start_us), limit_at(budget, before.end_us - 1)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _keys(budget_id: str, values: tuple[str, ...], starts: tuple[int, ...]) -> tuple[bytes, ...]:
    return tuple(counter_key(budget_id, values, start) for start in starts)
