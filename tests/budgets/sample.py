"""Budgets, bounds and counters' answers for the tests of this room."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tallystick.budgets.ask import holds, least_output
from tallystick.budgets.model import ACTIONS, NANO, UNITS, Ask, Bound, Budget, Granted, Hold, Standing
from tallystick.kernel.period import instant


def at(text: str) -> int:
    """Microseconds of an instant such as ``2026-11-23T12:00:00+01:00``."""
    return instant(datetime.fromisoformat(text))


NOON = at("2026-11-23T12:00:00+00:00")
CALL = {"provider": "openai", "model": "gpt-x", "key": "key_1", "team": "search", "run": "r-1"}
BOUND = Bound(1000, 4000, 3_000_000, 2_000_000, True)


def budget(name: str = "b", limit: int = 10 * NANO, **more: Any) -> Budget:
    return Budget(str(more.pop("budget_id", f"bud_{name}")), name, limit, **more)


def granting(asked: Sequence[Hold], standings: Sequence[Standing], most: int, least: int, at_us: int = NOON) -> Granted:
    """What counters answer, by the law alone and not by their code: the largest output that fits everywhere.

    What asks for nothing always fits; a breaker without room, or open, refuses.
    """

    def fits(hold: Hold, standing: Standing, output: int) -> bool:
        if hold.limit is None:
            return True
        if hold.trip_us and standing.tripped_until_us > at_us:
            return False
        limit = hold.limit if standing.limit is None else standing.limit
        return hold.amount(output) <= max(0, limit - standing.posted - standing.reserved)

    told = [
        Standing(one.posted, one.reserved, hold.limit, one.tripped_until_us if hold.trip_us else 0)
        for hold, one in zip(asked, standings, strict=True)
    ]
    lacking = tuple(i for i, hold in enumerate(asked) if not fits(hold, told[i], least))
    if lacking:
        opened = [
            Standing(one.posted, one.reserved, one.limit, max(one.tripped_until_us, at_us + hold.trip_us))
            if i in lacking and hold.trip_us and one.tripped_until_us <= at_us
            else one
            for i, (hold, one) in enumerate(zip(asked, told, strict=True))
        ]
        return Granted(False, 0, tuple(opened), lacking)
    low, high = least, most
    while low < high:
        middle = (low + high + 1) // 2
        if all(fits(hold, one, middle) for hold, one in zip(asked, told, strict=True)):
            low = middle
        else:
            high = middle - 1
    return Granted(True, low, tuple(told))


def asking(
    covering: Sequence[Budget], bound: Bound, dimensions: Mapping[str, str] = CALL, at_us: int = NOON
) -> Ask:  # fmt: skip
    return Ask(
        "evt_1", "gw", holds(covering, dimensions, at_us, bound), bound.output_tokens, least_output(bound),
        at_us, at_us + 900_000_000,
    )  # fmt: skip


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    """Any budget that covers `CALL`."""
    action = draw(st.sampled_from(ACTIONS))
    rolling = draw(st.booleans())
    windows = ["minute", "day", "month", "year"] if rolling else ["run", "hour", "week", "quarter", "total"]
    return budget(
        draw(st.sampled_from("abcdef")),
        draw(st.integers(1, 20)) * 10 ** draw(st.integers(0, 10)),
        budget_id=f"bud_{draw(st.integers(0, 10**6))}",
        unit=draw(st.sampled_from(UNITS)),
        window=draw(st.sampled_from(windows)),
        rolling=rolling,
        group_by=draw(st.sampled_from([(), ("team",), ("key", "team")])),
        action=action,
        degrade_to=draw(st.sampled_from(["small", "gpt-x", "GPT-X"])) if action == "degrade" else "",
        trip_seconds=draw(st.sampled_from([0, 60])) if action == "block" else 0,
        fail=draw(st.sampled_from(["open", "closed"])),
        unknown_price=draw(st.sampled_from([None, "block", "ceiling", "allow"])),
        strict=draw(st.integers(0, 9)) == 0,
    )


bounds = st.builds(
    Bound,
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    base_grains=st.integers(0, 10**13),
    grains_per_output=st.integers(0, 10**9),
    capped=st.booleans(),
    choices=st.integers(1, 4),
    price=st.sampled_from(["exact", "exact", "exact", "ceiling", "unknown", "covered"]),
    unbounded=st.sampled_from(["", "", "", "a stored conversation"]),
)

standings = st.builds(
    Standing,
    posted=st.one_of(st.integers(0, 10**3), st.integers(0, 10**11)),
    reserved=st.one_of(st.just(0), st.integers(0, 10**10)),
    limit=st.none(),
    tripped_until_us=st.sampled_from([0, 0, 0, NOON - 1, NOON, NOON + 1, NOON + 60_000_000]),
)
