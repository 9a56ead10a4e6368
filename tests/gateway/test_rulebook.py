"""The book of rules answers as the rules themselves do, whatever it remembers."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tallystick.gateway.rulebook import RuleBook
from tallystick.routing.decide import apply, in_order
from tallystick.routing.model import Rule
from tests.routing.test_decide import FACTS, RULES, WORD

DIMENSIONS = st.dictionaries(st.sampled_from(["team", "model", "key", "run"]), st.sampled_from(["a", "b", "ab"]))


@given(st.lists(RULES, max_size=5), st.lists(DIMENSIONS, min_size=1, max_size=6), st.sampled_from(["a", "!b", "*"]))
def test_calls_of_one_kind_get_the_plan_of_all_rules(rules: list[Rule], calls: list[dict[str, str]], team: str) -> None:
    of_team = [replace(one.conditions, where={"team": (team,)}) for one in rules[:2]]
    named = [
        replace(one, rule_id=f"{at}", name=f"{one.name}{at}", version=at + 1)
        for at, one in enumerate([*rules, *(replace(r, conditions=c) for r, c in zip(rules, of_team, strict=False))])
    ]
    book = RuleBook(lambda since: [one for one in named if one.version > since])
    book.refresh()
    for dimensions in [*calls, *calls]:
        facts = replace(FACTS, dimensions=dimensions)
        assert book.plan(facts) == apply(in_order(named), facts)


@given(RULES, WORD)
def test_a_changed_rule_counts_at_once(one: Rule, word: str) -> None:
    rows = [replace(one, rule_id="r", version=1)]
    book = RuleBook(lambda since: [row for row in rows if row.version > since])
    book.refresh()
    facts = replace(FACTS, dimensions={"team": word})
    book.plan(facts)
    rows.append(replace(rows[0], conditions=replace(one.conditions, where={"team": (word,)}), version=2))
    book.refresh()

    assert book.plan(facts) == apply(in_order(rows[1:]), facts)
