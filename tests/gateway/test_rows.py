"""Every way a call can end leaves exactly one row, and the row is honest."""

import json
import socket
import time

import httpx2 as httpx
import pytest

from tests.gateway.harness import RunningGateway

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
PROMPT_TOKENS = (
    7
    + len(json.dumps({"messages": ASK["messages"], "input": None, "system": None, "tools": None}, sort_keys=True)) // 4
)
# gpt-4o-mini: $0.15 and $0.60 a million tokens, in grains of 1e-12.
COST = PROMPT_TOKENS * 150_000 + 8 * 600_000


def post(
    gateway: RunningGateway, path: str = "/openai/v1/chat/completions", body: object = None, **headers: str
) -> httpx.Response:
    sent = {
        "authorization": f"Bearer {gateway.key}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return httpx.post(gateway.url + path, json=ASK if body is None else body, headers=sent, timeout=20)


def test_a_plain_call_is_one_priced_row_and_its_header_says_the_same_cost(gateway: RunningGateway) -> None:
    answer = post(gateway, x_cost_feature="search", x_cost_squad="red", user_agent="sdk/1", x_stainless_retry_count="2")

    (row,) = gateway.rows()
    assert row.event_id == answer.headers["x-tally-event-id"]
    assert (row.outcome, row.status, row.attempt, row.source) == ("ok", 200, 1, "gateway")
    assert (row.measured.input_tokens, row.measured.output_tokens, row.measured.state) == (PROMPT_TOKENS, 8, "reported")
    assert row.effective_cost == row.list_cost == COST
    assert answer.headers["x-tally-cost"] == f"{COST / 10**12:.12f}".rstrip("0")
    assert dict(row.dimensions) == {"team": "search", "feature": "search"}
    assert row.tags["squad"] == "red"
    assert (row.key, row.user_agent, row.retry_count) == (gateway.key_id, "sdk/1", 2)
    assert row.duration_us and row.duration_us > 0
    assert row.key_fingerprint and "planted" not in row.key_fingerprint
    assert row.request_bytes == len(gateway.stub.requests[0].body)
    assert row.response_bytes == len(answer.content)
    assert len(row.block_fingerprints) == 1


def test_the_intent_is_on_disk_before_the_provider_is_asked_and_the_completion_before_the_client_has_it(
    gateway: RunningGateway,
) -> None:
    with httpx.stream(
        "POST", gateway.url + "/openai/v1/chat/completions", json={**ASK, "stream": True},
        headers={"authorization": f"Bearer {gateway.key}", "x-stub-fault": "slow", "x-stub-delay": "0.2"}, timeout=20,
    ) as answer:  # fmt: skip
        event_id = answer.headers["x-tally-event-id"]
        kinds = [one.kind for one in gateway.records() if one.event_id == event_id]
        assert kinds == ["intent"]
        for chunk in answer.iter_raw():
            if b"[DONE]" in chunk:
                assert [one.kind for one in gateway.records() if one.event_id == event_id] == ["intent", "completion"]
    (row,) = gateway.rows()
    assert row.stream
    assert row.effective_cost == COST
    assert row.time_to_first_token_us and row.duration_us and row.time_to_first_token_us < row.duration_us


def test_a_stream_tells_its_cost_at_the_end_when_asked(gateway: RunningGateway) -> None:
    answer = post(gateway, body={**ASK, "stream": True}, x_tally_stream_cost="true")

    (row,) = gateway.rows()
    assert answer.text.endswith(f"data: [DONE]\n\n: x-tally-cost {COST / 10**12:.12f}".rstrip("0") + "\n\n")
    assert row.effective_cost == COST
    assert '"usage"' not in answer.text, "usage that only we asked for stays ours"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/anthropic/v1/messages"])
def test_compressed_answers_are_metered(gateway: RunningGateway, encoding: str, stream: bool, path: str) -> None:
    body = {
        **ASK,
        "max_tokens": 9,
        "stream": stream,
        "model": "gpt-4o-mini" if "openai" in path else "claude-sonnet-4-5",
    }
    post(gateway, path, body, x_stub_encoding=encoding, accept_encoding=encoding)

    (row,) = gateway.rows()
    assert (row.measured.input_tokens, row.measured.output_tokens) == (PROMPT_TOKENS, 8)
    assert row.measured.state == "reported"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 529])
