"""Routing rules as one gateway process holds them."""

from collections.abc import Callable, Iterable, Mapping

from tallystick.routing.decide import apply, in_order
from tallystick.routing.model import ANY, CallFacts, Plan, Rule
from tallystick.usage.match import matches

_MOST_REMEMBERED = 16_384


class RuleBook:
    """The rules as last read. `refresh` takes in changed rows, deleted ones too.

    Attributes:
        rules: In the order in which they are asked.
        budgets: Names of budgets that some rule asks about.
        counts_messages: Some rule asks how long the conversation is.
    """

    def __init__(self, read_since: Callable[[int], Iterable[Rule]]) -> None:
        self._read_since = read_since
        self._by_id: dict[str, Rule] = {}
        self._version = 0
        self.rules: tuple[Rule, ...] = ()
        self.budgets: frozenset[str] = frozenset()
        self.counts_messages = False
        self._names: tuple[str, ...] = ()
        self._known: dict[tuple[str | None, ...], tuple[Rule, ...]] = {}

    def refresh(self) -> None:
        """Read what changed since the last time."""
        changed = list(self._read_since(self._version))
        if not changed:
            return
        for rule in changed:
            self._by_id[rule.rule_id] = rule
            self._version = max(self._version, rule.version)
        self.rules = in_order(self._by_id.values())
        self.budgets = frozenset(one.conditions.budget for one in self.rules) - {""}
        self.counts_messages = any(one.conditions.messages != ANY for one in self.rules)
        self._names = tuple(sorted({name for one in self.rules for name in one.conditions.where}))
        self._known = {}

    def plan(self, facts: CallFacts) -> Plan:
        """What the rules make of a call."""
        return apply(self._about(facts.dimensions), facts)

    def _about(self, dimensions: Mapping[str, str]) -> tuple[Rule, ...]:
        """The rules whose dimensions a call has: calls come in kinds, and each kind is worked out once."""
        kind = (*map(dimensions.get, self._names),)
        found = self._known.get(kind)
        if found is None:
            found = tuple(one for one in self.rules if matches(one.conditions.where, dimensions))
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[kind] = found
        return found
