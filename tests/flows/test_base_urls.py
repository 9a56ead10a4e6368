"""What `tally up` prints to paste is what the official SDKs need, and each caller's key of the provider is its own."""

import json
import re
import time
from pathlib import Path

import anthropic
import openai
import pytest

from tests.flows.running import fetch, running_product, running_stub

KEYS = """
[[providers.openai.keys]]
api_key_env = "STUB_SEARCH_KEY"
team = "search"
[[providers.openai.keys]]
api_key_env = "STUB_STAGING_KEY"
environment = "staging"
[providers.vllm]
dialect = "openai"
base_url = "{stub}/v1"
api_key_env = "STUB_VLLM_KEY"
"""


@pytest.mark.slow
def test_the_printed_base_urls_work_and_each_caller_reaches_the_provider_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEARCH", "STAGING", "VLLM"):
        monkeypatch.setenv(f"STUB_{name}_KEY", f"sk-of-{name.lower()}")
    with running_stub() as stub:
        with running_product(tmp_path, stub, KEYS.format(stub=stub)) as product:
            printed = _printed(product.log)
            assert set(printed) >= {"openai", "anthropic", "vllm"}
            for team, environment in (("search", "production"), ("risk", "staging"), ("risk", "production")):
                key = product.tally("keys", "create", "--team", team, "--environment", environment)["key"]
                _openai(printed["openai"], key)
            _openai(printed["vllm"], key)
            with anthropic.Anthropic(api_key=key, base_url=printed["anthropic"]) as client:
                message = client.messages.create(
                    model="claude-sonnet-5", max_tokens=16, messages=[{"role": "user", "content": "hi"}]
                )
            assert message.usage.output_tokens > 0
        seen = [
            dict(one["headers"]) for one in json.loads(fetch(f"{stub}/__stub/requests")[1]) if one["method"] == "POST"
        ]
    assert [one.get("authorization", one.get("x-api-key")) for one in seen] == [
        "Bearer sk-of-search", "Bearer sk-of-staging", "Bearer sk-stub-openai", "Bearer sk-of-vllm", "Bearer sk-ant-stub",
    ]  # fmt: skip
    assert not any("tally_" in json.dumps(one) for one in seen)


def _printed(log: Path) -> dict[str, str]:
    """Name to base URL, once the greeting is there: it follows the first sign of health."""
    deadline = time.monotonic() + 10
    while "Key " not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    return dict(re.findall(r"^  (\w+) +(?:export \w+=)?(http\S+)$", log.read_text(), re.MULTILINE))


def _openai(base_url: str, key: str) -> None:
    with openai.OpenAI(api_key=key, base_url=base_url) as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
