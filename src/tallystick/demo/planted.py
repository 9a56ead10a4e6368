"""What Northwind's bills hold beside what its gateway metered: each difference, so that it can be found again.

The finding: in the last whole month OpenAI bills $212.00 for a project that nobody metered, for contractors were
given a key of their own. Everything else is known: a team's key beside the gateway, a credit, a discount, taxes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tallystick.demo.billed import Calendar, days_of
from tallystick.demo.company import MODELS
from tallystick.demo.model import DemoModel
from tallystick.kernel.period import DAY_US, local_day
from tallystick.usage.model import Measured

CENT = 10**10
FINDING_CENTS = 21_200
FINDING_ACCOUNT = "org-nw-openai"
# A model that nobody at Northwind sends through the gateway: so what it costs stands by itself.
FINDING_MODEL = DemoModel("gpt-4o", "openai", FINDING_ACCOUNT)
FINDING_PROJECT = ("proj_contractor_pilot", "Contractor pilot")
FINDING_KEY = "key_contractors_01"
FINDING_WHY = "a project of contractors with a key of its own, beside the gateway: on the bill, and metered nowhere"
NOTEBOOK_MODEL = "sonnet"
NOTEBOOK_WORKSPACE = ("wrkspc_growth_lab", "Growth lab")
NOTEBOOK_KEY = "apikey_growth_notebooks"
NOTEBOOK_MONTHS = 5
CREDIT_CENTS = 15_000
CREDIT_TEXT = "Service credit for the outage"
GCP_DISCOUNT_PERCENT = 12
AWS_TAX_PERCENT, MISTRAL_TAX_PERCENT = 8, 19
# What the provider charges for the model that the price book does not know, grains per token.
UNKNOWN_INPUT, UNKNOWN_OUTPUT = 4_000_000, 20_000_000
_FINDING_FIRST_DAY, _FINDING_DAYS = 5, 12
_FALLBACK_INPUT, _FALLBACK_OUTPUT = 2_500_000, 10_000_000

# Grains that a model's tokens cost at an instant; None where no price is known.
Price = Callable[[DemoModel, int, Measured], int | None]


@dataclass(frozen=True, slots=True)
class Beside:
    """Usage that is billed and was not metered: of one day and meter."""

    day_us: int
    model: DemoModel
    meter: str
    quantity: int
    cost: int


def contractors(calendar: Calendar, price: Price) -> Iterator[Beside]:
    """Twelve days of the last whole month that sum to $212.00 exactly."""
    days = list(days_of(calendar.finding_month))[_FINDING_FIRST_DAY : _FINDING_FIRST_DAY + _FINDING_DAYS]
    each, rest = divmod(FINDING_CENTS, len(days))
    for number, day in enumerate(days):
        amount = (each + (number < rest)) * CENT
        dear = _unit(price, FINDING_MODEL, day, "plain_output") or _FALLBACK_OUTPUT
        cheap = _unit(price, FINDING_MODEL, day, "uncached_input") or _FALLBACK_INPUT
        answered = amount * 2 // 5 // dear
        left = amount - answered * dear
        yield Beside(day, FINDING_MODEL, "uncached_input", left // cheap, left)
        yield Beside(day, FINDING_MODEL, "plain_output", answered, answered * dear)


def notebooks(calendar: Calendar, seed: int, price: Price) -> Iterator[Beside]:
    """A key of the Growth team's notebooks, on the working days of the last months up to yesterday."""
    model = MODELS[NOTEBOOK_MODEL]
    rng = Random(f"notebooks {seed}")  # noqa: S311 - made-up data, repeatable on purpose
    first = days_of(calendar.months[-min(NOTEBOOK_MONTHS, len(calendar.months))])[0]
    for day in range(first, calendar.today_us, DAY_US):
        if local_day(day).weekday() >= 5:
            continue
        asked, answered = rng.randrange(400_000, 1_200_000), rng.randrange(30_000, 80_000)
        for meter, quantity in (("uncached_input", asked), ("plain_output", answered)):
            unit = _unit(price, model, day, meter)
            if unit:
                yield Beside(day, model, meter, quantity, quantity * unit)


def other_cloud(provider: str, day_us: int, seed: int) -> list[tuple[str, int]]:
    """What else a cloud bills on a day: service and grains, whole cents."""
    rng = Random(f"cloud {provider} {seed} {day_us}")  # noqa: S311 - made-up data, repeatable on purpose
    return [(name, int(cents * rng.uniform(0.9, 1.1)) * CENT) for name, cents in _OTHER[provider]]


_OTHER = {
    "aws.bedrock": (
        ("Amazon Elastic Compute Cloud", 24_000),
        ("Amazon Simple Storage Service", 3_100),
        ("Amazon Relational Database Service", 9_800),
    ),
    "gcp.gemini": (("Compute Engine", 11_500), ("BigQuery", 4_200)),
    "azure.ai.openai": (("Virtual Machines", 7_200), ("Storage", 1_900)),
}


def unknown_cost(meter: str, quantity: int) -> int:
    """What the provider takes for the model without a price in the book."""
    return quantity * (UNKNOWN_OUTPUT if meter.endswith("_output") else UNKNOWN_INPUT)


def _unit(price: Price, model: DemoModel, at_us: int, meter: str) -> int | None:
    """Grains of one token."""
    one = 1 if meter == "uncached_input" else 0
    return price(model, at_us, Measured({meter: 1}, input_tokens=one, output_tokens=1 - one, state="reported"))
