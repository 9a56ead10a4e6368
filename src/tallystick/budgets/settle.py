"""What a call really used, in the order of its holds."""

from collections.abc import Sequence

from tallystick.budgets.ask import GRAINS_PER_NANO
from tallystick.budgets.model import Bound, Budget


def bound_cost(bound: Bound, output: int) -> int:
    """The most the call may cost with this much output granted, in grains: its row's `bound_cost`."""
    return 0 if bound.price == "covered" else bound.base_grains + output * bound.grains_per_output


def actual(
    covering: Sequence[Budget], cost_grains: int | None, tokens: int | None, bound: Bound, granted_output: int
) -> tuple[int, ...]:  # fmt: skip
    """The amounts to settle at; what is not known counts with its bound, as it does in the ledger.

    Args:
        cost_grains: Of the whole call, in US dollars; None when unknown.
        tokens: Input and output together; None when absent.
    """
    grains = bound_cost(bound, granted_output) if cost_grains is None or bound.price == "covered" else cost_grains
    used = bound.input_tokens + granted_output if tokens is None else tokens
    by_unit = {"usd": -(-grains // GRAINS_PER_NANO), "tokens": used, "requests": 1}
    return tuple([by_unit[budget.unit] for budget in covering])
