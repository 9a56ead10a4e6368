"""What was said, from end to end: nowhere by default; where asked, redacted, for few eyes, and erased by command."""

import json
import time
from pathlib import Path

import openai
import pytest

from tests.flows.running import Running, fetch, running_product, running_stub

PLANTED = "zanzibar-plant"
CARD = "4111 1111 1111 1111"
ON = '[content]\nstore = true\nredact_patterns = ["\\\\d{4} \\\\d{4} \\\\d{4} \\\\d{4}"]\n'


def say(product: Running, key: str) -> str:
    """A plain call and a stream of one user; the id of the first."""
    words = [{"role": "user", "content": f"{PLANTED} pays with {CARD}"}]
    ask = {"model": "gpt-4o-mini", "messages": words, "extra_headers": {"X-Cost-User": "ursula"}}
    with openai.OpenAI(api_key=key, base_url=f"{product.url}/openai/v1") as client:
        answer = client.chat.completions.with_raw_response.create(**ask)
        assert list(client.chat.completions.create(stream=True, **ask))
    product.drained()
    return answer.headers["x-tally-event-id"]


def holding(folder: Path, words: str) -> list[str]:
    return [
        str(path) for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()
    ]  # fmt: skip


def content(product: Running, event_id: str) -> tuple[int, dict]:
    token = (product.data / "cli.token").read_text().strip()
    deadline = time.monotonic() + 10
    while True:  # it is written after the client has its answer
        status, body = fetch(f"{product.url}/api/v1/requests/{event_id}/content", {"authorization": f"Bearer {token}"})
        if status == 200 or time.monotonic() > deadline:
            return status, json.loads(body)
        time.sleep(0.1)


@pytest.mark.slow
def test_by_default_nothing_of_a_prompt_or_answer_is_on_the_disk(tmp_path: Path) -> None:
    with running_stub() as stub, running_product(tmp_path, stub) as product:
        event_id = say(product, product.tally("keys", "create", "--team", "search")["key"])
        token = (product.data / "cli.token").read_text().strip()
        url = f"{product.url}/api/v1/requests/{event_id}/content"
        assert fetch(url, {"authorization": f"Bearer {token}"})[0] == 404
        for words in (PLANTED, CARD, "Tally sticks"):
            assert holding(tmp_path, words) == []
    for words in (PLANTED, CARD, "Tally sticks"):
        assert holding(tmp_path, words) == []


@pytest.mark.slow
def test_where_asked_it_is_kept_redacted_and_goes_with_its_person(tmp_path: Path) -> None:
    with running_stub() as stub, running_product(tmp_path, stub, ON) as product:
        key = product.tally("keys", "create", "--team", "search")["key"]
        event_id = say(product, key)
        status, said = content(product, event_id)
        assert (status, said["user"], said["team"], said["truncated"]) == (200, "ursula", "search", [])
        asked = json.loads(said["request"])
        assert asked["messages"][0]["content"] == f"{PLANTED} pays with [redacted]"
        assert "Tally sticks" in said["response"]
        deadline = time.monotonic() + 10
        while product.tally("erase", "--user", "ursula", "--dry-run")["contents"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for words in (CARD, key, "sk-stub-openai"):
            assert holding(tmp_path, words) == []
        assert holding(product.data / "spool", PLANTED) == []
        assert holding(product.data, PLANTED)  # so the search above would have found what it looked for

        done = product.tally("erase", "--user", "ursula", "--yes")
        assert holding(tmp_path, PLANTED) == []
        assert (done["rows"], done["contents"]) == (2, 2)
        token = (product.data / "cli.token").read_text().strip()
        url = f"{product.url}/api/v1/requests/{event_id}"
        assert fetch(f"{url}/content", {"authorization": f"Bearer {token}"})[0] == 404
        assert fetch(url, {"authorization": f"Bearer {token}"})[0] == 200
