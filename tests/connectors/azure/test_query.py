"""Answers of a cost query: rows by the answer's own columns, links that are followed and those that are not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.away import same_host
from tallystick.connectors.azure.connect import AzureSource, _next_link
from tallystick.ports import Page, SourceFailed
from tests.connectors.azure.samples import AOAI, OCTOBER, source
from tests.connectors.mutated import broken

COLUMNS = ["Cost", "UsageQuantity", "UsageDate", "MeterSubCategory", "Meter", "ResourceId", "Currency"]
ROW = [24.5, 10, 20261002, "Azure OpenAI GPT5", "5.4 pro Batch inp Dz 1M Tokens", AOAI, "USD"]
BODY = {"properties": {"nextLink": None, "columns": [{"name": name, "type": "x"} for name in COLUMNS], "rows": [ROW]}}


def made(**options: str) -> AzureSource:
    return source(scope="subscriptions/5f1e", tenant="t", client_id="c", **options)


def read(columns: list[str], rows: list[list[Any]], **options: str) -> list[BillLine | Rejected]:
    properties = {"nextLink": None, "columns": [{"name": name, "type": "x"} for name in columns], "rows": rows}
    return parse(json.dumps({"properties": properties}).encode(), **options)


def parse(body: bytes, **options: str) -> list[BillLine | Rejected]:
    return list(made(**options).parse(Page("query", OCTOBER, 0, "", "", body, "acct")))


def test_the_answer_s_columns_decide_the_order() -> None:
    (line,) = read(COLUMNS, [ROW])
    (turned,) = read(COLUMNS[::-1], [ROW[::-1]])
    assert line == turned
    assert isinstance(line, BillLine)
    assert (line.billed_cost, line.effective_cost, line.quantity) == (
        24_500_000_000_000,
        24_500_000_000_000,
        10_000_000,
    )
    assert (line.raw_model, line.service_tier, line.layer) == ("gpt-5.4-pro", "batch", "cost")


def test_amortized_costs_are_effective_and_say_nothing_of_what_was_billed() -> None:
    (line,) = read(COLUMNS, [ROW], cost_type="AmortizedCost")
    assert isinstance(line, BillLine)
    assert (line.billed_cost, line.effective_cost) == (None, 24_500_000_000_000)


def test_a_meter_without_a_size_counts_only_where_its_owner_says_by_what() -> None:
    row = [1.25, 500, 20261002, "Azure OpenAI", "gpt 4o 0806 Inp glbl Tokens", AOAI, "USD"]
    (unsaid,), (said,) = read(COLUMNS, [row]), read(COLUMNS, [row], meter_units="*1M Tokens=1M;*Tokens=1K")
    assert isinstance(unsaid, BillLine) and isinstance(said, BillLine)
    assert (unsaid.quantity, unsaid.consumed_quantity) == (None, 500)
    assert said.quantity == 500_000


def test_hours_of_provisioned_units_are_kept_without_tokens() -> None:
    row = [24.0, 24, 20261002, "Azure OpenAI", "Provisioned Managed Global Unit", AOAI, "USD"]
    (line,) = read(COLUMNS, [row], meter_units="Provisioned*=1/Hour")
    assert isinstance(line, BillLine)
    assert (line.quantity, line.consumed_quantity, line.service_tier) == (None, 24, "provisioned")
    assert line.consumed_unit == "Provisioned Throughput Unit Hours"


def test_a_grouping_by_a_tag_is_a_tag_and_new_columns_are_kept() -> None:
    (line,) = read([*COLUMNS, "TagKey", "TagValue", "New"], [[*ROW, "team", "search", 7]])
    assert isinstance(line, BillLine)
    assert (line.tags, line.dimensions, line.extra["New"]) == ({"team": "search"}, {"team": "search"}, "7")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [(0, None, "no cost"), (2, "2026-10-02", "UsageDate"), (2, 20261101, "2026-10"), (2, 20261302, "UsageDate"),
     (6, "", "currency"), (1, "many", "no number")],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_rejected_and_the_rest_lands(place: int, value: object, reason: str) -> None:
    bad, good, short = read(COLUMNS, [[value if at == place else cell for at, cell in enumerate(ROW)], ROW, ROW[:-1]])
    assert isinstance(bad, Rejected) and reason in bad.reason
    assert isinstance(good, BillLine)
    assert isinstance(short, Rejected) and short.line_no == 3


def test_the_token_is_sent_to_no_other_host() -> None:
    base = "https://management.azure.com"
    assert same_host(f"{base}/subscriptions/5f1e?x=1", base)
    for link in (
        "http://management.azure.com/x",
        "https://management.azure.com.evil.example/",
        "https://a@evil.example/",
        "x",
    ):
        assert not same_host(link, base)
    with pytest.raises(SourceFailed, match="another host"):
        list(made().fetch(made().streams[0], OCTOBER, "https://evil.example/next", 1))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"properties": {"columns": 1}}', b'{"properties": {"columns": [], "nextLink": 1}}']
)
def test_what_is_no_page_is_told(body: bytes) -> None:
    with pytest.raises(SourceFailed, match="no page"):
        _next_link(body)


@given(broken(BODY))
@settings(max_examples=60, deadline=None)
def test_any_answer_is_lines_or_rejections_and_the_same_each_time(body: bytes) -> None:
    found = parse(body)
    assert all(isinstance(one, BillLine | Rejected) for one in found)
    assert repr(found) == repr(parse(body))
