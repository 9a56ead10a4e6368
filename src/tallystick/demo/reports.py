"""Northwind's usage and cost reports, and its cloud bills: a line for each day, model and meter."""

from collections.abc import Iterable, Iterator, Sequence

from tallystick.demo.billed import BillRow, Used, month_of, month_span
from tallystick.demo.planted import (
    FINDING_KEY,
    FINDING_PROJECT,
    GCP_DISCOUNT_PERCENT,
    NOTEBOOK_KEY,
    NOTEBOOK_WORKSPACE,
    Beside,
    other_cloud,
    unknown_cost,
)
from tallystick.kernel.money import divide_half_even
from tallystick.kernel.period import DAY_US
from tallystick.usage.meters import FACT_METERS

OPENAI, ANTHROPIC, AWS, GCP, MISTRAL = "openai", "anthropic", "aws.bedrock", "gcp.gemini", "mistral_ai"
AZURE = "azure.ai.openai"
# By provider: the source, its usage and its cost dataset.
REPORTS = {
    OPENAI: ("northwind-openai", "usage_completions", "costs"),
    ANTHROPIC: ("northwind-anthropic", "usage_messages", "cost_report"),
}
CLOUDS = {
    AWS: ("northwind-aws", "cur2"),
    GCP: ("northwind-gcp", "billing_export"),
    AZURE: ("northwind-azure", "cost_details"),
}
INVOICES = "northwind-invoices"
SOURCES = (*(one[0] for one in REPORTS.values()), *(one[0] for one in CLOUDS.values()), INVOICES)
SERVICES = {
    OPENAI: "OpenAI API",
    ANTHROPIC: "Claude API",
    AWS: "Amazon Bedrock",
    GCP: "Vertex AI",
    AZURE: "Azure OpenAI",
    MISTRAL: "Mistral AI Studio",
}
_NAMES = {OPENAI: "OPENAI", ANTHROPIC: "ANTHROPIC", AWS: "AWS", GCP: "GCP", AZURE: "AZURE", MISTRAL: "MISTRAL"}
OURS = {OPENAI: ("proj_gateway", "Gateway"), ANTHROPIC: ("default", "Default")}
_BESIDE = {OPENAI: (FINDING_PROJECT, FINDING_KEY), ANTHROPIC: (NOTEBOOK_WORKSPACE, NOTEBOOK_KEY)}
_WORDS = {
    "uncached_input": "input", "cache_read": "cached input", "cache_write_5m": "cache write, 5 minutes",
    "cache_write_1h": "cache write, 1 hour", "plain_output": "output",
}  # fmt: skip

# Day, model and meter to quantity and grains.
Daily = dict[tuple[int, str, str], tuple[int, int]]


def booked_day(used: Used) -> int:
    """The day that a report puts usage on: Anthropic's is an hour late where a month ends."""
    last = used.provider == ANTHROPIC and used.late and month_of(used.day_us) != month_of(used.day_us + DAY_US)
    return used.day_us + DAY_US if last else used.day_us


def daily(used: Iterable[Used], until_us: int) -> Daily:
    """As providers count: reasoning is output; what the book has no price for has one."""
    found: Daily = {}
    for one in used:
        day = booked_day(one)
        if day >= until_us:
            continue
        for meter, quantity in one.quantities.items():
            if meter in FACT_METERS or not quantity:
                continue
            key = (day, one.model, "plain_output" if meter == "reasoning_output" else meter)
            cost = one.costs[meter] if meter in one.costs else unknown_cost(meter, quantity)
            before = found.get(key, (0, 0))
            found[key] = (before[0] + quantity, before[1] + cost)
    return found


def provider_reports(provider: str, account: str, days: Daily, beside: Sequence[Beside]) -> Iterator[BillRow]:
    """The usage and the cost report of one provider."""
    source, usage, costs = REPORTS[provider]
    for (day, model, meter), (quantity, cost) in sorted(days.items()):
        for layer, dataset in (("usage", usage), ("cost", costs)):
            yield BillRow(
                source, dataset, layer, month_of(day), day, day + DAY_US, provider, account, model, meter, quantity,  # type: ignore[arg-type]
                cost if layer == "cost" else None, cost if layer == "usage" else None,
                description=line_item(model, meter), service=SERVICES[provider],
                project=OURS[provider][0], project_name=OURS[provider][1],
            )  # fmt: skip
    project, key = _BESIDE[provider]
    for one in beside:
        for layer, dataset in (("usage", usage), ("cost", costs)):
            yield BillRow(
                source, dataset, layer, month_of(one.day_us), one.day_us, one.day_us + DAY_US, provider, account,  # type: ignore[arg-type]
                one.model.name, one.meter, one.quantity, one.cost if layer == "cost" else None,
                one.cost if layer == "usage" else None, description=line_item(one.model.name, one.meter),
                service=SERVICES[provider], project=project[0], project_name=project[1], credential=key,
            )  # fmt: skip


def cloud_bill(provider: str, account: str, days: Daily, seed: int) -> Iterator[BillRow]:
    """The AI part and the rest of a cloud's bill; Google's with its discount on the AI part."""
    source, dataset = CLOUDS[provider]
    for (day, model, meter), (quantity, cost) in sorted(days.items()):
        billed = divide_half_even(cost * (100 - GCP_DISCOUNT_PERCENT), 100) if provider == GCP else cost
        yield BillRow(
            source, dataset, "invoice", month_of(day), day, day + DAY_US, provider, account, model, meter, quantity,
            billed, cost, description=line_item(model, meter), service=SERVICES[provider], project=account,
            invoice=invoice_id(provider, month_of(day)),
        )  # fmt: skip
    for day in sorted({day for day, _, _ in days}):
        for service, billed in other_cloud(provider, day, seed):
            yield BillRow(
                source, dataset, "invoice", month_of(day), day, day + DAY_US, "", account, billed=billed,
                list_cost=billed, service=service, description=service, project=account,
                invoice=invoice_id(provider, month_of(day)), ai=False,
            )  # fmt: skip


def line_item(model: str, meter: str) -> str:
    """``gpt-5.4, cached input``."""
    return f"{model}, {_WORDS.get(meter, meter)}"


def invoice_id(provider: str, month: str) -> str:
    """``NW-OPENAI-2026-10``."""
    return f"NW-{_NAMES[provider]}-{month}"


def at_month_end(month: str) -> tuple[int, int]:
    """The last day of a month, on which taxes and credits are booked."""
    _, end = month_span(month)
    return end - DAY_US, end
