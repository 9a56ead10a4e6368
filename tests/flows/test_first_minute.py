"""The user's own minute: start, make a key, send 20 calls with the official SDK, see the cost of the feature."""

import time
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from tests.flows.running import running_product, running_stub


@pytest.mark.slow
def test_twenty_calls_show_their_exact_cost_by_feature_within_five_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    with running_stub() as stub, running_product(tmp_path, stub) as product:
        made = product.tally("keys", "create", "--team", "search", "--environment", "production")
        client = openai.OpenAI(api_key=made["key"], base_url=f"{product.url}/openai/v1")
        costs = []
        for _ in range(20):
            answer = client.chat.completions.with_raw_response.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": "hi"}],
                extra_headers={"X-Cost-Feature": "chat"},
            )
            costs.append(Decimal(answer.headers["x-tally-cost"]))
        client.close()
        last = time.monotonic()
        while True:
            page = product.api("/api/v1/explore?by=feature&range=7d")
            rows = [row for row in page["rows"] if row["group"]["feature"] == "chat"]
            if rows and rows[0]["calls"] == 20:
                break
            assert time.monotonic() - last < 5, page
            time.sleep(0.1)
        assert Decimal(rows[0]["value"]) == sum(costs) > 0
        told = product.tally("costs", "--by", "feature,team", "--range", "7d")
        assert told["rows"][0]["group"] == {"feature": "chat", "team": "search"}
        assert Decimal(told["total"]) == sum(costs)
    assert time.monotonic() - began < 60
