"""A changed price holds for the next call, as a changed key does."""

from decimal import Decimal
from pathlib import Path

import httpx2 as httpx

from tallystick.operations.refresh_prices import refresh_prices
from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.server import Stub

OVERRIDE = (
    '[[price]]\nprovider = "openai"\nmodel = "gpt-4o-mini"\nfrom = "2024-01-01"\nper = 1\ninput = "{0}"\noutput = "0"\n'
)


def _cost(gateway: RunningGateway) -> tuple[Decimal, int]:
    sent = {"authorization": f"Bearer {gateway.key}"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(f"{gateway.url}/openai/v1/chat/completions", json=body, headers=sent, timeout=20)
    return Decimal(answer.headers["x-tally-cost"]), answer.json()["usage"]["prompt_tokens"]


def test_the_call_after_a_price_change_pays_the_new_price(tmp_path: Path, stub_thread: Stub) -> None:
    file = tmp_path / "prices.toml"
    with running_gateway(tmp_path, stub_thread) as gateway:
        for price in ("0.001", "0.002", "0.0005"):
            file.write_text(OVERRIDE.format(price))
            refresh_prices(gateway.context, file)
            cost, tokens = _cost(gateway)
            assert cost == Decimal(price) * tokens
