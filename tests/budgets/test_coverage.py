"""What is remembered of a kind of call is what would be worked out for each call anew."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets.ask import enforced, holds, unknown_policy
from tallystick.budgets.cover import BudgetBook
from tallystick.budgets.coverage import CoverageBook
from tallystick.budgets.model import FINGERPRINT, Bound, Budget, Override
from tests.budgets.sample import NOON, bounds, budgets

HOUR = 3_600_000_000

whose = st.fixed_dictionaries(
    {"provider": st.just("openai"), "model": st.sampled_from(["gpt-x", "small"]), "key": st.sampled_from(["k1", "k2"])},
    optional={
        "team": st.sampled_from(["search", "ads"]),
        "run": st.sampled_from(["r1", "r2"]),
        "workload_class": st.sampled_from(["critical", "batch"]),
        FINGERPRINT: st.sampled_from(["f1", "f2"]),
    },
)
overrides = st.builds(
    Override,
    limit=st.integers(1, 10**12),
    from_us=st.integers(NOON - 9 * HOUR, NOON + 9 * HOUR),
    until_us=st.integers(NOON - 9 * HOUR, NOON + 9 * HOUR),
)


@st.composite
def varied(draw: st.DrawFn) -> Budget:
    made = draw(budgets())
    return replace(
        made,
        where=draw(st.sampled_from([{}, {"team": ("search",)}, {"model": ("!small",)}, {"run": ("*",)}])),
        group_by=draw(st.sampled_from([made.group_by, ("run", FINGERPRINT), (FINGERPRINT,)])),
        overrides=tuple(draw(st.lists(overrides, max_size=2))),
        carry_over=draw(st.booleans()),
    )


@given(
    st.lists(varied(), max_size=8, unique_by=lambda one: one.budget_id),
    st.lists(st.tuples(whose, st.integers(NOON - 12 * HOUR, NOON + 12 * HOUR), bounds), min_size=1, max_size=12),
)
def test_a_remembered_coverage_asks_what_a_fresh_one_would(
    book: list[Budget], calls: list[tuple[Mapping[str, str], int, Bound]]
) -> None:
    plain = BudgetBook(book)
    remembering = CoverageBook(BudgetBook(book), "ceiling")
    for dimensions, at_us, bound in calls:
        covering = plain.covering(dimensions)
        kind = remembering.of(dimensions, at_us)
        assert kind.covering == covering
        assert kind.holds(dimensions, at_us, bound) == holds(covering, dimensions, at_us, bound)
        assert kind.unknown_price == unknown_policy(covering, dimensions, "ceiling")
        assert kind.told == any(not enforced(one, dimensions) for one in covering)
        assert kind.strict == any(one.strict and enforced(one, dimensions) for one in covering)
        assert kind.blocks_unknown == any(
            one.unknown_price == "block" and enforced(one, dimensions) for one in covering
        )
