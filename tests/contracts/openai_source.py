"""OpenAI's costs in the contract of every connector: one result a page."""

import json

from tallystick.connectors.openai.source import KIND
from tallystick.kernel.period import DAY_US, Period
from tests.connectors.openai.fake import KEY, Organisation
from tests.connectors.openai.samples import COSTS
from tests.connectors.serving import Question, Refuse
from tests.contracts.source_case import Case, Reply, Request
from tests.pricing.sample import day

_DAY_S = 1_793_664_000  # 2026-11-03
DATA = {
    "first": [("gpt-6-astra, input_tokens", 0.0135), ("gpt-6-astra, output_tokens", 0.1), ("Web search", 2)],
    "revised": [("gpt-6-astra, input_tokens", 0.0136), ("Web search", 2)],
}


def answer(request: Request, edition: str) -> Reply:
    """The provider."""
    rows: list[dict[str, object]] = [
        {**COSTS, "line_item": item, "amount": {"value": dollars, "currency": "usd"}, "day": _DAY_S}
        for item, dollars in DATA[edition]
    ]
    organisation = Organisation({"costs": rows}, results_a_page=1, buckets_a_page=1)
    try:
        found = organisation.answer(Question(request.path, list(request.query), request.headers))
    except Refuse as refused:
        return Reply(refused.status, json.dumps({"error": {"message": refused.message}}).encode())
    return Reply(200, json.dumps(found).encode())


def _fact(model: str, meter: str, grains: int) -> dict[str, object]:
    return {"slice_key": "2026-11-03", "raw_model": model, "meter": meter, "billed_cost": grains,
            "sub_account_id": "proj_red", "credential_id": "key_one", "provider_account": "acct"}  # fmt: skip


CASE = Case(
    name="openai",
    kind=KIND,
    stream="costs",
    window=Period(day("2026-11-03"), day("2026-11-03") + DAY_US),
    answer=answer,
    options=lambda url: {"base_url": f"{url}/v1"},
    secrets={"admin_key": KEY},
    first=[
        _fact("gpt-6-astra", "uncached_input", 13_500_000_000),
        _fact("gpt-6-astra", "plain_output", 100_000_000_000),
        _fact("", "", 2_000_000_000_000),
    ],
    revised=[_fact("gpt-6-astra", "uncached_input", 13_600_000_000), _fact("", "", 2_000_000_000_000)],
)

CASES = [CASE]
