"""What Anthropic's pages become: hand-checked lines, disjoint classes, nothing lost and nothing twice."""

import json
from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.model import APART, BillLine, Rejected
from tallystick.bills.sound import fault_of
from tallystick.connectors.anthropic import analytics, claude_code, costs, lines, messages
from tallystick.connectors.anthropic.streams import REPORTS
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Page
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.connectors.anthropic.samples import (
    ANALYTICS_COST,
    ANALYTICS_USAGE,
    CODE,
    COSTS,
    MESSAGES,
    SAMPLES,
    page_body,
)
from tests.connectors.mutated import broken, leaves, with_leaf

START = 1_790_812_800_000_000  # 2026-10-01
DAY = Period(START, START + DAY_US)
Row = dict[str, object]


def read(stream: str, body: object) -> list[BillLine | Rejected]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(REPORTS[stream].parse(Page(stream, DAY, 0, "", "", raw, "main")))


def good(stream: str, row: Row) -> list[BillLine]:
    found = read(stream, page_body(stream, row))
    assert all(isinstance(one, BillLine) for one in found), found
    return found  # type: ignore[return-value]


def refused(stream: str, row: Row) -> str:
    (found,) = read(stream, page_body(stream, row))
    assert isinstance(found, Rejected) and found.line_no == 1
    return found.reason


def grouped(row: Row, **change: object) -> Row:
    return {**row, "group": {**row["group"], **change}}  # type: ignore[dict-item]


def test_usage_is_a_line_for_each_class_and_they_are_disjoint() -> None:
    found = good("usage_messages", MESSAGES)

    assert {one.meter: one.quantity for one in found} == {
        "uncached_input": 1_500,
        "cache_read": 200,
        "cache_write_5m": 500,
        "cache_write_1h": 1_000,
        "plain_output": 700,
        "searches": 10,
    }
    first = found[0]
    assert (first.layer, first.dataset, first.slice_key) == ("usage", "usage_messages", "2026-10-01")
    assert (first.charge_period_start, first.charge_period_end) == (START, START + DAY_US)
    assert (first.provider, first.provider_account, first.raw_model) == ("anthropic", "main", "claude-opus-5")
    assert (first.sub_account_id, first.credential_id, first.principal) == ("wrkspc_red", "apikey_one", "user_ada")
    assert (first.service_tier, first.context, first.region) == ("batch", "long", "us")
    assert first.extra == {"service_account_id": "svac_bot"}
    assert first.billed_cost is None and first.list_cost is None and first.effective_cost is None


def test_null_is_the_default_workspace_and_the_console() -> None:
    nobody = dict.fromkeys(("workspace_id", "api_key_id", "account_id", "service_account_id"))

    found = good("usage_messages", {**MESSAGES, **nobody})
    (cost,) = good("cost_report", {**COSTS, "workspace_id": None})

    assert {(one.sub_account_id, one.credential_id, one.principal) for one in found} == {("default", "console", "")}
    assert (cost.sub_account_id, cost.credential_id) == ("default", "")


@pytest.mark.parametrize(
    ("change", "tier", "context", "region", "extra"),
    [
        ({"service_tier": "standard", "inference_geo": "global", "context_window": "0-200k"}, "", "", "", {}),
        ({"service_tier": "standard", "speed": "fast"}, "fast", "long", "us", {}),
        ({"service_tier": "batch", "speed": "fast"}, "batch", "long", "us", {"speed": "fast"}),
        ({"service_tier": "flex_discount"}, "flex_discount", "long", "us", {}),
        ({"inference_geo": "not_available"}, "batch", "long", "", {"inference_geo": "not_available"}),
        ({"context_window": "1M-2M"}, "batch", "", "us", {"context_window": "1M-2M"}),
        (dict.fromkeys(("service_tier", "context_window", "inference_geo", "speed")), "", "", "", {}),
    ],
)
def test_what_multiplies_a_price_is_kept(change: Row, tier: str, context: str, region: str, extra: Row) -> None:
    first = good("usage_messages", {**MESSAGES, "service_account_id": None, **change})[0]

    assert (first.service_tier, first.context, first.region, first.extra) == (tier, context, region, extra)


