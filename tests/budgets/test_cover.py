"""Which budgets cover a call: the index agrees with asking each, and no spelling escapes a counter."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets import cover
from tallystick.budgets.cover import ALWAYS, BudgetBook, counter_key, covers, group_values, grouping
from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, Budget
from tests.budgets.sample import budget

NAMES = ["team", "model", "key", "environment", "run", FINGERPRINT]
WORDS = ["a", "A", "b", "*", "!a", "!b", "!*", "!A"]
wheres = st.dictionaries(
    st.sampled_from(NAMES[:4]), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple), max_size=3
)
calls = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "A", "b", "c", "*", "", "!a"]))
held = st.builds(
    lambda number, where, group_by, window: budget(f"{number}", where=where, group_by=group_by, window=window),
    st.integers(0, 99),
    wheres,
    st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple),
    st.sampled_from(["day", "run", "conversation"]),
)


def said(one: Budget, call: dict[str, str]) -> bool:
    """The docstring of a budget, read slowly."""
    for name in [*one.group_by, *([one.window] if one.window in {"run", "conversation"} else [])]:
        if name not in ALWAYS and not call.get(name):
            return False
    for name, words in one.where.items():
        fold = str.lower if name in {"provider", "model", "request_model"} else str
        value = fold(call.get(name, ""))
        no = {fold(word[1:]) for word in words if word.startswith("!")}
        yes = {fold(word) for word in words if not word.startswith("!")}
        if value and (value in no or "*" in no):
            return False
        if yes and not (value and (value in yes or "*" in yes)):
            return False
    return True


@given(st.lists(held, max_size=12), st.lists(calls, min_size=1, max_size=6))
def test_a_book_finds_what_asking_each_budget_finds_in_order(all_of: list[Budget], asked: list[dict[str, str]]) -> None:
    book = BudgetBook(all_of)
    for call in [*asked, *asked]:
        expected = tuple(one for one in all_of if said(one, call))
        assert book.covering(call) == expected
        assert tuple(one for one in all_of if covers(one, call)) == expected


@pytest.mark.parametrize(
    ("words", "value", "covered"),
    [
        (("prod",), "prod", True),
        (("prod",), "Prod", False),
        (("prod", "test"), "test", True),
        (("*",), "anything", True),
        (("*",), "", False),
        (("!prod",), "test", True),
        (("!prod",), "prod", False),
        (("!prod",), "", True),
        (("!prod", "!test"), "test", False),
        (("*", "!test"), "test", False),
        (("*", "!test"), "", False),
        (("!*",), "", True),
        (("!*",), "prod", False),
    ],
)
def test_words_of_where(words: tuple[str, ...], value: str, covered: bool) -> None:
    assert covers(budget(where={"environment": words}), {"environment": value} if value else {}) is covered


def test_providers_and_models_match_and_count_without_case() -> None:
    one = budget(where={"model": ("GPT-X",), "provider": ("!Azure",)}, group_by=("model", "team"))
    loud, quiet = ({"model": word, "team": "a", "provider": "openai"} for word in ("Gpt-X", "gpt-x"))
    assert covers(one, loud)
    assert not covers(one, loud | {"provider": "AZURE"})
    assert group_values(one, loud) == group_values(one, quiet) == ("gpt-x", "a")


def test_a_call_that_lacks_a_grouping_dimension_is_not_covered_unless_it_is_known_of_every_call() -> None:
    assert not covers(budget(group_by=("team",)), {"key": "k"})
    assert not covers(budget(group_by=("team",)), {"team": ""})
    assert not covers(budget(group_by=(FINGERPRINT,)), {"key": "k"})
    always = budget(group_by=tuple(sorted(ALWAYS)))
    assert covers(always, {})
    assert group_values(always, {"key": "k"}).count("") == len(ALWAYS) - 1


def test_runs_and_conversations_make_their_own_counters() -> None:
    assert grouping(budget(window="run")) == ("run",)
    assert grouping(budget(window="run", group_by=("run", "key"))) == ("run", "key")
    assert grouping(budget(window="conversation", group_by=("key",))) == ("key", "conversation")
    assert not covers(budget(window="conversation"), {"run": "r"})


def test_deleted_budgets_cover_nothing() -> None:
    one, gone = budget("one"), budget("gone", deleted_at=5)
    book = BudgetBook([gone, one])
    assert book.budgets == (one,)
    assert book.covering({}) == (one,)


def test_a_caller_cannot_say_the_words_of_where() -> None:
    book = BudgetBook([budget(where={"team": ("*",)}), budget(where={"team": ("a",)}), budget(where={"team": ("!a",)})])
    assert [one.where["team"] for one in book.covering({"team": "*"})] == [("*",), ("!a",)]
    assert [one.where["team"] for one in book.covering({"team": "!a"})] == [("*",), ("!a",)]


def test_a_full_memory_is_emptied_and_answers_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "_MOST_REMEMBERED", 2)
    book = BudgetBook([budget(where={"team": (name,)}) for name in "abc"])
    assert [len(book.covering({"team": name})) for name in "abcabcd"] == [1, 1, 1, 1, 1, 1, 0]
    assert len(book._memory) <= 2


def test_names_of_runs_do_not_fill_the_memory() -> None:
    book = BudgetBook(
        [budget(window="run"), budget(where={"team": ("a",)}), budget(where={KEY_STAGE: ("production",)})]
    )
    for number in range(100):
        assert len(book.covering({"run": f"r-{number}", "team": f"t-{number}", "customer": f"{number}"})) == 1
    assert len(book._memory) == 1


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_keys_tell_values_apart_however_they_are_divided(one: list[str], other: list[str]) -> None:
    left, right = counter_key("b", tuple(one), 0), counter_key("b", tuple(other), 0)
    assert len(left) == 16
    assert (left == right) == (one == other)


def test_keys_tell_budgets_and_windows_apart_and_hold_for_ever() -> None:
    keys = {counter_key(name, ("v",), start) for name in ("a", "b") for start in (0, 1, -1, 2**62)}
    assert len(keys) == 8
    # Counters outlive the program that made them: a key never changes. The length of each part is before it.
    assert counter_key("bud_1", ("search", ""), 1_793_491_200_000_000).hex() == "72b5d5c323529f55e35303c7250819eb"
    assert len(counter_key("b", ("\ud800",), 0)) == 16


@pytest.mark.slow
def test_ten_thousand_budgets_cost_a_call_little_also_when_it_is_new() -> None:
    many = [budget(f"c{number}", where={"customer": (f"c{number}",)}) for number in range(10_000 - 11)]
    many += [budget(f"all{number}", group_by=("key",)) for number in range(11)]
    book = BudgetBook(many)
    asked = [
        {"key": "k", "customer": f"c{number % 9_000}", "run": f"r{number}", "team": "t"} for number in range(9_000)
    ]
    for new in (True, False):
        begun = time.perf_counter()
        assert all(len(book.covering(call)) == 12 for call in asked[:2000])
        each = (time.perf_counter() - begun) / 2000
        assert each < (500e-6 if new else 50e-6), f"{each * 1e6:.1f} us"
