"""The official client reads the same answers as the connector, where it has the report: the unified analytics."""

from anthropic import Anthropic

from tests.connectors.anthropic.fake import ANALYTICS_BETA, KEY, Organisation, served
from tests.connectors.anthropic.samples import ANALYTICS_COST, ANALYTICS_USAGE, DAY

_ASK = {"starting_at": f"{DAY}T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "time_bucket_width": "1d",
        "order_by": "time", "order": "asc", "betas": [ANALYTICS_BETA]}  # fmt: skip


def test_the_official_client_reads_costs_and_follows_pages() -> None:
    groups = [{**ANALYTICS_COST["group"], "product": product} for product in ("chat", "cowork")]  # type: ignore[dict-item]
    rows = [{**ANALYTICS_COST, "group": group, "day": DAY} for group in groups]
    with served(Organisation({"analytics_cost": rows}, rows_a_page=1)) as found, _client(found.url) as client:
        page = client.beta.organization.analytics.cost.list(
            **_ASK, limit=1, group_by=["actor", "model", "product", "cost_type", "token_type"]
        )
        items = list(page)

    assert [(one.group.product, one.cost.amount, one.cost.list_amount) for one in items] == [
        ("chat", "1523.40125", "1692.66806"),
        ("cowork", "1523.40125", "1692.66806"),
    ]
    assert items[0].group.actor is not None and items[0].group.actor.type == "user_actor"
    assert items[0].group.token_type == "cache_read_input_tokens"


def test_the_official_client_reads_usage() -> None:
    rows = {"analytics_usage": [{**ANALYTICS_USAGE, "day": DAY}]}
    with served(Organisation(rows)) as found, _client(found.url) as client:
        (item,) = list(client.beta.organization.analytics.usage.list(**_ASK, group_by=["model", "service_tier"]))

    assert (item.group.model, item.group.service_tier, item.group.workspace_id) == ("claude-opus-5-5", "flex", None)
    assert (item.usage.total_tokens, item.usage.cache_creation.ephemeral_1h_input_tokens) == (3_900, 1_000)


def _client(url: str) -> Anthropic:
    return Anthropic(base_url=url, api_key=KEY, max_retries=0)