def test_a_providers_error_passes_verbatim_and_costs_nothing(gateway: RunningGateway, status: int) -> None:
    answer = post(gateway, x_stub_fault=str(status))

    (row,) = gateway.rows()
    assert answer.status_code == row.status == status
    assert answer.json()["error"]["code"] == f"stub_{status}"
    assert (row.outcome, row.error_type, row.effective_cost) == ("error", f"stub_{status}", 0)


def test_a_cut_stream_is_cut_for_the_client_too_and_its_row_is_an_estimate(gateway: RunningGateway) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        post(gateway, body={**ASK, "stream": True}, x_stub_fault="cut")

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.measured.state) == ("cut", "estimated")
    assert row.measured.output_tokens


def test_a_cut_body_is_cut_for_the_client_too(gateway: RunningGateway) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        post(gateway, x_stub_fault="cut")

    (row,) = gateway.rows(wait_for=1)
    assert row.outcome == "cut"
    assert row.measured.state == "estimated"


def test_an_error_inside_a_stream_passes_and_is_an_error(gateway: RunningGateway) -> None:
    answer = post(gateway, body={**ASK, "stream": True}, x_stub_fault="in-stream")

    (row,) = gateway.rows()
    assert "the server had an error" in answer.text
    assert row.outcome == "error"


def test_a_provider_that_hangs_up_without_a_word_is_a_502_of_unknown_cost(gateway: RunningGateway) -> None:
    answer = post(gateway, x_stub_fault="close")

    (row,) = gateway.rows()
    assert answer.status_code == 502
    assert "x-should-retry" not in answer.headers
    assert (row.outcome, row.status, row.measured.state, row.effective_cost) == ("error", 502, "absent", None)


def test_a_provider_that_cannot_be_reached_is_a_502_that_cost_nothing(gateway: RunningGateway) -> None:
    answer = post(gateway, "/dead/v1/chat/completions")

    (row,) = gateway.rows()
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"
    assert (row.outcome, row.measured.state, row.effective_cost) == ("error", "reported", 0)


def test_a_silent_provider_is_a_504(gateway: RunningGateway) -> None:
    answer = post(gateway, x_stub_fault="slow", x_stub_delay="9")

    (row,) = gateway.rows()
    assert answer.status_code == 504
    assert (row.outcome, row.error_type) == ("error", "upstream_timeout")


def hang_up_after(gateway: RunningGateway, body: dict[str, object], headers: dict[str, str], wanted: bytes) -> None:
    """Send a request over a bare socket and close it once the answer holds some bytes (or at once)."""
    raw = json.dumps(body).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    lines = ["POST /openai/v1/chat/completions HTTP/1.1", f"host: {host}", f"content-length: {len(raw)}"]
    lines += [f"authorization: Bearer {gateway.key}", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + raw)
        seen = b""
        while wanted and wanted not in seen:
            seen += wire.recv(4096)
        if not wanted:
            time.sleep(0.1)


def test_a_client_that_leaves_a_stream_is_charged_what_the_provider_says(gateway: RunningGateway) -> None:
    hang_up_after(gateway, {**ASK, "stream": True}, {"x-stub-delay": "0.03"}, b"Tally")

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.measured.state) == ("client_gone", "reported")
    assert row.effective_cost == COST


def test_a_client_that_leaves_before_the_answer_is_charged_what_the_provider_says(gateway: RunningGateway) -> None:
    hang_up_after(gateway, ASK, {"x-stub-fault": "slow", "x-stub-delay": "0.5"}, b"")

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.status, row.effective_cost) == ("client_gone", 200, COST)


def test_a_stream_that_outlives_its_client_for_too_long_is_estimated(gateway: RunningGateway) -> None:
    # Words come for longer than the gateway drains (2 s).
    hang_up_after(gateway, {**ASK, "stream": True}, {"x-stub-delay": "0.5", "x-stub-words": "12"}, b"Tally")

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.measured.state) == ("client_gone", "estimated")
    assert row.measured.output_tokens