def test_usage_of_the_priority_tier_says_that_its_money_is_in_no_report() -> None:
    found = good("usage_messages", {**MESSAGES, "service_tier": "priority"})

    assert {one.charge_description for one in found} == {
        "Priority Tier: its commitment is in no cost report and is added by contract"
    }
    assert good("usage_messages", MESSAGES)[0].charge_description == ""


def test_a_cost_is_fractional_cents_made_exact() -> None:
    (found,) = good("cost_report", COSTS)

    assert (found.layer, found.currency) == ("cost", "USD")
    assert found.billed_cost == found.effective_cost == 1_237_891_200_000  # $1.2378912
    assert found.list_cost is None and found.quantity is None
    assert (found.raw_model, found.meter, found.service_tier) == ("claude-opus-5", "uncached_input", "")
    assert (found.sku_id, found.sku_meter) == ("tokens", "uncached_input_tokens")
    assert found.charge_description == "Claude Opus 5 Usage - Input Tokens"
    assert found.sub_account_id == "wrkspc_red" and found.extra == {}


@pytest.mark.parametrize(
    ("amount", "grains", "beside"),
    [
        ("291.9015", 2_919_015_000_000, None),
        ("50", 500_000_000_000, None),
        (50, 500_000_000_000, None),
        ("0", 0, None),
        ("-12.5", -125_000_000_000, None),
        ("0.00000000004", 0, "4E-13"),
    ],
)
def test_cents_are_read_as_texts_or_numbers(amount: object, grains: int, beside: str | None) -> None:
    (found,) = good("cost_report", {**COSTS, "amount": amount})

    assert found.billed_cost == grains and found.extra.get("amount") == beside


@pytest.mark.parametrize(
    ("change", "meter", "sku_meter"),
    [
        ({"token_type": "output_tokens"}, "plain_output", "output_tokens"),
        ({"token_type": "cache_creation.ephemeral_1h_input_tokens"}, "cache_write_1h",
         "cache_creation.ephemeral_1h_input_tokens"),
        ({"cost_type": "web_search", "token_type": None}, "searches", "web_search"),
        ({"cost_type": "code_execution", "token_type": None}, "", "code_execution"),
        ({"cost_type": "session_usage", "token_type": None}, "", "session_usage"),
        ({"token_type": "novel_tokens"}, "", "novel_tokens"),
    ],
)  # fmt: skip
def test_kinds_of_cost_have_the_meter_they_are_of_or_none(change: Row, meter: str, sku_meter: str) -> None:
    (found,) = good("cost_report", {**COSTS, **change})

    assert (found.meter, found.sku_meter) == (meter, sku_meter)


def test_claude_code_is_told_of_and_never_rated_or_billed() -> None:
    activity, sonnet, haiku = good("claude_code", CODE)

    assert "claude_code" in APART
    for one in (activity, sonnet, haiku):
        assert (one.layer, one.meter, one.quantity) == ("usage", "", None)
        assert one.billed_cost is None and one.effective_cost is None and one.list_cost is None
        assert one.extra["counted_in"] == "the usage and cost reports of the API"
        assert (one.principal, one.service_name) == ("ada@example.com", "Claude Code")
    assert (activity.consumed_quantity, activity.consumed_unit) == (Decimal(5), "Sessions")
    assert activity.extra["core_metrics.lines_of_code.added"] == "154"
    assert activity.extra["tool_actions.notebook_edit_tool.rejected"] == "6"
    assert (sonnet.raw_model, sonnet.consumed_quantity) == ("claude-sonnet-5", Decimal(150_000))
    assert sonnet.extra["estimated_cost"] == "10.25" and haiku.extra["estimated_cost"] == "0.0025"
    assert sonnet.extra["tokens.cache_creation"] == "5000"


def test_a_subscribers_estimate_is_list_cost_and_nothing_else() -> None:
    _, sonnet, haiku = good("claude_code", {**CODE, "customer_type": "subscription"})

    assert (sonnet.list_cost, haiku.list_cost) == (10_250_000_000_000, 2_500_000_000)
    for one in (sonnet, haiku):
        assert one.billed_cost is None and one.effective_cost is None and one.quantity is None
        assert one.extra["counted_in"] == "the seat of the subscription"


