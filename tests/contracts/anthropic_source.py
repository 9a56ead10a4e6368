"""Anthropic's reports in the contract of every connector: each stream, one result or row a page."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tallystick.connectors.anthropic.source import KIND
from tallystick.kernel.period import DAY_US, Period
from tests.connectors.anthropic.fake import KEY, Organisation
from tests.connectors.anthropic.samples import ANALYTICS_COST, ANALYTICS_USAGE, CODE, COSTS, MESSAGES
from tests.connectors.serving import Question, Refuse
from tests.contracts.source_case import Case, Facts, Reply, Request
from tests.pricing.sample import day

Rows = Sequence[Mapping[str, object]]


def _case(stream: str, rows: Mapping[str, Rows], facts: Mapping[str, Sequence[Facts]], **options: str) -> Case:
    """One report: its rows and what is loaded of them, by edition."""

    def answer(request: Request, edition: str) -> Reply:
        held = [{**row, "day": "2026-11-03"} for row in rows[edition]]
        organisation = Organisation({stream: held}, results_a_bucket=1, rows_a_page=1)
        try:
            found = organisation.answer(Question(request.path, list(request.query), request.headers))
        except Refuse as refused:
            return Reply(refused.status, json.dumps({"error": {"message": refused.message}}).encode())
        return Reply(200, json.dumps(found).encode())

    return Case(
        name="anthropic" if stream == "cost_report" else f"anthropic-{stream}",
        kind=KIND,
        stream=stream,
        window=Period(day("2026-11-03"), day("2026-11-03") + DAY_US),
        answer=answer,
        options=lambda url: {"base_url": url, **options},
        secrets={"admin_key": KEY},
        first=facts["first"],
        revised=facts["revised"],
    )


def _costs() -> Case:
    """Cents as texts; null is the default workspace."""
    amounts = {
        "first": [("red", "123.78912"), (None, "50"), ("blue", "0.5")],
        "revised": [("red", "124"), (None, "50")],
    }
    rows = {
        edition: [{**COSTS, "workspace_id": place, "amount": cents} for place, cents in given]
        for edition, given in amounts.items()
    }

    def fact(place: str, grains: int) -> Facts:
        return {"slice_key": "2026-11-03", "sub_account_id": place, "billed_cost": grains, "meter": "uncached_input",
                "raw_model": "claude-opus-5", "provider_account": "acct"}  # fmt: skip

    first = [fact("red", 1_237_891_200_000), fact("default", 500_000_000_000), fact("blue", 5_000_000_000)]
    return _case("cost_report", rows, {"first": first, "revised": [fact("red", 1_240_000_000_000), first[1]]})


def _used(place: str, meter: str, quantity: int) -> Facts:
    return {"slice_key": "2026-11-03", "sub_account_id": place, "meter": meter, "quantity": quantity,
            "billed_cost": None, "provider_account": "acct"}  # fmt: skip


# As the samples have them: each class apart, nothing in two.
_CLASSES = {"uncached_input": 1_500, "cache_write_1h": 1_000, "cache_write_5m": 500, "cache_read": 200,
            "plain_output": 700, "searches": 10}  # fmt: skip
_OUTPUT_ONLY = {
    "uncached_input_tokens": 0,
    "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
    "cache_read_input_tokens": 0,
    "output_tokens": 9,
    "server_tool_use": {"web_search_requests": 0},
}


def _messages() -> Case:
    less = {**_OUTPUT_ONLY, "workspace_id": None}
    rows = {"first": [MESSAGES, {**MESSAGES, **less}], "revised": [{**MESSAGES, "output_tokens": 701}]}
    whole = [_used("wrkspc_red", meter, number) for meter, number in _CLASSES.items()]
    revised = [_used("wrkspc_red", meter, number) for meter, number in (_CLASSES | {"plain_output": 701}).items()]
    facts = {"first": [*whole, _used("default", "plain_output", 9)], "revised": revised}
    return _case("usage_messages", rows, facts)


def _grouped(row: Mapping[str, object], figures: str, group: Mapping[str, object], of: Mapping[str, object]) -> dict[str, object]:  # fmt: skip
    return {"group": {**row["group"], **group}, figures: {**row[figures], **of}}  # type: ignore[dict-item]


def _analytics_usage() -> Case:
    """Of the second workspace 9 tokens of output in 1 request, and nothing else."""
    little = {**_OUTPUT_ONLY, "total_tokens": 9, "requests": 1}
    second = _grouped(ANALYTICS_USAGE, "usage", {"workspace_id": "wrkspc_blue"}, little)
    rows = {"first": [ANALYTICS_USAGE, second], "revised": [second]}
    blue = [_used("wrkspc_blue", "plain_output", 9), _used("wrkspc_blue", "requests", 1)]
    whole = [_used("wrkspc_red", meter, number) for meter, number in (_CLASSES | {"requests": 12}).items()]
    return _case("analytics_usage", rows, {"first": [*whole, *blue], "revised": blue}, analytics="on")


def _analytics_cost() -> Case:
    """1,523.40125 cents after a discount on 1,692.66806; then a cent less, and the other row with it."""
    second = _grouped(ANALYTICS_COST, "cost", {"actor": None, "api_key_id": "apikey_two"}, {"amount": "2", "list_amount": None})  # fmt: skip
    rows = {
        "first": [ANALYTICS_COST, second],
        "revised": [_grouped(ANALYTICS_COST, "cost", {}, {"amount": "1522.40125"})],
    }

    def fact(who: str, key: str, grains: int, listed: int | None) -> Facts:
        return {"slice_key": "2026-11-03", "principal": who, "credential_id": key, "billed_cost": grains,
                "list_cost": listed, "meter": "cache_read", "service_name": "claude_code"}  # fmt: skip

    ada, listed = ("ada@example.com", "apikey_one"), 16_926_680_600_000
    facts = {
        "first": [fact(*ada, 15_234_012_500_000, listed), fact("", "apikey_two", 20_000_000_000, None)],
        "revised": [fact(*ada, 15_224_012_500_000, listed)],
    }
    return _case("analytics_cost", rows, facts, analytics="on")


def _code() -> Case:
    """A person's day, five sessions and two models, and a key's with one: told of, never rated or billed."""
    person_day = {name: value for name, value in CODE.items() if name != "date"}
    key = {**person_day, "actor": {"type": "api_actor", "api_key_name": "ci"}, "model_breakdown": []}
    rows = {"first": [person_day, key], "revised": [key]}

    def fact(who: str, key_name: str, what: str, model: str, consumed: int) -> Facts:
        return {"slice_key": "2026-11-03", "principal": who, "resource_name": key_name, "charge_description": what,
                "raw_model": model, "consumed_quantity": Decimal(consumed), "quantity": None, "billed_cost": None}  # fmt: skip

    did, tokens = "Claude Code activity", "Claude Code tokens, estimated at list prices"
    ada = ("ada@example.com", "")
    machine = fact("", "ci", did, "", 5)
    # 100,000 + 35,000 + 10,000 + 5,000 tokens, and 7 + 5 + 3 + 2.
    person = [
        fact(*ada, did, "", 5),
        fact(*ada, tokens, "claude-sonnet-5", 150_000),
        fact(*ada, tokens, "claude-haiku-5", 17),
    ]
    return _case("claude_code", rows, {"first": [*person, machine], "revised": [machine]}, claude_code="on")


CASES = [_costs(), _messages(), _analytics_cost(), _analytics_usage(), _code()]
