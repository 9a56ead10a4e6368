"""Cost Explorer: costs by day before the bill, one cent a request.

Two questions for each month: usage by service and usage type, then everything that is no usage (tax, credits,
refunds, fees) by service and record type, so that a credit never hides within what it pays for.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tallystick.bills.model import BillLine, ChargeCategory, Rejected
from tallystick.connectors.aws.bedrock import is_bedrock, model_id, named, read_usage_type
from tallystick.connectors.aws.cells import BadCell, at, grains, number
from tallystick.connectors.aws.counted import count
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.connectors.aws.delivery import month_of
from tallystick.connectors.aws.regions import region_of_prefix
from tallystick.connectors.aws.signed import Signer, code_of, failed
from tallystick.kernel.period import DAY_US, Period, moment
from tallystick.ports import Page, SourceFailed
from tallystick.transport.ask import Patience

TARGET = "AWSInsightsIndexService.GetCostAndUsage"
METRICS = ("UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost", "UsageQuantity")
# Usage as Cost Explorer names its record types; whatever else there is belongs to the second question.
_USAGE = ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage")
_QUESTIONS = ("usage", "rest")
_CATEGORIES: dict[str, ChargeCategory] = {
    "Tax": "Tax", "Credit": "Credit", "Refund": "Adjustment", "Fee": "Purchase", "RIFee": "Purchase",
    "Recurring": "Purchase", "Upfront": "Purchase", "SavingsPlanRecurringFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase", "SavingsPlanNegation": "Adjustment", "Support": "Purchase",
}  # fmt: skip


def fetch_costs(
    signer: Signer, url: str, asked: tuple[str, Period, str], cursor: str, number: int, *, patience: Patience
) -> Iterator[Page]:
    """The pages of a month up to today. A cursor is `<question>|<AWS's token>`.

    Args:
        asked: Stream, window, account.

    Raises:
        SourceFailed: Refused, throttled, away, or an answer that is none.
    """
    stream, window, account = asked
    end = min(window.end_us, signer.now_us() // DAY_US * DAY_US + DAY_US)
    if end <= window.start_us:
        return
    at_cursor = cursor or "usage|"
    while at_cursor:
        question, _, token = at_cursor.partition("|")
        if question not in _QUESTIONS:
            raise SourceFailed(f"the cursor {cursor[:60]!r} is none of ours: read the month from its start")
        body = _ask(signer, url, question_of(question, Period(window.start_us, end), token), patience)
        following = _following(body, question)
        yield Page(stream, window, number, cursor, following, body, account)
        at_cursor = cursor = following
        number += 1


def question_of(question: str, window: Period, token: str) -> dict[str, Any]:
    """The body of a request; days are from the first (in) to the last (out)."""
    chosen: dict[str, Any] = {"Dimensions": {"Key": "RECORD_TYPE", "Values": list(_USAGE)}}
    second = "USAGE_TYPE" if question == "usage" else "RECORD_TYPE"
    body: dict[str, Any] = {
        "TimePeriod": {"Start": f"{moment(window.start_us):%Y-%m-%d}", "End": f"{moment(window.end_us):%Y-%m-%d}"},
        "Granularity": "DAILY",
        "Metrics": list(METRICS),
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": second}],
        "Filter": chosen if question == "usage" else {"Not": chosen},
    }
    return body | ({"NextPageToken": token} if token else {})


def _ask(signer: Signer, url: str, body: Mapping[str, Any], patience: Patience) -> bytes:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": TARGET}
    answer = signer.send("POST", url, headers, json.dumps(body).encode(), patience)
    if answer.status != 200:
        raise failed("Cost Explorer", answer, code_of(answer))
    return answer.body


def _following(body: bytes, question: str) -> str:
    try:
        said = json.loads(body)
        token, there = said.get("NextPageToken"), isinstance(said["ResultsByTime"], list)
    except (ValueError, KeyError, AttributeError):
        token, there = None, False
    if not there:
        raise SourceFailed("Cost Explorer answers with something else than costs by day", retry_seconds=600.0)
    if token:
        return f"{question}|{token}"
    return "rest|" if question == "usage" else ""


def parse_costs(page: Page, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The lines of an answer; pure."""
    try:
        said = json.loads(page.body)
        groups = [(day, group) for day in said["ResultsByTime"] for group in day.get("Groups", ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Rejected(0, "that is no answer of Cost Explorer")
        return
    rest = page.cursor.startswith("rest|")
    for place, (day, group) in enumerate(groups, start=1):
        try:
            line = _line(day, group, place, page, reading, rest=rest)
        except (BadCell, KeyError, TypeError, ValueError, AttributeError) as problem:
            why = str(problem) if isinstance(problem, BadCell) else f"the group has changed: {problem!r}"
            yield Rejected(place, why, json.dumps(group)[:500])
            continue
        if line is not None:
            yield line


def _line(
    day: Mapping[str, Any], group: Mapping[str, Any], place: int, page: Page, reading: Reading, *, rest: bool
) -> BillLine | None:
    service, second = group["Keys"]
    metrics = group["Metrics"]
    start, end = at(day["TimePeriod"]["Start"]), at(day["TimePeriod"]["End"])
    billed, effective = (_money(metrics, name) for name in ("UnblendedCost", "AmortizedCost"))
    if start is None or end is None or billed is None:
        raise BadCell("a day without a period or a cost")
    usage = "" if rest else second
    amount = None if rest else number(metrics.get("UsageQuantity", {}).get("Amount"))
    if not billed and not effective and not amount:
        return None  # a group that had something on another day of the answer
    ai = is_bedrock("", _CODES.get(service, ""), "", service, usage)
    spoken = read_usage_type(usage) if ai else None
    unit = str(metrics.get("UsageQuantity", {}).get("Unit", ""))
    counted = count(
        amount, "" if unit == "N/A" else unit, spoken.meter if spoken else "", market_unit=reading.market_unit
    )
    extra = {"Estimated": "true" if day.get("Estimated") else "false"}
    extra |= {"RECORD_TYPE": second} if rest else {}
    extra |= {"quantity_note": counted.note} if counted.note else {}
    return BillLine(
        "cost", page.stream, month_of(page.window), place, start, end, metrics["UnblendedCost"]["Unit"],
        charge_category=_category(second) if rest else "Usage", provider="aws.bedrock" if ai else "",
        provider_account=page.account, service_name=service, service_provider_name="AWS", host_provider_name="AWS",
        region=region_of_prefix(usage.partition("-")[0]), sku_meter=usage, ai=ai,
        raw_model=model_id(spoken.model or named(service), world=spoken.world) if spoken else "",
        meter=spoken.meter if spoken else "", service_tier=spoken.tier if spoken else "",
        context=spoken.context if spoken else "", quantity=counted.quantity, consumed_quantity=counted.consumed,
        consumed_unit=counted.consumed_unit, pricing_quantity=counted.priced, pricing_unit=counted.priced_unit,
        billed_cost=billed, effective_cost=effective, contracted_cost=billed, extra=extra,
    )  # fmt: skip


_CODES = {"Amazon Bedrock": "AmazonBedrock", "Amazon Bedrock Service": "AmazonBedrockService"}


def _money(metrics: Mapping[str, Any], name: str) -> int | None:
    """The net amount where it is given: Cost Explorer fills it for every account."""
    for one in (f"Net{name}", name):
        found = grains(metrics[one]["Amount"]) if one in metrics else None
        if found is not None:
            return found
    return None


def _category(record_type: str) -> ChargeCategory:
    """Of a record type; discounts, in all their spellings, are credits."""
    plain = record_type.replace(" ", "")
    return _CATEGORIES.get(plain) or ("Credit" if "Discount" in plain else "Adjustment")
