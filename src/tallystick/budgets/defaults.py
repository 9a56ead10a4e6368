"""What holds before anybody has set a budget, and what a stage of the lifecycle means for a new one."""

from dataclasses import dataclass, replace
from decimal import Decimal

from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, NANO, Action, Budget, Threshold

PREFIX = "default:"
PRODUCTION = "production"
_SPARED = "-production"
VELOCITY_TRIP_SECONDS = 60
LOOP_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Preset:
    """What a stage of the lifecycle means for a budget: `Budget.action` and `Budget.thresholds`."""

    action: Action
    thresholds: tuple[Threshold, ...]


_TOLD = tuple(Threshold("limit", percent) for percent in (50, 80, 100))
_HARD = Preset("block", _TOLD)
PRESETS: dict[str, Preset] = {
    "experiment": _HARD,
    "test": _HARD,
    "unknown_provider": _HARD,
    PRODUCTION: Preset("alert", _TOLD),
}


def preset(budget: Budget, stage: str) -> Budget:
    """The budget as its stage wants it: hard everywhere but in production, told of at half, four fifths and all.

    A stage that is not in `PRESETS` is taken for an experiment.
    """
    found = PRESETS.get(stage, _HARD)
    trip = 0 if found.action == "alert" else budget.trip_seconds
    return replace(
        budget, action=found.action, degrade_to="", thresholds=found.thresholds, trip_seconds=trip, preset=stage
    )


def default_budgets(
    key_usd_per_day: float, run_usd: float, run_calls_per_minute: int, loop_calls: int, zone: str
) -> tuple[Budget, ...]:
    """The budgets of an empty configuration; an amount of 0 leaves its budget out.

    Each comes twice: it blocks where the key is not declared production, and only alerts where
    it is. Runs and conversations are counted for each key: their names are the caller's own,
    and nobody may use up another's.
    """
    key_nano, run_nano = _nano(key_usd_per_day), _nano(run_usd)
    found = [
        Budget("default:key-day", "each key, a day", key_nano, window="day", group_by=("key",), zone=zone),
        Budget("default:run", "each run", run_nano, window="run", group_by=("key", "run")),
        Budget(
            "default:conversation",
            "each conversation",
            run_nano,
            window="conversation",
            group_by=("key", "conversation"),
        ),
    ]
    runs = ("run", "conversation")
    found += [_breaker(f"{of}-velocity", f"calls a minute of each {of}", run_calls_per_minute, of) for of in runs]
    for of in runs:
        loop = _breaker(f"{of}-loop", f"equal calls in ten minutes of each {of}", loop_calls, of)
        found.append(replace(loop, group_by=(*loop.group_by, FINGERPRINT), window_count=LOOP_MINUTES))
    return tuple(one for budget in found if budget.limit > 0 for one in _by_stage(budget))


def _breaker(word: str, name: str, limit: int, of: str) -> Budget:
    return Budget(
        f"{PREFIX}{word}", name, limit, unit="requests", window="minute", group_by=("key", of),
        rolling=True, trip_seconds=VELOCITY_TRIP_SECONDS,
    )  # fmt: skip


def _by_stage(budget: Budget) -> tuple[Budget, Budget]:
    hard = replace(budget, where={KEY_STAGE: (f"!{PRODUCTION}",)}, preset="experiment")
    spared = replace(
        budget,
        budget_id=budget.budget_id + _SPARED,
        name=f"{budget.name}, in production",
        where={KEY_STAGE: (PRODUCTION,)},
        action="alert",
        trip_seconds=0,
        preset=PRODUCTION,
    )
    return hard, spared


def _nano(dollars: float) -> int:
    """Of an amount as it was written in the configuration."""
    return int(Decimal(str(dollars)) * NANO)