def test_a_key_that_acts_in_claude_code_is_known_by_name_only() -> None:
    first = good("claude_code", {**CODE, "actor": {"type": "api_actor", "api_key_name": "ci"}})[0]

    assert (first.principal, first.credential_id, first.resource_name) == ("", "", "ci")


def test_analytics_cost_has_the_amount_after_and_before_discounts() -> None:
    (found,) = good("analytics_cost", ANALYTICS_COST)

    assert found.billed_cost == found.effective_cost == 15_234_012_500_000
    assert found.list_cost == 16_926_680_600_000 and found.contracted_cost is None
    assert (found.principal, found.credential_id) == ("ada@example.com", "apikey_one")
    assert (found.service_name, found.sub_account_id) == ("claude_code", "wrkspc_red")
    assert (found.raw_model, found.meter) == ("claude-opus-5-5", "cache_read")
    assert found.extra == {
        "actor.type": "user_actor",
        "actor.user_id": "user_ada",
        "actor.name": "Ada",
        "actor.deleted": "false",
    }


@pytest.mark.parametrize(
    ("actor", "principal", "credential"),
    [
        ({"type": "service_account_actor", "service_account_id": "svac_bot"}, "svac_bot", ""),
        ({"type": "api_actor", "api_key_id": "apikey_two"}, "", "apikey_two"),
        ({"type": "federated_actor", "subject": "arn:aws:iam::1:role/r", "provider": {"type": "aws"}},
         "arn:aws:iam::1:role/r", ""),
        ({"type": "user_actor", "user_id": "user_gone", "email_address": None, "deleted": True}, "user_gone", ""),
        (None, "", ""),
    ],
)  # fmt: skip
def test_every_kind_of_actor_is_named(actor: object, principal: str, credential: str) -> None:
    (found,) = good("analytics_cost", grouped(ANALYTICS_COST, actor=actor, api_key_id=None))

    assert (found.principal, found.credential_id) == (principal, credential)


def test_null_is_unknown_in_the_analytics() -> None:
    found = good("analytics_usage", grouped(ANALYTICS_USAGE, api_key_id=None, workspace_id=None))

    assert {(one.sub_account_id, one.credential_id) for one in found} == {("", "")}


def test_rows_by_groups_of_people_overlap_and_are_refused() -> None:
    for stream, row in (("analytics_cost", ANALYTICS_COST), ("analytics_usage", ANALYTICS_USAGE)):
        assert "overlap" in refused(stream, grouped(row, rbac_group_id="rbac_group_1"))


def test_a_total_that_its_classes_do_not_make_is_marked() -> None:
    usage = {**ANALYTICS_USAGE["usage"], "total_tokens": 4_000}  # type: ignore[dict-item]

    found = good("analytics_usage", {**ANALYTICS_USAGE, "usage": usage})

    assert {one.extra["drift"] for one in found} == {"total_tokens is 4000, but its classes are 3900"}
    assert all("drift" not in one.extra for one in good("analytics_usage", ANALYTICS_USAGE))


@given(st.lists(st.integers(0, 10**9), min_size=6, max_size=6))
def test_the_classes_sum_to_the_total(counts: list[int]) -> None:
    fresh, read_, five, hour, out, searches = counts
    usage = {
        "uncached_input_tokens": fresh,
        "cache_read_input_tokens": read_,
        "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
        "output_tokens": out,
        "server_tool_use": {"web_search_requests": searches},
        "total_tokens": fresh + read_ + five + hour + out,
        "requests": 0,
    }

    found = good("analytics_usage", {**ANALYTICS_USAGE, "usage": usage})

    tokens = [one for one in found if one.meter in (*INPUT_METERS, *OUTPUT_METERS)]
    assert sum(one.quantity or 0 for one in tokens) == usage["total_tokens"]
    assert all("drift" not in one.extra for one in found)
    assert len({one.meter for one in found}) == len(found)


