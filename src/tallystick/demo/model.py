"""Records of the demo: who Northwind is, what a kind of call looks like, what was planted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["chat", "agent", "document", "embedding"]


@dataclass(frozen=True, slots=True)
class Team:
    """A team of Northwind and how many people in it use models."""

    name: str
    department: str
    cost_center: str
    people: int


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a team built on models.

    Attributes:
        models: Names in `company.MODELS`; the first serves most calls.
        weight: Share of all calls, relative to the other features.
        customers: Calls are made for customers (and carry one).
        agent: Name of the agent that makes the calls in runs; empty for single calls.
        team: Empty for usage that nobody has claimed.
    """

    name: str
    team: str
    product: str
    shape: Shape
    models: tuple[str, ...]
    weight: float
    customers: bool = False
    agent: str = ""


@dataclass(frozen=True, slots=True)
class DemoModel:
    """A model as a provider sells it; `caches` says whether it has a price for cached input."""

    name: str
    provider: str
    account: str
    caches: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """One combination that calls are drawn from; every call of a profile has the same dimensions."""

    feature: Feature
    model: DemoModel
    environment: str
    weight: float
    stream: bool
    replaces: DemoModel | None = None


@dataclass(frozen=True, slots=True)
class DemoSpec:
    """What to build.

    Attributes:
        events: About how many rows; the generator makes exactly this many.
        now_us: The instant the demo is relative to: the last event lies before it.
    """

    events: int
    seed: int
    now_us: int
    months: int = 14


@dataclass(slots=True)
class Truth:
    """What was planted, filled in while the rows are made. Costs are grains, instants microseconds.

    Attributes:
        month_team_cost: (``YYYY-MM``, team) to effective cost; the team of unowned usage is `""`.
    """

    events: int = 0
    calls_by_month: dict[str, int] = field(default_factory=dict)
    month_team_cost: dict[tuple[str, str], int] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    loop_calls: int = 0
    loop_cost: int = 0
    switch_calls: int = 0
    switch_saving: int = 0
    facts: dict[str, object] = field(default_factory=dict)


Columns = Mapping[str, Sequence[object]]
