"""Typical calls, priced once: a column table that events are taken from by row number.

A row is one (profile, size) under one price card. When a price changes from one day
to the next the affected rows are made again, and the events of later days point there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tallystick.demo.company import ORGANIZATION, TEAMS
from tallystick.demo.model import DemoModel, Profile
from tallystick.demo.sizes import STEPS, ladder
from tallystick.pricing.model import Rated
from tallystick.usage.meters import CACHE_READ_METERS, INPUT_METERS, OUTPUT_METERS
from tallystick.usage.model import Measured

Rate = Callable[[DemoModel, int, Measured], Rated]

# Beside the sizes each profile has two failures: the provider is busy, and it breaks.
ROWS_PER_PROFILE = STEPS + 2
_TEAMS = {team.name: team for team in TEAMS}
_OPERATION = {"embedding": "embeddings"}


@dataclass(frozen=True, slots=True)
class Row:
    """One template: what the events taken from it have in common, and what each of them costs.

    Attributes:
        values: Column name to value, as the ledger's columns want them; what is not named is unknown.
        instead_cost: What the call would have cost on the model it replaced, None where none was.
    """

    values: dict[str, object]
    team: str
    cost: int | None
    instead_cost: int | None
    measured: Measured
    unpriced_tokens: int
    failed: bool


class Templates:
    """All rows made so far; `base_on` says where those of a day begin."""

    def __init__(self, profiles: list[Profile], rate: Rate, *, seed: int, scale: float) -> None:
        self.profiles = profiles
        self.rows: list[Row] = []
        self._rate = rate
        self._sizes = [
            ladder(profile.feature.shape, profile.model, Random(f"size {seed} {index}"), scale)  # noqa: S311 - made-up data, repeatable on purpose
            for index, profile in enumerate(profiles)
        ]
        self._bytes = [_bytes_a_token(Random(f"bytes {seed} {index}")) for index in range(len(profiles))]  # noqa: S311 - as above
        replaced = [profile.replaces for profile in profiles if profile.replaces]
        self._models = list(dict.fromkeys([*(profile.model for profile in profiles), *replaced]))
        self._card: dict[int, tuple[str, str]] = {}
        self._base: list[int] = [0] * len(profiles)
        self._means: dict[int, float] = {}

    def base_on(self, at_us: int) -> list[int]:
        """The first row of each profile, at the prices of an instant. Prices must not change within the day."""
        cards = {model: self._price_id(model, at_us) for model in self._models}
        for index, profile in enumerate(self.profiles):
            card = (cards[profile.model], cards[profile.replaces] if profile.replaces else "")
            if self._card.get(index) != card:
                self._card[index] = card
                self._base[index] = len(self.rows)
                self.rows += [self._row(profile, step, index, at_us) for step in range(ROWS_PER_PROFILE)]
        return list(self._base)

    def mean_cost(self, profile: int) -> float:
        """Grains per call of a profile at its latest prices, failures aside."""
        start = self._base[profile]
        if start not in self._means:
            self._means[start] = sum(row.cost or 0 for row in self.rows[start : start + STEPS]) / STEPS
        return self._means[start]

    def _price_id(self, model: DemoModel, at_us: int) -> str:
        probe = Measured(quantities={"uncached_input": 1}, input_tokens=1, output_tokens=0, state="reported")
        return self._rate(model, at_us, probe).price_id

    def _row(self, profile: Profile, step: int, index: int, at_us: int) -> Row:
        values = _dimensions(profile)
        if step >= STEPS:
            values |= _failure(step - STEPS)
            return Row(values, profile.feature.team, 0, None, Measured(), 0, failed=True)
        measured = self._sizes[index][step]
        rated = self._rate(profile.model, at_us, measured)
        instead = self._rate(profile.replaces, at_us, measured).cost if profile.replaces else None
        unpriced = sum(measured.quantities.get(name, 0) for name in rated.unpriced)
        values |= _success(profile, measured) | _priced(rated, unpriced)
        values["request_bytes"] = int((measured.input_tokens or 0) * self._bytes[index][step])
        return Row(values, profile.feature.team, rated.cost, instead, measured, unpriced, failed=False)


def _dimensions(profile: Profile) -> dict[str, object]:
    feature, model = profile.feature, profile.model
    values: dict[str, object] = {
        "attempt": 1,
        "source": "demo",
        "operation_name": _OPERATION.get(feature.shape, "chat"),
        "provider": model.provider,
        "provider_account": model.account,
        "request_model": model.name,
        "model": model.name,
        "stream": profile.stream,
        "organization": ORGANIZATION,
        "environment": profile.environment,
        "lifecycle_stage": "production" if profile.environment == "production" else "experiment",
        "currency": "USD",
        "user_agent": "OpenAI/Python 3.54.0" if model.provider == "openai" else "Anthropic/Python 2.12.0",
        "key": f"key_{(feature.team or 'shared').lower()}_{profile.environment}",
    }
    if feature.team:
        team = _TEAMS[feature.team]
        values |= {
            "team": team.name,
            "department": team.department,
            "cost_center": team.cost_center,
            "product": feature.product,
            "feature": feature.name,
            "project": feature.product.lower().replace(" ", "-"),
            "workload_class": "batch" if feature.shape in ("document", "embedding") else "standard",
        }
    if feature.agent:
        values |= {"agent": feature.agent, "workflow": feature.name}
    return values


def _failure(which: int) -> dict[str, object]:
    status, kind = ((429, "rate_limit_error"), (500, "api_error"))[which]
    return {"outcome": "error", "status": status, "error_type": kind, "usage_state": "absent", "duration_us": 240_000}


def _success(profile: Profile, measured: Measured) -> dict[str, object]:
    total, output = measured.input_tokens or 0, measured.output_tokens or 0
    fresh = total - sum(measured.quantities.get(name, 0) for name in CACHE_READ_METERS)
    first_token = 180_000 + 9 * fresh
    return {
        "outcome": "ok",
        "status": 200,
        "response_model": profile.model.name,
        "usage_state": "reported",
        "input_tokens": total,
        "output_tokens": output,
        "service_tier": "default" if profile.model.provider == "openai" else "",
        "finish_reason": "stop" if output else "",
        "time_to_first_token_us": first_token if profile.stream else None,
        "duration_us": first_token + 9_000 * output,
        "response_bytes": 4 * output,
    } | {f"q_{name}": measured.quantities[name] for name in _present(measured)}


def _bytes_a_token(rng: Random) -> list[float]:
    """Of each size: prompts have a density of their own, English prose above code, and calls differ by some per cent."""
    level = rng.uniform(3.4, 4.6)
    return [level * rng.gauss(1, 0.03) for _ in range(STEPS)]


def _present(measured: Measured) -> list[str]:
    return [name for name in (*INPUT_METERS, *OUTPUT_METERS, "requests") if name in measured.quantities]


def _priced(rated: Rated, unpriced: int) -> dict[str, object]:
    costs = {f"c_{line.meter}": line.cost for line in rated.lines if line.cost is not None}
    return {
        "model": rated.model,
        "price_id": rated.price_id,
        "list_cost": rated.cost,
        "effective_cost": rated.cost,
        "unpriced_tokens": unpriced,
        **costs,
    }
