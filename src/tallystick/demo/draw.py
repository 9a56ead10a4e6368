"""Draw the calls of one day: which template each is taken from, when, by whom, in which run.

Everything is drawn in bulk from one seeded generator per part of a day, so a day's
calls depend on the seed and the day alone.
"""

from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from tallystick.demo.company import CUSTOMERS, TEAMS, people
from tallystick.demo.model import Profile
from tallystick.demo.rhythm import QUARTER_US, quarter_marks
from tallystick.demo.sizes import STEPS
from tallystick.demo.templates import ROWS_PER_PROFILE

_RUN_LENGTHS = range(5, 21)
_ERROR_WEIGHTS = (0.009, 0.004)
_CONVERSATION_CALLS = 4
_STEP_MARKS = list(accumulate([(1 - sum(_ERROR_WEIGHTS)) / STEPS] * STEPS + list(_ERROR_WEIGHTS)))
_STEPS = range(ROWS_PER_PROFILE)
# Customers by size, as sizes are in life: the n-th is worth 1/n of the first.
_CUSTOMER_MARKS = list(accumulate(1 / (rank + 6) for rank in range(len(CUSTOMERS))))
_CUSTOMERS = range(1, len(CUSTOMERS) + 1)


@dataclass(slots=True)
class Drawn:
    """Parallel lists, one entry per call. Texts of run and conversation are numbers into name lists, 0 for none."""

    row: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    user: list[int] = field(default_factory=list)
    customer: list[int] = field(default_factory=list)
    run: list[int] = field(default_factory=list)
    conversation: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cast:
    """What is known of each profile, as lists by profile number.

    Attributes:
        users: The first user number of the profile's team and how many there are; (0, 1) for nobody.
        customers: Whether its calls carry a customer.
        chats: Whether its calls belong to a conversation.
    """

    users: list[tuple[int, int]]
    customers: list[bool]
    chats: list[bool]
    agents: list[int]
    singles: list[int]


USERS: tuple[str, ...] = ("", *(name for team in TEAMS for name in people(team)))


def cast_of(profiles: list[Profile]) -> Cast:
    """Who stands behind each profile."""
    first = dict(
        zip((team.name for team in TEAMS), accumulate((team.people for team in TEAMS), initial=1), strict=False)
    )
    count = {team.name: team.people for team in TEAMS}
    features = [profile.feature for profile in profiles]
    internal = [feature.team if not feature.customers else "" for feature in features]
    return Cast(
        users=[(first[team], count[team]) if team else (0, 1) for team in internal],
        customers=[feature.customers for feature in features],
        chats=[feature.shape == "chat" for feature in features],
        agents=[index for index, feature in enumerate(features) if feature.agent],
        singles=[index for index, feature in enumerate(features) if not feature.agent],
    )


@dataclass(frozen=True, slots=True)
class DayPart:
    """What to draw.

    Attributes:
        weights: Of each profile on this day.
        base: First template row of each profile on this day.
        open_us: How much of the day has begun; a whole day unless it is today.
    """

    seed: str
    calls: int
    weights: list[float]
    base: list[int]
    start_us: int
    open_us: int


def draw(part: DayPart, cast: Cast) -> Drawn:
    """The calls of one part of a day; exactly `part.calls` of them."""
    rng = Random(part.seed)  # noqa: S311 - made-up data, repeatable on purpose
    drawn = Drawn()
    agent_weight = sum(part.weights[index] for index in cast.agents)
    in_runs = round(part.calls * agent_weight / sum(part.weights))
    runs_calls = _draw_runs(drawn, part, cast, rng, in_runs)
    _draw_singles(drawn, part, cast, rng, part.calls - runs_calls)
    return drawn


def _draw_runs(drawn: Drawn, part: DayPart, cast: Cast, rng: Random, calls: int) -> int:
    """Runs of 5 to 20 calls whose context grows; returns how many calls fitted (short of `calls` by at most 19)."""
    marks = quarter_marks(part.open_us)
    lengths = rng.choices(_RUN_LENGTHS, k=calls // _RUN_LENGTHS[0] + 1)
    profiles = rng.choices(cast.agents, [part.weights[index] for index in cast.agents], k=len(lengths))
    quarters = rng.choices(range(len(marks)), cum_weights=marks, k=len(lengths))
    customers = rng.choices(_CUSTOMERS, cum_weights=_CUSTOMER_MARKS, k=len(lengths))
    last = part.open_us - 1
    used = 0
    for number, (length, profile) in enumerate(zip(lengths, profiles, strict=True), start=1):
        if used + length > calls:
            break
        used += length
        base = part.base[profile]
        drawn.row += sorted([base + step for step in rng.choices(_STEPS, cum_weights=_STEP_MARKS, k=length)])
        start = quarters[number - 1] * QUARTER_US + int(rng.random() * QUARTER_US)
        pause = 4_000_000 + int(rng.random() * 40_000_000)
        # A run fits into its day: it is moved earlier rather than piled up at the end.
        pause = min(pause, last // length)
        start = min(start, last - pause * (length - 1))
        drawn.at += [part.start_us + start + pause * call for call in range(length)]
        lowest, people_there = cast.users[profile]
        drawn.user += [lowest + int(rng.random() * people_there)] * length
        drawn.customer += [customers[number - 1] if cast.customers[profile] else 0] * length
        drawn.run += [number] * length
    drawn.conversation += [0] * used
    return used


def _draw_singles(drawn: Drawn, part: DayPart, cast: Cast, rng: Random, calls: int) -> None:
    marks = quarter_marks(part.open_us)
    profiles = rng.choices(cast.singles, [part.weights[index] for index in cast.singles], k=calls)
    base, users, has_customer, chats, chance = part.base, cast.users, cast.customers, cast.chats, rng.random
    steps = rng.choices(_STEPS, cum_weights=_STEP_MARKS, k=calls)
    quarters = rng.choices(range(len(marks)), cum_weights=marks, k=calls)
    customers = rng.choices(_CUSTOMERS, cum_weights=_CUSTOMER_MARKS, k=calls)
    spans = [min(QUARTER_US, part.open_us - quarter * QUARTER_US) for quarter in range(len(marks))]
    drawn.row += [base[profile] + step for profile, step in zip(profiles, steps, strict=True)]
    drawn.at += [part.start_us + quarter * QUARTER_US + int(chance() * spans[quarter]) for quarter in quarters]
    drawn.user += [users[profile][0] + int(chance() * users[profile][1]) for profile in profiles]
    drawn.customer += [
        customer if has_customer[profile] else 0 for customer, profile in zip(customers, profiles, strict=True)
    ]
    talks = max(1, calls // _CONVERSATION_CALLS)
    drawn.conversation += [1 + int(chance() * talks) if chats[profile] else 0 for profile in profiles]
    drawn.run += [0] * calls
