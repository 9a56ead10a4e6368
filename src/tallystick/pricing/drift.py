"""Tokenizer drift: the same text makes more tokens than it did. Pure.

Input tokens per byte of request differ from feature to feature, so levels are never
compared across them: each stratum (model, feature, key …) is held against its own past,
and the strata vote by ranks. A shift of traffic from one stratum to another moves no
vote, a new stratum has no past and none either, and one stratum that changed its prompt
is one vote of many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, log, sqrt
from statistics import median

HOUR_US = 3_600_000_000
LEAST_SHIFT = 0.03
"""Smaller shifts are left to the noise of prompts."""
LEAST_STRATA = 3
LEAST_BUCKETS = 8
"""Hours with traffic that a stratum needs before an instant."""
LEAST_AFTER = 2
"""Hours with traffic that it needs after; fewer give a score that no vote is won with."""
LEAST_HEARD = LEAST_STRATA * LEAST_BUCKETS
"""Hours after an instant that all strata need together."""
CERTAIN = 1e-5


@dataclass(frozen=True, slots=True)
class Bucket:
    """One hour of one stratum.

    Attributes:
        hour: Number of the hour since 1970.
        tokens: Input, cached or not.
        bytes: Of the same requests.
    """

    hour: int
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of tokens per byte that the strata of a model share.

    Attributes:
        hour: First hour after the change, as best it can be told.
        ratio: Tokens per byte after, as a multiple of before: the median of the strata.
        low, high: Where the strata's middle half lies.
        strata, agreeing: How many were heard, and how many moved the same way by more than `LEAST_SHIFT`.
        chance: Of so clear a vote where nothing changed, over all instants looked at.
    """

    hour: int
    ratio: float
    low: float
    high: float
    strata: int
    agreeing: int
    chance: float


@dataclass(frozen=True, slots=True)
class _Moved:
    ratio: float
    z: float
    hours: int


def find_drift(
    strata: Mapping[str, Sequence[Bucket]], now_hour: int, *, window: int = 14 * 24, lately: int = 48
) -> Drift | None:
    """The clearest shared change that began within the last `lately` hours; None where nothing is clear.

    Args:
        strata: Name to its hours, in order of time.
        now_hour: The first hour not looked at.
        window: Hours of past that a stratum is held against.
    """
    best: Drift | None = None
    instants = range(now_hour - lately, now_hour - LEAST_BUCKETS + 1)
    for instant in instants:
        moved = [one for one in (_moved(rows, instant, now_hour, window) for rows in strata.values()) if one]
        found = _vote(moved, instant, len(instants))
        if found is not None and (best is None or found.chance < best.chance):
            best = found
    return best


def _moved(rows: Sequence[Bucket], instant: int, until: int, window: int) -> _Moved | None:
    """How one stratum's tokens per byte moved at an instant: the ratio of medians and the rank-sum score."""
    before = [row.tokens / row.bytes for row in rows if instant - window <= row.hour < instant and row.bytes]
    after = [row.tokens / row.bytes for row in rows if instant <= row.hour < until and row.bytes]
    if len(before) < LEAST_BUCKETS or len(after) < LEAST_AFTER or not (old := median(before)):
        return None
    return _Moved(median(after) / old, _rank_score(before, after), len(after))


def _rank_score(before: Sequence[float], after: Sequence[float]) -> float:
    """Mann and Whitney's statistic as a standard normal score, ties shared."""
    ranked = sorted([(value, False) for value in before] + [(value, True) for value in after])
    ranks = ties = 0.0
    at = 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        count = end - at
        ranks += (at + end + 1) / 2 * sum(is_after for _, is_after in ranked[at:end])
        ties += count**3 - count
        at = end
    n, m = len(before), len(after)
    mean = m * (n + m + 1) / 2
    spread = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
    return (ranks - mean) / sqrt(spread) if spread > 0 else 0.0


def _vote(moved: Sequence[_Moved], instant: int, looks: int) -> Drift | None:
    """Whether the strata agree: most of them the same way by a like amount, and their scores together beyond chance."""
    if len(moved) < LEAST_STRATA or sum(one.hours for one in moved) < LEAST_HEARD:
        return None
    ratios = sorted(one.ratio for one in moved)
    ratio = median(ratios)
    agreeing = (
        sum(1 for one in ratios if abs(log(one)) > log(1 + LEAST_SHIFT) and (one > 1) == (ratio > 1))
        if ratios[0] > 0
        else 0
    )
    quarter = len(ratios) // 4
    low, high = ratios[quarter], ratios[-1 - quarter]
    # A tokenizer moves all text by much the same; prompts that grew or shrank do not.
    alike = log(high / low) < max(0.5 * abs(log(ratio)), 0.03) if low > 0 else False
    if agreeing < 0.8 * len(moved) or not alike:
        return None
    # The median of the scores and not their sum: no single stratum can carry a vote.
    score = abs(median(one.z for one in moved)) * sqrt(len(moved)) * sqrt(2 / 3.14159265)
    chance = min(1.0, looks * (erfc(score / sqrt(2)) or exp(-score * score / 2)))
    return Drift(instant, ratio, low, high, len(moved), agreeing, chance) if chance < CERTAIN else None