@pytest.mark.parametrize(
    ("stream", "row", "reason"),
    [
        ("usage_messages", {**MESSAGES, "output_tokens": None}, "output_tokens is missing"),
        ("usage_messages", {**MESSAGES, "cache_creation": None}, "cache_creation is missing"),
        ("usage_messages", {**MESSAGES, "cache_creation": {"ephemeral_24h": 3}}, "ephemeral_5m_input_tokens is missing"),
        ("usage_messages", {**MESSAGES, "cache_read_input_tokens": "many"}, "cache_read_input_tokens is 'many'"),
        ("cost_report", {**COSTS, "amount": None}, "amount is missing"),
        ("cost_report", {**COSTS, "amount": "12,50"}, "amount is '12,50', which is no number"),
        ("cost_report", {**COSTS, "currency": ""}, "currency is ''"),
        ("analytics_cost", {**ANALYTICS_COST, "cost": None}, "cost.amount is missing"),
        ("analytics_usage", {**ANALYTICS_USAGE, "usage": None}, "usage is missing"),
        ("claude_code", {**CODE, "model_breakdown": 3}, "model_breakdown is no list"),
        ("claude_code", {**CODE, "date": "yesterday"}, "the time is 'yesterday', and RFC 3339 was expected"),
        ("claude_code", {**CODE, "date": "2026-10-02T00:00:00Z"}, "it is of 2026-10-02 00:00, and 2026-10-01 00:00"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(stream: str, row: Row, reason: str) -> None:
    assert refused(stream, row).startswith(reason)


@pytest.mark.parametrize("stream", sorted(REPORTS))
def test_a_field_that_nobody_knows_lands_in_extra_wherever_it_stands(stream: str) -> None:
    body = deepcopy(page_body(stream, SAMPLES[stream]))
    entry = body["data"][0]  # type: ignore[index]
    row = entry["results"][0] if "results" in entry else entry
    row["smell"] = {"deep": 12}
    body["novel"] = "p"
    inside = {"analytics_usage": "usage", "analytics_cost": "cost", "claude_code": "core_metrics"}.get(stream)
    if inside:
        row[inside]["novel"] = 3

    found = read(stream, body)

    for one in found:
        assert isinstance(one, BillLine)
        assert (one.extra["page.novel"], one.extra["smell.deep"]) == ("p", "12")
    assert not inside or any(one.extra.get(f"{inside}.novel") == "3" for one in found)  # type: ignore[union-attr]


def test_a_new_class_of_tokens_beside_nothing_else_is_still_a_line() -> None:
    empty = {"uncached_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}
    writes = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0, "ephemeral_24h_input_tokens": 8}

    (found,) = good("usage_messages", {**empty, "cache_creation": writes})

    assert found.meter == "" and found.extra == {"cache_creation.ephemeral_24h_input_tokens": "8"}


_MODULES = {
    "usage_messages": messages,
    "cost_report": costs,
    "claude_code": claude_code,
    "analytics_cost": analytics,
    "analytics_usage": analytics,
}


@pytest.mark.parametrize("stream", sorted(REPORTS))
def test_every_field_of_an_answer_is_used_or_listed_with_a_reason(stream: str) -> None:
    """Changing any field changes the lines, unless it is listed as ignored."""
    ignored = {*lines.IGNORED_AROUND, *_MODULES[stream].IGNORED}  # type: ignore[attr-defined]
    body = page_body(stream, SAMPLES[stream])
    before = read(stream, body)
    for path in leaves(body):
        if f"{'page.' if len(path) == 1 else ''}{path[-1]}" in ignored:
            continue
        assert read(stream, with_leaf(body, path)) != before, f"{path} is neither used nor listed"


@given(st.data())
def test_no_page_however_broken_is_an_exception(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(sorted(REPORTS)))
    raw = data.draw(broken(page_body(stream, SAMPLES[stream])))

    for one in read(stream, raw):
        if isinstance(one, Rejected):
            assert one.reason
            one.raw.encode()
        else:
            assert fault_of(one) == "" and one.slice_key == "2026-10-01"
