"""Split an amount exactly: every grain lands somewhere, and none twice."""

from collections.abc import Sequence


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares in proportion to weights that sum to the amount; equal ones where the weights sum to nothing.

    By cumulative rounding down, so each share is within one grain of its exact one while no
    weight is negative, and the same weights in the same order give the same shares.

    >>> spread(100, [1, 1, 1]), spread(-7, [2, 0, 5]), spread(5, [0, 0])
    ([33, 33, 34], [-2, 0, -5], [2, 3])
    """
    if not weights:
        return []
    total = sum(weights)
    if not total:
        weights, total = [1] * len(weights), len(weights)
    shares = []
    reached = given = 0
    for weight in weights:
        reached += weight
        upto = amount * reached // total
        shares.append(upto - given)
        given = upto
    return shares
