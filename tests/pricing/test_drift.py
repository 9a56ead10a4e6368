"""Tokenizer drift on made-up traffic: found within a day, and nothing where only the mix moved."""

import random
from collections.abc import Callable

import pytest

from tallystick.pricing.drift import Bucket, find_drift

HOURS = 24 * 20
Rate = Callable[[int, int], float]


def traffic(
    seed: int, rate: Rate = lambda stratum, hour: 1.0, *, strata: int = 6, volume: Rate = lambda stratum, hour: 1.0
) -> dict[str, list[Bucket]]:
    """Hours of strata with levels of their own (0.2 to 0.3 tokens a byte), 4 % noise, quiet nights."""
    chance = random.Random(seed)
    found: dict[str, list[Bucket]] = {}
    for stratum in range(strata):
        level = chance.uniform(0.2, 0.3)
        rows = []
        for hour in range(HOURS):
            if hour % 24 < 6 and chance.random() < 0.7:
                continue
            size = int(chance.uniform(20_000, 80_000) * volume(stratum, hour))
            per_byte = level * rate(stratum, hour) * chance.gauss(1, 0.04)
            rows.append(Bucket(hour, int(size * per_byte), size))
        found[f"feature {stratum}"] = rows
    return found


@pytest.mark.parametrize("seed", range(5))
def test_ten_per_cent_more_tokens_for_the_same_text_is_found_within_a_day(seed: int) -> None:
    begun = HOURS - 24
    found = find_drift(traffic(seed, lambda _, hour: 1.1 if hour >= begun else 1.0), HOURS)
    assert found is not None
    assert abs(found.hour - begun) <= 6
    assert found.low <= found.ratio <= found.high
    assert 1.07 < found.ratio < 1.13


@pytest.mark.parametrize("seed", range(8))
def test_steady_traffic_raises_nothing(seed: int) -> None:
    assert find_drift(traffic(seed), HOURS) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_shift_of_traffic_between_features_raises_nothing(seed: int) -> None:
    def moved(stratum: int, hour: int) -> float:
        return (20.0 if stratum == 0 else 0.2) if hour >= HOURS - 24 else 1.0

    assert find_drift(traffic(seed, volume=moved), HOURS) is None


@pytest.mark.parametrize("seed", range(5))
def test_one_feature_with_another_prompt_raises_nothing(seed: int) -> None:
    def rewritten(stratum: int, hour: int) -> float:
        return 1.4 if stratum == 0 and hour >= HOURS - 30 else 1.0

    assert find_drift(traffic(seed, rewritten), HOURS) is None


def sparse(seed: int, rate: float) -> dict[str, list[Bucket]]:
    """Twenty features with some three calls a day each, as a company of the middle size has; 3 % noise."""
    chance = random.Random(seed)
    found: dict[str, list[Bucket]] = {}
    for stratum in range(20):
        level = chance.uniform(0.2, 0.3)
        hours = [hour for hour in range(HOURS) if chance.random() < 3 / 24]
        found[str(stratum)] = [
            Bucket(hour, int(50_000 * level * chance.gauss(1, 0.03) * (rate if hour >= HOURS - 24 else 1)), 50_000)
            for hour in hours
        ]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_many_features_with_few_calls_are_heard_together(seed: int) -> None:
    found = find_drift(sparse(seed, 1.1), HOURS)
    assert found is not None
    assert abs(found.hour - (HOURS - 24)) <= 8
    assert 1.07 < found.ratio < 1.13
    assert find_drift(sparse(seed, 1.0), HOURS) is None


def test_too_few_features_are_not_heard() -> None:
    begun = HOURS - 24
    assert find_drift(traffic(1, lambda _, hour: 1.3 if hour >= begun else 1.0, strata=2), HOURS) is None
