"""Who comes from a peer changes no header: each lands where it belongs, and the provider sees none of them."""

import httpx2 as httpx
import pytest

from tests.gateway.harness import RunningGateway

# Sent header, dimension (or tag.NAME), value that must be there.
PEERS = [
    ("X-Cost-Feature", "search", "feature", "search"),
    ("x_cost_department", "growth", "department", "growth"),
    ("X-Cost-Tier", "gold", "customer_tier", "gold"),
    ("X-Cost-Session", "s-1", "conversation", "s-1"),
    ("X-Cost-Run-ID", "r-1", "run", "r-1"),
    ("X-Cost-Variant", "b", "experiment_variant", "b"),
    ("X-Cost-Workload", "batch", "workload_class", "batch"),
    ("X-Cost-PR", "812", "pull_request", "812"),
    ("X-Cost-GL-Account", "6100", "gl_account", "6100"),
    ("X-Cost-Squad", "blue", "tag.squad", "blue"),
    ("x-litellm-end-user-id", "eu-7", "customer", "eu-7"),
    ("x-litellm-tags", "product:desk,beta", "product", "desk"),
    ("Helicone-Property-Environment", "staging", "environment", "staging"),
    ("Helicone-Property-Colour", "red", "tag.colour", "red"),
    ("Helicone-User-Id", "hu-1", "user", "hu-1"),
    ("x-portkey-metadata", '{"_user": "pk-1", "agent": "triage"}', "agent", "triage"),
    ("X-BurnLens-Tag-Workflow-Id", "w-9", "workflow", "w-9"),
    ("X-BurnLens-Tag-Agent-Id", "a-9", "agent", "a-9"),
    ("x-bf-customer-id", "bf-3", "customer", "bf-3"),
    ("baggage", "project=atlas,region=eu", "project", "atlas"),
]


@pytest.mark.parametrize(("name", "value", "where", "want"), PEERS, ids=[f"{one[0]} {one[2]}" for one in PEERS])
@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/anthropic/v1/messages"])
def test_a_peers_header_lands_in_its_dimension_and_stays_here(
    gateway: RunningGateway, path: str, name: str, value: str, where: str, want: str
) -> None:
    model = "gpt-4o-mini" if "openai" in path else "claude-sonnet-4-6"
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    sent = {"authorization": f"Bearer {gateway.key}", "anthropic-version": "2023-06-01", name: value}
    if "openai" in path:
        del sent["anthropic-version"]
    assert httpx.post(gateway.url + path, json=body, headers=sent).status_code == 200
    row = gateway.rows()[-1]
    found = row.tags.get(where[4:]) if where.startswith("tag.") else row.dimensions.get(where)
    assert found == want
    (seen,) = gateway.stub.requests[-1:]
    assert name.lower() not in {header for header, _ in seen.headers}
    assert not any(value == text for _, text in seen.headers)


def test_the_trace_of_w3c_is_kept_and_not_passed_on(gateway: RunningGateway) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    sent = {"authorization": f"Bearer {gateway.key}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert httpx.post(gateway.url + "/openai/v1/chat/completions", json=body, headers=sent).status_code == 200
    assert gateway.rows()[-1].trace_id == trace
    assert not any(trace in text for _, text in gateway.stub.requests[-1].headers)
