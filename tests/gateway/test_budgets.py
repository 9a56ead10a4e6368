"""Budgets at the gateway: what a caller sees, what the provider sees, and what the rows say."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest

from tallystick.budgets.defaults import default_budgets
from tallystick.budgets.model import NANO, Budget
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import BudgetSettings
from tallystick.operations.refresh_prices import refresh_prices
from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.server import Stub

# One tenth of a cent for each token of output and nothing for input: the bound of ten tokens is one cent.
PRICES = "".join(
    f'[[price]]\nprovider = "{provider}"\nmodel = "{model}"\nfrom = "2024-01-01"\nper = 1\n'
    f'input = "0"\ncache_read = "0"\noutput = "{output}"\n'
    for provider, model, output in (
        ("openai", "cent", "0.001"),
        ("openai", "mite", "0.0001"),
        ("anthropic", "claude-cent", "0.001"),
    )
)


@contextmanager
def budgeted(folder: Path, stub: Stub, *budgets: Budget, **settings: Any) -> Iterator[RunningGateway]:
    file = folder / "prices.toml"
    file.write_text(PRICES)
    held = BudgetSettings(CounterSettings("process", folder / "counters"), budgets, **settings)
    with running_gateway(folder, stub, budgets=held, stamp_reservations=True) as gateway:
        refresh_prices(gateway.context, file)
        stub.reset()
        yield gateway


def dollars(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * NANO + int(part.ljust(9, "0"))


def ask(
    gateway: RunningGateway, key: str = "", path: str = "/openai/v1/chat/completions", **body: Any
) -> httpx.Response:
    headers = {name[2:].replace("_", "-"): str(body.pop(name)) for name in list(body) if name.startswith("h_")}
    sent = {"model": "cent", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, **body}
    sent = {name: value for name, value in sent.items() if value is not None}
    return httpx.post(
        gateway.url + path,
        json=sent,
        headers={"authorization": f"Bearer {key or gateway.key}", "x-stub-words": "10", **headers},
        timeout=30,
    )


def together(count: int, work: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        answers.append(work(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_fifty_calls_at_once_that_cost_a_cent_each_ten_pass_a_budget_of_ten_cents(
    tmp_path: Path, stub_thread: Stub
) -> None:
    tight = Budget("bud_1", "ten cents", dollars("0.10"), window="day")
    with budgeted(tmp_path, stub_thread, tight) as gateway:
        answers = together(50, lambda _: ask(gateway))
        assert Counter(one.status_code for one in answers) == {200: 10, 429: 40}
        assert len(stub_thread.requests) == 10
        assert all("x-tally-reservation" in dict(one.headers) for one in stub_thread.requests)
        rows = gateway.rows(50)
        assert Counter(row.verdict for row in rows) == {"allowed": 10, "blocked": 40}
        assert sum(row.effective_cost or 0 for row in rows) == 10**11
        assert ask(gateway).status_code == 429


def test_the_first_calls_of_new_customers_at_once_get_a_counter_each(tmp_path: Path, stub_thread: Stub) -> None:
    each = Budget("bud_1", "each customer", dollars("0.02"), window="month", group_by=("customer",))
    with budgeted(tmp_path, stub_thread, each) as gateway:
        answers = together(24, lambda number: ask(gateway, h_x_cost_customer=f"c{number % 4}"))
        assert Counter(one.status_code for one in answers) == {200: 8, 429: 16}
        assert ask(gateway).status_code == 200  # nobody's customer: not covered


def test_a_call_without_a_cap_is_given_what_the_budget_affords(tmp_path: Path, stub_thread: Stub) -> None:
    budget = Budget("bud_1", "five dollars", dollars("5"), window="day")
    with budgeted(tmp_path, stub_thread, budget) as gateway:
        assert ask(gateway).status_code == 200
        answer = ask(gateway, max_tokens=None)
        assert answer.status_code == 200
        assert answer.headers["x-tally-max-tokens"] == "4990"
        assert json.loads(stub_thread.requests[-1].body)["max_completion_tokens"] == 4990
        row = gateway.rows(2)[-1]
        assert (row.requested_max_tokens, row.effective_max_tokens) == (None, 4990)


def test_a_call_without_a_cap_is_refused_when_not_even_a_short_answer_fits(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "a dollar", dollars("1"), window="day")) as gateway:
        answer = ask(gateway, max_tokens=None)
        assert answer.status_code == 429
        assert "1,024" in answer.json()["error"]["message"]
        assert ask(gateway).status_code == 200


def test_a_strict_budget_leaves_requests_as_they_are(tmp_path: Path, stub_thread: Stub) -> None:
    strict = Budget("bud_1", "strict", dollars("5"), window="day", strict=True)
    with budgeted(tmp_path, stub_thread, strict) as gateway:
        answer = ask(gateway, max_tokens=None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "output_unbounded")


def test_the_openai_sdk_raises_its_typed_error_once_and_is_told_everything(tmp_path: Path, stub_thread: Stub) -> None:
    budget = Budget("bud_1", "nothing left", 1, window="day", zone="Europe/Berlin")
    with budgeted(tmp_path, stub_thread, budget, pages="http://pages") as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key)
        with client, pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="cent", messages=[{"role": "user", "content": "hi"}], max_tokens=10)
        assert len(gateway.rows(1)) == 1
        error: Any = caught.value.body
        assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")
        told = error["tally"]
        assert told["budget"] == "nothing left"
        assert told["limit"] == "0.000000001 usd"
        assert told["resets_at"].endswith(":00:00Z")
        event_id = caught.value.response.headers["x-tally-event-id"]
        assert told["link"] == f"http://pages/requests/{event_id}"
        assert "nothing left" in error["message"]
        assert stub_thread.requests == []


def test_the_anthropic_sdk_raises_its_typed_error_once(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "nothing left", 1, window="day")) as gateway:
        client = anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=gateway.key)
        with client, pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model="claude-cent", messages=[{"role": "user", "content": "hi"}], max_tokens=10)
        assert len(gateway.rows(1)) == 1
        body: Any = caught.value.body
        assert body["error"]["details"]["tally"]["budget"] == "nothing left"


def test_a_degrading_budget_asks_the_cheaper_model_and_names_both(tmp_path: Path, stub_thread: Stub) -> None:
    budget = Budget("bud_1", "soft landing", dollars("0.015"), window="day", action="degrade", degrade_to="mite")
    with budgeted(tmp_path, stub_thread, budget) as gateway:
        assert "x-tally-model" not in ask(gateway).headers
        answer = ask(gateway)
        assert answer.status_code == 200
        assert (answer.headers["x-tally-requested-model"], answer.headers["x-tally-model"]) == ("cent", "mite")
        assert json.loads(stub_thread.requests[-1].body)["model"] == "mite"
        row = gateway.rows(2)[-1]
        assert (row.verdict, row.request_model, row.sent_model, row.effective_cost) == (
            "degraded",
            "cent",
            "mite",
            10**9,
        )


def test_a_cheaper_model_has_to_pass_every_budget_too(tmp_path: Path, stub_thread: Stub) -> None:
    soft = Budget("bud_1", "soft", dollars("0.005"), window="day", action="degrade", degrade_to="mite")
    hard = Budget("bud_2", "hard", dollars("0.0005"), window="day", where={"model": ("mite",)})
    with budgeted(tmp_path, stub_thread, soft, hard) as gateway:
        answer = ask(gateway)
        assert (answer.status_code, answer.json()["error"]["tally"]["budget"]) == (429, "hard")


def test_a_call_that_was_degraded_says_so_also_where_no_budget_covers_the_cheaper_model(
    tmp_path: Path, stub_thread: Stub
) -> None:
    soft = Budget(
        "bud_1", "of cent", dollars("0.005"), window="day", where={"model": ("cent",)},
        action="degrade", degrade_to="mite",
    )  # fmt: skip
    with budgeted(tmp_path, stub_thread, soft) as gateway:
        assert ask(gateway).headers["x-tally-model"] == "mite"
        row = gateway.rows(1)[0]
        assert (row.verdict, row.sent_model) == ("degraded", "mite")


def test_a_refusal_before_any_counter_is_asked_names_the_budget_it_follows_from(
    tmp_path: Path, stub_thread: Stub
) -> None:
    blocks = Budget("bud_1", "only what has a price", dollars("5"), window="day", unknown_price="block")
    with budgeted(tmp_path, stub_thread, blocks) as gateway:
        assert ask(gateway, model="nobody-knows-it").status_code == 429
        (told,) = json.loads(gateway.rows(1)[0].decision)["budgets"]
        assert (told["id"], told["unknown_price"], told["enforced"]) == ("bud_1", "block", True)


def test_a_pause_spares_critical_work(tmp_path: Path, stub_thread: Stub) -> None:
    pause = Budget("bud_1", "pause", dollars("0.01"), window="day", action="pause")
    with budgeted(tmp_path, stub_thread, pause) as gateway:
        assert ask(gateway).status_code == 200
        assert ask(gateway, h_x_cost_workload="batch").json()["error"]["code"] == "workload_paused"
        assert ask(gateway, h_x_cost_workload="critical").status_code == 200


def test_an_alert_lets_the_call_pass_and_says_so_in_its_row(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "told", 1, window="day", action="alert")) as gateway:
        assert ask(gateway).status_code == 200
        assert gateway.rows(1)[0].verdict == "alerted"


def test_a_model_without_a_price_meets_the_policy(tmp_path: Path, stub_thread: Stub) -> None:
    budget = Budget("bud_1", "a dollar", dollars("1"), window="day")
    for policy, status, said in (("ceiling", 200, "ceiling"), ("allow", 200, "unknown"), ("block", 429, None)):
        folder = tmp_path / policy
        folder.mkdir()
        with budgeted(folder, stub_thread, replace(budget, unknown_price=policy)) as gateway:  # type: ignore[arg-type]
            answer = ask(gateway, model="nobody-knows-it")
            assert (answer.status_code, answer.headers.get("x-tally-price")) == (status, said)


def test_a_stream_cut_in_the_middle_counts_with_its_bound(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "two cents", dollars("0.02"), window="day")) as gateway:
        with pytest.raises(httpx.RemoteProtocolError):
            ask(gateway, stream=True, h_x_stub_fault="cut")
        assert ask(gateway).status_code == 200
        assert ask(gateway).status_code == 429


def test_what_never_reached_the_provider_or_failed_there_gives_its_room_back(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "a cent", dollars("0.01"), window="day")) as gateway:
        assert ask(gateway, path="/dead/v1/chat/completions").status_code == 502
        assert ask(gateway, h_x_stub_fault="500").status_code == 500
        assert ask(gateway).status_code == 200


def test_a_velocity_breaker_stops_one_run_within_a_call_and_leaves_the_others(
    tmp_path: Path, stub_thread: Stub
) -> None:
    breaker = Budget(
        "bud_1", "five a minute", 5, "requests", "minute", group_by=("run",), rolling=True, trip_seconds=30
    )  # fmt: skip
    with budgeted(tmp_path, stub_thread, breaker) as gateway:
        statuses = [ask(gateway, h_x_cost_run="wild").status_code for _ in range(8)]
        assert statuses == [200] * 5 + [429] * 3
        refused = ask(gateway, h_x_cost_run="wild")
        assert refused.json()["error"]["code"] == "rate_limited"
        assert 0 < int(refused.headers["retry-after"]) <= 30
        assert "x-should-retry" not in refused.headers
        assert ask(gateway, h_x_cost_run="calm").status_code == 200


def test_with_nothing_configured_a_run_is_held_to_its_default_and_production_only_alerts(
    tmp_path: Path, stub_thread: Stub
) -> None:
    defaults = default_budgets(0.05, 0.03, 600, 300, "UTC")
    with budgeted(tmp_path, stub_thread, *defaults) as gateway:
        statuses = [ask(gateway, h_x_cost_run="r1").status_code for _ in range(5)]
        assert statuses == [200] * 3 + [429] * 2
        assert [ask(gateway).status_code for _ in range(3)] == [200, 200, 429]
        live = gateway.make_key(environment="production")
        assert [ask(gateway, live).status_code for _ in range(7)] == [200] * 7
        assert gateway.rows(15)[-1].verdict == "alerted"


def test_a_budget_that_is_set_holds_for_the_next_call(tmp_path: Path, stub_thread: Stub) -> None:
    from tallystick.budgets.store import write_budget
    from tallystick.operations.manage_keys import changed_version

    with budgeted(tmp_path, stub_thread) as gateway:
        assert ask(gateway).status_code == 200
        with changed_version(gateway.context) as version:
            write_budget(gateway.context.config_db, Budget("bud_9", "now", 1, window="day", version=version))
        assert ask(gateway).status_code == 429


def test_counting_tokens_and_listing_models_cost_nothing_and_ask_no_budget(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, Budget("bud_1", "nothing left", 1, window="day")) as gateway:
        headers = {"authorization": f"Bearer {gateway.key}"}
        assert httpx.get(f"{gateway.url}/openai/v1/models", headers=headers).status_code == 200
        time.sleep(0)
