"""The official client reads the same answers that the connector's tests are held to: the fake speaks the real API."""

from importlib import import_module

import pytest
from openai import OpenAI

from tallystick.connectors.openai.streams import REPORTS
from tests.connectors.openai.fake import DAY, KEY, Organisation, served
from tests.connectors.openai.samples import COMPLETIONS, COSTS, DAY_S, USAGE


def test_the_official_client_reads_costs() -> None:
    rows = [{**COSTS, "day": DAY_S}, {**COSTS, "user_id": "user_ben", "day": DAY_S}]
    with served(Organisation({"costs": rows})) as found, _client(found.url) as client:
        page = client.admin.organization.usage.costs(
            start_time=DAY_S, end_time=DAY_S + DAY, bucket_width="1d", limit=1, group_by=["line_item", "project_id"]
        )

    (result,) = page.data[0].results
    assert result.object == "organization.costs.result"
    assert result.amount and result.amount.value == pytest.approx(0.027)
    assert (result.line_item, result.user_id, result.quantity) == ("gpt-6-astra, input_tokens", None, 10_800)


@pytest.mark.parametrize("kind", sorted(USAGE))
def test_the_official_client_reads_each_usage_report(kind: str) -> None:
    with served(Organisation({kind: [{**USAGE[kind], "day": DAY_S}]})) as found, _client(found.url) as client:
        ask = getattr(client.admin.organization.usage, kind)
        page = ask(start_time=DAY_S, end_time=DAY_S + DAY, limit=1, group_by=["project_id"])

    (result,) = page.data[0].results
    assert result.object == USAGE[kind]["object"]
    assert result.project_id == "proj_red"


def test_every_usage_report_that_the_official_client_knows_is_a_stream_and_every_field_of_it_a_sample() -> None:
    """So that a newer client tells which report or field is still to be read."""
    with OpenAI(api_key="unused") as client:
        usage = client.admin.organization.usage
    known = {name for name in dir(usage) if not name.startswith(("_", "with_"))}
    assert {"costs" if name == "costs" else f"usage_{name}" for name in known} == set(REPORTS)
    for kind, sample in {**USAGE, "costs": COSTS}.items():
        module = import_module(f"openai.types.admin.organization.usage_{kind}_response")
        fields = [
            set(one.model_fields)
            for one in vars(module).values()
            if str(sample["object"]) in str(getattr(one, "model_fields", {}).get("object", ""))
        ]
        assert fields == [set(sample)], kind


def test_the_official_client_follows_pages() -> None:
    rows = [{**COMPLETIONS, "day": DAY_S + number * DAY} for number in range(3)]
    with served(Organisation({"completions": rows}, buckets_a_page=1)) as found, _client(found.url) as client:
        totals, cursor = [], None
        while True:
            more = {"page": cursor} if cursor else {}
            page = client.admin.organization.usage.completions(
                start_time=DAY_S, end_time=DAY_S + 3 * DAY, group_by=["model"], **more
            )
            totals += [result.input_tokens for bucket in page.data for result in bucket.results]
            cursor = page.next_page
            if not page.has_more:
                break

    assert totals == [1_000, 1_000, 1_000]


def _client(url: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="unused", admin_api_key=KEY, max_retries=0)
