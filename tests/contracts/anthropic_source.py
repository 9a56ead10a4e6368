"""Anthropic's cost report in the contract of every connector: one result a page."""

import json

from tallystick.connectors.anthropic.source import KIND
from tallystick.kernel.period import DAY_US, Period
from tests.connectors.anthropic.fake import KEY, Organisation
from tests.connectors.anthropic.samples import COSTS
from tests.connectors.serving import Question, Refuse
from tests.contracts.source_case import Case, Reply, Request
from tests.pricing.sample import day

DATA = {
    "first": [("red", "123.78912"), (None, "50"), ("blue", "0.5")],
    "revised": [("red", "124"), (None, "50")],
}


def answer(request: Request, edition: str) -> Reply:
    """The provider."""
    rows: list[dict[str, object]] = [
        {**COSTS, "workspace_id": place, "amount": cents, "day": "2026-11-03"} for place, cents in DATA[edition]
    ]
    organisation = Organisation({"cost_report": rows}, results_a_bucket=1, rows_a_page=1)
    try:
        found = organisation.answer(Question(request.path, list(request.query), request.headers))
    except Refuse as refused:
        return Reply(refused.status, json.dumps({"error": {"message": refused.message}}).encode())
    return Reply(200, json.dumps(found).encode())


def _fact(place: str, grains: int) -> dict[str, object]:
    return {"slice_key": "2026-11-03", "sub_account_id": place, "billed_cost": grains, "meter": "uncached_input",
            "raw_model": "claude-opus-5", "provider_account": "acct"}  # fmt: skip


CASE = Case(
    name="anthropic",
    kind=KIND,
    stream="cost_report",
    window=Period(day("2026-11-03"), day("2026-11-03") + DAY_US),
    answer=answer,
    options=lambda url: {"base_url": url},
    secrets={"admin_key": KEY},
    first=[_fact("red", 1_237_891_200_000), _fact("default", 500_000_000_000), _fact("blue", 5_000_000_000)],
    revised=[_fact("red", 1_240_000_000_000), _fact("default", 500_000_000_000)],
)

CASES = [CASE]
