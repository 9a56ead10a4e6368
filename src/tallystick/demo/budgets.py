"""What Northwind has set: eight budgets, one of each kind that people ask about, sized for what its teams spend."""

from dataclasses import replace

from tallystick.budgets.model import NANO, Budget, Threshold
from tallystick.kernel.period import DAY_US

STANDARD_EVENTS = 212_000
PREFIX = "bud_demo_"
# So long ago they were set: long enough to look back at them.
SINCE_US = 40 * DAY_US
ASSISTANT, CHEAPER_MODEL, DEAR_MODEL = "code-assistant", "claude-sonnet-5", "claude-opus-5"
_TOLD = (Threshold("limit", 80), Threshold("forecast", 100))
_FULL = (Threshold("limit", 100),)

# Limits in nano-dollars, tokens or requests, at `STANDARD_EVENTS` and more.
_BUDGETS: tuple[Budget, ...] = (
    Budget("support", "support-month", 3_800 * NANO, where={"team": ("Support",)}, action="alert", thresholds=_TOLD),
    Budget("platform", "platform-month", 15_000 * NANO, where={"team": ("Platform",)}, action="pause", thresholds=_TOLD),
    Budget("sales", "sales-month", 3_000 * NANO, where={"team": ("Sales",)}, action="alert", thresholds=_FULL),
    Budget(
        "assistant", "code-assistant-day", 750 * NANO, window="day", where={"feature": (ASSISTANT,)},
        action="degrade", degrade_to=CHEAPER_MODEL,
    ),
    Budget("customers", "each-customer-month", 600 * NANO, group_by=("customer",), action="alert", thresholds=_FULL),
    Budget(
        "experiments", "experiments-week", 1_600 * NANO, window="week", where={"lifecycle_stage": ("experiment",)},
        preset="experiment",
    ),
    Budget("growth", "growth-tokens", 500_000_000, unit="tokens", where={"team": ("Growth",)}, action="alert"),
    Budget(
        "refunds", "refund-agent-velocity", 30, unit="requests", window="minute", rolling=True,
        where={"feature": ("refund-agent",)}, group_by=("run",), trip_seconds=300,
    ),
)  # fmt: skip
_OWNERS = {
    "support": "maya.support", "platform": "jonas.platform", "sales": "aiko.sales", "assistant": "jonas.platform",
    "customers": "leila.finance", "experiments": "tomas.data", "growth": "nadia.growth", "refunds": "maya.support",
}  # fmt: skip


def demo_budgets(events: int, now_us: int) -> tuple[Budget, ...]:
    """The budgets of a demo of so many events, by name; a smaller demo spends less, and has smaller ones."""
    part = min(STANDARD_EVENTS, events)
    return tuple(
        replace(
            one,
            budget_id=PREFIX + one.budget_id,
            limit=one.limit if one.unit == "requests" else max(1, one.limit * part // STANDARD_EVENTS),
            owner=f"{_OWNERS[one.budget_id]}@northwind.example",
            created_at=now_us - SINCE_US,
        )
        for one in sorted(_BUDGETS, key=lambda one: one.name)
    )
