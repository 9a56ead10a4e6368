"""Records of rules: what must be true of a call, and what then happens to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallystick.kernel.record import record

Effect = Literal["route", "max_output", "cache", "deny"]
EFFECTS: tuple[Effect, ...] = ("deny", "route", "max_output", "cache")
# Whose answers a caller may be served: `key` is the gateway key, or the caller's own provider key.
SCOPE_BY_DEFAULT = ("key",)
MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from `least` to `most`, both in; None is open."""

    least: int | None = None
    most: int | None = None

    def holds(self, value: int | None) -> bool:
        """Whether a value lies in it; one that is not known lies only in the span without ends."""
        if value is None:
            return self.least is None and self.most is None
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


ANY = Span()


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day.

    Attributes:
        from_minute, to_minute: Of the local day, start in, end out; an end before the start is past midnight.
        zone: IANA name.
    """

    from_minute: int
    to_minute: int
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be true of a call, all of it. Numbers that were set by people; nothing is guessed from content.

    Attributes:
        where: Dimension to accepted values, as in budgets: any value of each, ``*`` any that is
            present, ``!production`` any but that. `model`, `provider`, `key` are dimensions too.
        input_bytes: Size of the request's body.
        max_tokens: The cap on output that the request asks for; a request without one lies in no bounded span.
        messages: Length of the conversation.
        tools: Whether the request offers tools; None does not ask.
        hours: Part of the day; None is all of it.
        budget: Name of a budget, of which at least `budget_percent` of the limit is used; empty does not ask.
    """

    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    input_bytes: Span = ANY
    max_tokens: Span = ANY
    messages: Span = ANY
    tools: bool | None = None
    hours: Hours | None = None
    budget: str = ""
    budget_percent: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """What happens; at least one is set.

    Attributes:
        models: Models to ask in turn, `model` or `provider/model`: the next where the one before fails.
        provider: The provider, by its name in the configuration, for the model as requested.
        max_output: The longest answer, tokens; a request that asks for less keeps its own.
        cache_seconds: How long an equal request is answered from memory.
        cache_scope: Dimensions that asker and first asker must share.
        deny: The call is refused with this message.
    """

    models: tuple[str, ...] = ()
    provider: str = ""
    max_output: int | None = None
    cache_seconds: int = 0
    cache_scope: tuple[str, ...] = SCOPE_BY_DEFAULT
    deny: str = ""

    @property
    def kinds(self) -> tuple[Effect, ...]:
        """Which are set."""
        said = {
            "deny": self.deny,
            "route": self.models or self.provider,
            "max_output": self.max_output is not None,
            "cache": self.cache_seconds,
        }
        return tuple(kind for kind in EFFECTS if said[kind])


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        rule_id: ``rule_…``.
        name: For people; unique among rules that are in use.
        priority: Lower numbers are asked first; of equals, the name that sorts first.
        shadow: It only says what it would have done.
        created_at, deleted_at: Microseconds.
        version: Rises with every change of any rule; gateways read what is newer.
    """

    rule_id: str
    name: str
    conditions: Conditions = field(default_factory=Conditions)
    effects: Effects = field(default_factory=Effects)
    priority: int = 100
    shadow: bool = True
    created_at: int = 0
    deleted_at: int | None = None
    version: int = 0


@record(frozen=True, slots=True)
class CallFacts:
    """What rules may know of a call.

    Attributes:
        dimensions: Attribution, with `provider`, `model`, `key` and the like among them.
        at_us: Its instant.
        messages: None where the request is no conversation.
        budgets: Name of a budget that covers the call to the whole per cent of its limit that is used.
    """

    dimensions: Mapping[str, str]
    at_us: int
    input_bytes: int = 0
    max_tokens: int | None = None
    messages: int | None = None
    tools: bool = False
    budgets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What rules make of one call: of each kind the first matching rule's effect.

    Attributes:
        by: Kind of effect to the name of the rule that gave it.
        shadowed: Names of rules in shadow that would have had an effect.
    """

    models: tuple[str, ...] = ()
    provider: str = ""
    max_output: int | None = None
    cache_seconds: int = 0
    cache_scope: tuple[str, ...] = SCOPE_BY_DEFAULT
    deny: str = ""
    by: Mapping[str, str] = field(default_factory=dict)
    shadowed: tuple[str, ...] = ()


NO_PLAN = Plan()