def test_free_calls_are_rows_of_a_reported_zero(gateway: RunningGateway) -> None:
    answer = httpx.get(gateway.url + "/openai/v1/models", headers={"authorization": f"Bearer {gateway.key}"})

    (row,) = gateway.rows()
    assert answer.status_code == 200
    assert (row.operation_name, row.measured.state, row.measured.input_tokens) == ("list_models", "reported", 0)
    assert (row.effective_cost, answer.headers["x-tally-cost"]) == (0, "0")


def test_an_allowed_path_that_nothing_can_meter_is_a_row_of_unknown_usage(gateway: RunningGateway) -> None:
    answer = post(gateway, "/openai/v1/batches", {"input_file_id": "file-1"})

    (row,) = gateway.rows()
    assert answer.json()["id"] == "batch-1"
    assert (row.operation_name, row.measured.state, row.effective_cost) == ("unmetered", "absent", None)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/openai/v1/vector_stores", {}, 404, "unknown_path"),
        ("/openai/v1/chat/completions", [1], 400, "invalid_body"),
        ("/openai/v1/chat/completions", {"model": 7, "messages": []}, 400, "invalid_body"),
        ("/keyless/v1/chat/completions", {"model": "gpt-4o", "messages": []}, 403, "no_provider_key"),
    ],
)
def test_a_refusal_for_a_known_key_is_a_row_that_reached_nobody(
    gateway: RunningGateway, path: str, body: object, status: int, code: str
) -> None:
    answer = post(gateway, path, body)

    (row,) = gateway.rows()
    assert answer.status_code == row.status == status
    assert answer.json()["error"]["code"] == row.error_type == code
    assert answer.headers["x-should-retry"] == "false"
    assert (row.attempt, row.outcome, dict(row.measured.quantities)) == (0, "refused", {})
    assert row.dimensions["team"] == "search"
    assert gateway.stub.requests == []


def test_callers_may_bring_the_providers_own_key(gateway: RunningGateway) -> None:
    answer = httpx.post(
        gateway.url + "/openai/v1/chat/completions", json=ASK, headers={"authorization": "Bearer sk-mine"}
    )

    (row,) = gateway.rows()
    assert answer.status_code == 200
    assert dict(gateway.stub.requests[0].headers)["authorization"] == "Bearer sk-mine"
    assert row.key == ""
    assert len(row.key_fingerprint) == 32
    assert "mine" not in row.key_fingerprint


def test_a_key_may_come_in_either_header_and_the_providers_goes_out_in_the_same(gateway: RunningGateway) -> None:
    body = {**ASK, "max_tokens": 5, "model": "claude-sonnet-4-5"}
    for sent in ({"x-api-key": gateway.key}, {"authorization": f"Bearer {gateway.key}"}):
        assert httpx.post(gateway.url + "/anthropic/v1/messages", json=body, headers=sent).status_code == 200
    first, second = (dict(one.headers) for one in gateway.stub.requests)
    assert (first.get("x-api-key"), first.get("authorization")) == ("sk-upstream-planted-secret", None)
    assert (second.get("x-api-key"), second.get("authorization")) == (None, "Bearer sk-upstream-planted-secret")


def test_a_new_key_holds_and_a_revoked_one_fails_from_the_next_call_on(gateway: RunningGateway) -> None:
    from tallystick.operations.manage_keys import list_keys, revoke_key

    secret = gateway.make_key(team="new")
    sent = {"authorization": f"Bearer {secret}"}
    url = gateway.url + "/openai/v1/chat/completions"
    assert httpx.post(url, json=ASK, headers=sent).status_code == 200

    key = next(one for one in list_keys(gateway.context) if one.locked.get("team") == "new")
    revoke_key(gateway.context, key.key_id)
    answer = httpx.post(url, json=ASK, headers=sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "revoked_key")
    assert [row.dimensions["team"] for row in gateway.rows()] == ["new"]
