"""Any sequence of calls on any counters gives what a few lines of plain arithmetic say."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from tallystick.budgets.model import Hold
from tallystick.counters.process import ProcessCounters
from tallystick.counters.shared import SharedCounters
from tests.counters.driven import Driven, ask, key

NAMES = ("a", "b", "c", "d")
LIMITS = {"a": 50, "b": 120, "c": 10**15 + 7, "d": None}


class CountersMachine(RuleBasedStateMachine):
    """The reference: posted per counter, held amounts per reservation, nothing else."""

    held = Bundle("held")

    def make(self) -> Driven:
        return Driven(ProcessCounters())

    @initialize()
    def begin(self) -> None:
        self.counters = self.make()
        self.counters.mark_built()
        self.posted = dict.fromkeys(NAMES, 0)
        self.open: dict[str, dict[str, int]] = {}
        self.used: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.number = 0

    def reserved(self, name: str) -> int:
        return sum(amounts.get(name, 0) for amounts in self.open.values())

    @rule(
        target=held,
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        base=st.integers(0, 30),
        per_output=st.sampled_from((0, 1, 999, 1000, 1001, 75_000)),
        most=st.integers(0, 60),
        least=st.integers(0, 60),
    )
    def reserve(self, names: list[str], base: int, per_output: int, most: int, least: int) -> str:
        self.number += 1
        least = min(least, most)
        holds = [Hold(key(name), base, per_output, LIMITS[name]) for name in names]
        granted = self.counters.reserve(ask(f"evt_{self.number}", *holds, most=most, least=least))

        def fits(name: str, output: int) -> bool:
            limit, amount = LIMITS[name], base + -(-output * per_output // 1000)
            return limit is None or amount == 0 or self.posted[name] + self.reserved(name) + amount <= limit

        # Tried one by one from above, where the code solves for it.
        wanted = next((n for n in range(most, least - 1, -1) if all(fits(name, n) for name in names)), None)
        assert granted.granted == (wanted is not None)
        assert granted.lacking == (
            () if wanted is not None else tuple(i for i, name in enumerate(names) if not fits(name, least))
        )
        assert [(one.posted, one.reserved) for one in granted.standings] == [
            (self.posted[name], self.reserved(name)) for name in names
        ]
        if wanted is not None:
            assert granted.output == wanted
            self.open[f"evt_{self.number}"] = dict.fromkeys(names, base + -(-wanted * per_output // 1000))
        return f"evt_{self.number}"

    @rule(name=consumes(held), share=st.integers(0, 100))
    def settle(self, name: str, share: int) -> None:
        amounts = self.open.pop(name, {})
        used = {counter: amount * share // 100 for counter, amount in amounts.items()}
        self.counters.settle(name, list(used.values()))
        self.counters.settle(name, [7] * len(used))
        for counter, amount in used.items():
            self.posted[counter] += amount

    @rule(name=consumes(held))
    def settle_at_the_bound(self, name: str) -> None:
        for counter, amount in self.open.pop(name, {}).items():
            self.posted[counter] += amount
        self.counters.settle(name, None)

    @rule(name=st.sampled_from(NAMES), off=st.integers(-3, 3), lower=st.integers(0, 20))
    def correct(self, name: str, off: int, lower: int) -> None:
        wanted = max(0, self.posted[name] - lower)
        done = self.counters.correct(name, self.posted[name] + off, wanted)
        assert done == (off == 0)
        if done:
            self.posted[name] = wanted

    @invariant()
    def nothing_is_lost_and_no_limit_is_passed(self) -> None:
        if not hasattr(self, "counters"):
            return
        for name, one in zip(NAMES, self.counters.read(*NAMES), strict=True):
            assert (one.posted, one.reserved) == (self.posted[name], self.reserved(name))
            limit = LIMITS[name]
            assert limit is None or one.posted + one.reserved <= limit
        assert {one.reservation_id: list(one.amounts) for one in self.counters.open()} == {
            name: list(amounts.values()) for name, amounts in self.open.items()
        }

    def teardown(self) -> None:
        if hasattr(self, "counters"):
            self.counters.close()


class SharedMachine(CountersMachine):
    """The same over a file that is opened anew again and again."""

    def make(self) -> Driven:
        self.folder: Any = tempfile.TemporaryDirectory()
        return self.again()

    def again(self) -> Driven:
        return Driven(SharedCounters(Path(self.folder.name) / "counters", counters=16, reservations=64))

    @rule()
    def open_anew(self) -> None:
        self.counters.close()
        self.counters = self.again()

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestProcess = CountersMachine.TestCase
TestShared = SharedMachine.TestCase
TestProcess.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestShared.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
