"""What is told of calls: figures, lines, spans. Never what was said, never a secret, never in a call's way."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tallystick.gateway.batches import Batches
from tallystick.gateway.observe import Observer
from tallystick.gateway.otel import SpanSender, span
from tallystick.operations.read_metrics import metrics_folder
from tallystick.storage.metric_cells import read_cells
from tallystick.usage.model import Measured, UsageEvent
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.notify.receivers import Receiver, http_receiver
from tests.stub.server import Stub

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAID = "a sentence that nobody else may read"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": SAID}]}
CHAT = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


@pytest.fixture(scope="module")
def watched(
    stub_thread: Stub, collector: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("watched")
    with running_gateway(
        folder, stub_thread, access_log=str(folder / "access.log"), otel_endpoint=collector.url
    ) as gateway:
        yield gateway


def _post(gateway: RunningGateway, path: str = CHAT, body: Any = None, **headers: str) -> httpx.Response:
    lines = {"authorization": f"Bearer {gateway.key}"} | {name.replace("_", "-"): one for name, one in headers.items()}
    return httpx.post(gateway.url + path, json=body or ASK, headers=lines, timeout=20)


def _log(gateway: RunningGateway, event_id: str) -> dict[str, Any]:
    path = Path(gateway.settings.access_log)
    return _wait(
        lambda: (
            next((one for one in map(json.loads, path.read_text().splitlines()) if one["event_id"] == event_id), None)
            if path.exists()
            else None
        )
    )


def _span(collector: Receiver, event_id: str) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        for one in _spans(collector):
            if _attributes(one).get("tally.event_id") == event_id:
                return one
        return None

    return _wait(find)


def _spans(collector: Receiver) -> list[dict[str, Any]]:
    bodies = [json.loads(one.body) for one in list(collector.requests)]
    return [one for body in bodies for one in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]


def _attributes(one: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in one["attributes"]}


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _wait(look: Any) -> Any:
    deadline = time.monotonic() + 10
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it was never told"
        time.sleep(0.05)
    return found


def _sums(gateway: RunningGateway) -> dict[str, int]:
    return read_cells(metrics_folder(gateway.settings.data_dir)).sums


def test_a_line_says_what_the_row_says(watched: RunningGateway) -> None:
    answer = _post(watched, x_cost_customer="acme", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    (row,) = watched.rows(1)
    line = _log(watched, answer.headers["x-tally-event-id"])
    assert line["cost"] == answer.headers["x-tally-cost"]
    assert line["key"] == watched.key_id
    assert line["trace_id"] == TRACE
    assert (line["input_tokens"], line["output_tokens"]) == (row.measured.input_tokens, row.measured.output_tokens)
    assert (line["provider"], line["model"], line["status"], line["outcome"]) == ("openai", row.model, 200, "ok")
    assert line["duration_us"] == row.duration_us
    assert line["time"].endswith("Z")


def test_a_refused_call_is_a_line_with_unknown_figures_null_and_no_span(
    watched: RunningGateway, collector: Receiver
) -> None:
    refused = _post(watched, "/openai/v1/no-such-path")
    line = _log(watched, refused.headers["x-tally-event-id"])
    assert (line["status"], line["outcome"], line["attempt"], line["cost"]) == (404, "refused", 0, None)
    assert (line["input_tokens"], line["duration_us"]) == (None, None)
    after = _post(watched).headers["x-tally-event-id"]
    _span(collector, after)
    assert refused.headers["x-tally-event-id"] not in str([_attributes(one) for one in _spans(collector)])
    watched.rows()


def test_an_attempt_is_a_span_in_the_callers_trace(watched: RunningGateway, collector: Receiver) -> None:
    answer = _post(watched, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01", x_cost_conversation="c-1")
    (row,) = watched.rows(1)
    one = _span(collector, row.event_id)
    assert (one["traceId"], one["kind"], one["name"], one["status"]) == (TRACE, 3, "chat gpt-4o-mini", {})
    assert len(one["spanId"]) == 16
    assert int(one["startTimeUnixNano"]) == row.occurred_at * 1000
    assert int(one["endTimeUnixNano"]) == (row.occurred_at + (row.duration_us or 0)) * 1000
    told = _attributes(one)
    assert told["tally.cost.usd"] == answer.headers["x-tally-cost"]
    assert told.pop("gen_ai.request.max_tokens", None) == _text(row.effective_max_tokens)
    assert {name: told[name] for name in told if name.startswith(("gen_ai.", "http."))} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": row.response_model,
        "gen_ai.response.id": row.response_id,
        "gen_ai.conversation.id": "c-1",
        "gen_ai.usage.input_tokens": str(row.measured.input_tokens),
        "gen_ai.usage.output_tokens": "8",
        "gen_ai.response.finish_reasons": {"values": [{"stringValue": "stop"}]},
        "http.response.status_code": "200",
    }
    request = collector.requests[-1]
    assert (request.path, request.headers["content-type"]) == ("/v1/traces", "application/json")


def test_a_failed_attempt_is_a_failed_span_without_a_cost_of_zero(watched: RunningGateway, collector: Receiver) -> None:
    failed = _post(watched, "/dead/v1/chat/completions")
    assert failed.status_code == 502
    one = _span(collector, failed.headers["x-tally-event-id"])
    told = _attributes(one)
    assert one["status"] == {"code": 2, "message": "upstream_unreachable"}
    assert (told["error.type"], told["http.response.status_code"]) == ("upstream_unreachable", "502")
    assert len(one["traceId"]) == 32
    watched.rows()


def test_every_way_a_call_ends_is_counted_and_none_stays_in_flight(watched: RunningGateway) -> None:
    before = _sums(watched)
    _post(watched)
    _post(watched, body={**ASK, "stream": True})
    _post(watched, x_stub_fault="500")
    _post(watched, "/dead/v1/chat/completions")
    _post(watched, "/openai/v1/no-such-path")
    with httpx.stream(
        "POST", watched.url + CHAT, json={**ASK, "stream": True}, timeout=20,
        headers={"authorization": f"Bearer {watched.key}", "x-stub-fault": "slow", "x-stub-delay": "0.1"},
    ) as left:  # fmt: skip
        next(left.iter_raw())
    rows = watched.rows(6)
    after = _sums(watched)
    counted = {name: after[name] - before.get(name, 0) for name in after if name.startswith("tally_calls_total")}
    for outcome in {row.outcome for row in rows}:
        told = sum(value for name, value in counted.items() if f'outcome="{outcome}"' in name)
        assert told == sum(row.outcome == outcome for row in rows), outcome
    folder = metrics_folder(watched.settings.data_dir)
    (worker,) = read_cells(folder).workers
    assert worker.states == {"tally_calls_in_flight\t\t": 0}
    cost = 'tally_cost_usd_total\tprovider="openai"\t'
    assert after[cost] - before.get(cost, 0) == sum(row.effective_cost or 0 for row in rows if row.attempt)


def test_neither_lines_nor_spans_hold_what_was_said_or_a_secret(watched: RunningGateway, collector: Receiver) -> None:
    answer = _post(watched, x_cost_user="person@corp.test")
    _log(watched, answer.headers["x-tally-event-id"])
    _span(collector, answer.headers["x-tally-event-id"])
    told = Path(watched.settings.access_log).read_text() + "".join(one.body.decode() for one in collector.requests)
    for planted in (SAID, SECRET, watched.key, "person@corp.test", "tally sticks"):
        assert planted.lower() not in told.lower()
    assert Path(watched.settings.access_log).stat().st_mode & 0o777 == 0o600
    watched.rows()


def test_a_log_that_is_moved_away_goes_on_in_a_new_file(watched: RunningGateway) -> None:
    path = Path(watched.settings.access_log)
    _log(watched, _post(watched).headers["x-tally-event-id"])
    moved = path.rename(path.with_suffix(".1"))
    after = _post(watched).headers["x-tally-event-id"]
    assert _log(watched, after)
    assert after not in moved.read_text()
    watched.rows()


def test_a_collector_that_is_away_delays_no_call_and_costs_no_row(stub_thread: Stub, tmp_path: Path) -> None:
    stub_thread.reset()
    with running_gateway(tmp_path, stub_thread, otel_endpoint="http://127.0.0.1:9", access_log="/nowhere/x") as gateway:
        began = time.monotonic()
        for _ in range(20):
            assert _post(gateway).status_code == 200
        assert time.monotonic() - began < 5
        assert len(gateway.rows(20)) == 20
    sums = read_cells(metrics_folder(tmp_path)).sums
    assert sums['tally_observations_lost_total\tto="otel"\t'] == 20
    assert sums['tally_observations_lost_total\tto="access_log"\t'] == 20


def _row(number: int = 1, **changes: Any) -> UsageEvent:
    return UsageEvent(f"evt_{number}", f"call_{number}", 1, **changes)


def test_a_collector_is_tried_again_and_what_it_refuses_is_not(collector: Receiver) -> None:
    lost: list[int] = []
    waits: list[float] = []

    class Running(threading.Event):
        """Set or not, it is asked how long and waits for nothing."""

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return self.is_set()

    running = Running()
    sender = SpanSender(f"{collector.url}/v1/traces", lambda: lost.append(1))
    collector.requests.clear()
    collector.statuses = [503, 429]
    sender([_row()], running)
    assert (len(collector.requests), lost, waits) == (3, [], [1.0, 2.0])
    assert len({one.body for one in collector.requests}) == 1
    collector.statuses = [400]
    sender([_row(), _row(2)], running)
    assert (len(collector.requests), lost) == (4, [1, 1])
    collector.statuses = [503]
    running.set()
    sender([_row()], running)
    assert (len(collector.requests), lost) == (5, [1, 1, 1]), "a process that ends waits for nobody"


def test_attempts_of_one_call_share_a_trace_and_no_span() -> None:
    first, second = span(_row(1)), span(UsageEvent("evt_2", "call_1", 1, attempt=2))
    assert first["traceId"] == second["traceId"]
    assert first["spanId"] != second["spanId"]
    assert span(_row(1)) == first
    assert span(_row(1, trace_id="not hexadecimal"))["traceId"] == first["traceId"]


def test_what_is_unknown_of_a_call_is_absent_from_its_span() -> None:
    told = _attributes(span(_row(measured=Measured())))
    assert not {"tally.cost.usd", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} & set(told)
    free = _attributes(span(_row(measured=Measured(input_tokens=0, output_tokens=0), effective_cost=0)))
    assert (free["tally.cost.usd"], free["gen_ai.usage.input_tokens"]) == ("0", "0")
    foreign = _attributes(span(_row(effective_cost=5, currency="EUR")))
    assert "tally.cost.usd" not in foreign


def test_a_queue_that_is_full_loses_rather_than_waits() -> None:
    let_go, taken, lost = threading.Event(), [], []

    def take(rows: Any, ending: bool) -> None:
        let_go.wait(10)
        taken.extend(rows)

    batches = Batches("test", take, lambda: lost.append(1), seconds=0.01, most=10)
    batches.finished(None, _row(0))  # type: ignore[arg-type]
    time.sleep(0.2)  # that one is with the taker now
    began = time.monotonic()
    for number in range(1, 31):
        batches.finished(None, _row(number))  # type: ignore[arg-type]
    assert time.monotonic() - began < 0.1
    let_go.set()
    batches.close()
    assert len(lost) == 20
    assert [row.event_id for row in taken] == [f"evt_{number}" for number in range(11)]


def test_a_watcher_that_fails_fails_no_call_and_no_other_watcher(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    class Broken:
        def began(self) -> None:
            raise ZeroDivisionError

        def finished(self, begun: Any, event: UsageEvent) -> None:
            raise ZeroDivisionError

        def close(self) -> None:
            heard.append("closed")

    class Well(Broken):
        def began(self) -> None:
            heard.append("began")

        def finished(self, begun: Any, event: UsageEvent) -> None:
            heard.append(event.event_id)

    observer = Observer([Broken(), Well()])
    observer.began()
    observer.finished(None, _row())  # type: ignore[arg-type]
    observer.close()
    assert heard == ["began", "evt_1", "closed", "closed"]
    assert caplog.text.count("could not be watched") == 2
