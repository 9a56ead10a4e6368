"""October of one account, by hand: four calls, a provider's report and an invoice with every kind of difference."""

from tallystick.bills.model import BillLine
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.usage.model import Measured, UsageEvent
from tests.bills.written import write_load

DAY = 86_400_000_000
OCTOBER = 1_790_812_800_000_000  # 2026-10-01 UTC
CENT = 10**10


def call(number: int, day: int, cents: int, team: str, customer: str = "") -> UsageEvent:
    """One call of the account ``main``: ten tokens a cent."""
    return UsageEvent(
        event_id=f"evt_{number}",
        call_id=f"call_{number}",
        occurred_at=OCTOBER + day * DAY + number,
        provider="openai",
        provider_account="main",
        response_model="alpha",
        model="alpha",
        dimensions={name: value for name, value in (("team", team), ("customer", customer)) if value},
        measured=Measured(quantities={"plain_output": cents * 10}, output_tokens=cents * 10, state="reported"),
        priced={"plain_output": cents * CENT},
        list_cost=cents * CENT,
        effective_cost=cents * CENT,
    )


def line(day: int, cents: int, **fields: object) -> BillLine:
    """One line of a day of its cost report, or whatever the fields make of it."""
    values: dict[str, object] = {
        "layer": "cost", "dataset": "costs", "slice_key": "all", "line_no": 1, "currency": "USD",
        "charge_period_start": OCTOBER + day * DAY, "charge_period_end": OCTOBER + (day + 1) * DAY, "provider": "openai",
        "provider_account": "main", "billed_cost": cents * CENT,
    }  # fmt: skip
    return BillLine(**{**values, **fields})  # type: ignore[arg-type]


INVOICED = {"layer": "invoice", "dataset": "invoice", "charge_period_end": OCTOBER + 2 * DAY}


def write_october(context: Context) -> None:
    """Write the month.

    Metered: search 100 and support 300 on the first, search 50 on the second and on the third of October.

    Reported: 440 and 50 for the first two days, and 60 for a model that nobody metered. Invoiced: 550.005
    for both days, 22 tax, a credit of 11, and 7 for machines. All in cents.
    """
    calls = [
        call(1, 0, 100, "search", "acme"),
        call(2, 0, 300, "support"),
        call(3, 1, 50, "search"),
        call(4, 2, 50, "search"),
    ]
    ingest_events(context, calls)
    reported = [
        line(0, 440, model="alpha", meter="plain_output", quantity=4400),
        line(1, 50, model="alpha", meter="plain_output", quantity=500, line_no=2),
        line(
            1, 60, model="shadow", meter="plain_output", quantity=9, line_no=3, region="eu", dimensions={"team": "lab"}
        ),
    ]
    write_load(context, "report", reported)
    invoiced = [
        line(0, 550, **{**INVOICED, "billed_cost": 550 * CENT + CENT // 2}),
        line(0, 22, **INVOICED, charge_category="Tax", line_no=2),
        line(0, -11, **INVOICED, charge_category="Credit", line_no=3),
        line(0, 7, **INVOICED, ai=False, provider="", region="eu", service_name="Machines", line_no=4),
    ]
    write_load(context, "invoice", invoiced)
