"""`/metrics`, read back by a parser of the text format that knows nothing of how it was written."""

import os
import re
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.gateway.metrics import Metrics
from tallystick.operations.context import Context
from tallystick.operations.read_metrics import metrics_folder
from tallystick.storage.metric_cells import MetricCells
from tallystick.usage.model import Measured, UsageEvent
from tests.api.client import ask

Lines = list[tuple[str, str]]
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.]+)')


def parse(text: str) -> dict[str, str]:
    """Series to value. Every line is a comment or a sample, every sample's family was declared, no series is there twice."""
    declared: dict[str, str] = {}
    samples: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in declared, "a family is declared once, and its lines stand together"
            declared[name] = kind
            continue
        match = _SAMPLE.fullmatch(line)
        assert match is not None, line
        family = re.sub(r"_(bucket|sum|count)$", "", match[1])
        assert match[1] in declared or declared[family] == "histogram", line
        series = line.rpartition(" ")[0]
        assert series not in samples, line
        samples[series] = match[3]
    return samples


def _row(**changes: object) -> UsageEvent:
    row = UsageEvent(
        "evt_1", "call_1", 1, provider="openai", outcome="ok", verdict="allowed", status=200,
        measured=Measured({"uncached_input": 100}, 100, 7, "reported"), effective_cost=1_500_000_000_001,
        duration_us=300_000, time_to_first_token_us=50_000,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def _count(folder: Path, name: str, *rows: UsageEvent, in_flight: int = 0) -> Metrics:
    # Of two processes each has its own number.
    metrics = Metrics(MetricCells(folder, name, os.getpid() if name == "gw_1" else os.getppid(), 1))
    for row in rows:
        if row.attempt:
            metrics.began()
        metrics.finished(None, row)  # type: ignore[arg-type]
    for _ in range(in_flight):
        metrics.began()
    return metrics


def _scrape(app: FastAPI, local: Lines) -> dict[str, str]:
    reply = ask(app, "GET", "/metrics", local)
    assert reply.status == 200
    assert reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return parse(reply.body.decode())


def test_two_workers_are_one_scrape_with_exact_money(app: FastAPI, context: Context, local: Lines) -> None:
    folder = metrics_folder(context.data_dir)
    unknown = _row(effective_cost=None, duration_us=700_000_000, outcome="cut")
    refused = _row(attempt=0, outcome="refused", verdict="blocked", effective_cost=None, duration_us=None)
    one = _count(folder, "gw_1", _row(), _row(), unknown, in_flight=2)
    two = _count(folder, "gw_2", _row(), refused, in_flight=1)
    found = _scrape(app, local)
    expected = {
        'tally_calls_total{provider="openai",outcome="ok",verdict="allowed"}': "3",
        'tally_calls_total{provider="openai",outcome="cut",verdict="allowed"}': "1",
        'tally_calls_total{provider="openai",outcome="refused",verdict="blocked"}': "1",
        'tally_tokens_total{provider="openai",direction="input"}': "400",
        'tally_tokens_total{provider="openai",direction="output"}': "28",
        'tally_cost_usd_total{provider="openai"}': "4.500000000003",
        'tally_calls_cost_unknown_total{provider="openai"}': "1",
        'tally_call_duration_seconds_bucket{provider="openai",le="0.25"}': "0",
        'tally_call_duration_seconds_bucket{provider="openai",le="0.5"}': "3",
        'tally_call_duration_seconds_bucket{provider="openai",le="300"}': "3",
        'tally_call_duration_seconds_bucket{provider="openai",le="+Inf"}': "4",
        'tally_call_duration_seconds_sum{provider="openai"}': "700.900000",
        'tally_call_duration_seconds_count{provider="openai"}': "4",
        'tally_time_to_first_token_seconds_bucket{provider="openai",le="0.05"}': "4",
        'tally_time_to_first_token_seconds_sum{provider="openai"}': "0.200000",
        "tally_calls_in_flight": "3",
        "tally_spool_bytes": "0",
    }
    assert {name: found.get(name) for name in expected} == expected
    one.close()
    assert _scrape(app, local)["tally_calls_in_flight"] == "1"
    two.close()
    after = _scrape(app, local)
    assert {name: after[name] for name in expected if "total" in name or "seconds" in name} == {
        name: value for name, value in expected.items() if "total" in name or "seconds" in name
    }
    assert "tally_calls_in_flight" not in after


def test_names_of_providers_cannot_break_the_format(app: FastAPI, context: Context, local: Lines) -> None:
    metrics = _count(metrics_folder(context.data_dir), "gw_1", _row(provider='a"b\\c\nd} 9' + "x" * 300))
    found = _scrape(app, local)
    assert sum(value == "1" for name, value in found.items() if name.startswith("tally_calls_total{")) == 1
    metrics.close()


def test_rows_decided_without_counters_are_counted(app: FastAPI, context: Context, local: Lines) -> None:
    away = '{"counters":{"kind":"redis","state":"too slow"},"code":""}'
    spaced = '{"counters": {"kind": "redis", "state": "away"}}'
    well = '{"reason":"\\"counters\\":{\\"state\\":\\"away\\"","counters":{"kind":"shared","state":"ok"}}'
    rows = [_row(decision=text) for text in (away, spaced, well, "", "{}", '{"counters":{}}')]
    metrics = _count(metrics_folder(context.data_dir), "gw_1", *rows)
    assert _scrape(app, local)["tally_calls_counters_away_total"] == "2"
    metrics.close()


def test_the_app_tells_of_itself_and_of_whole_numbers_of_the_status(
    context: Context, services: Services, local: Lines
) -> None:
    facts = {"spool_rejected": 3, "jobs_error": "planted", "ready": True}
    found = _scrape(build_api(context, replace(services, facts=lambda: facts)), local)
    assert found["tally_spool_rejected"] == "3"
    assert found["tally_ready"] == "1"
    me = f'{{process="app",pid="{os.getpid()}"}}'
    assert int(found[f"tally_process_resident_bytes{me}"]) > 10**7
    assert float(found[f"tally_process_uptime_seconds{me}"]) >= 0
    assert "planted" not in str(found)


def test_what_is_beyond_a_cell_goes_on_in_the_next(app: FastAPI, context: Context, local: Lines) -> None:
    metrics = _count(metrics_folder(context.data_dir), "gw_1", *[_row(effective_cost=2**62)] * 3)
    assert _scrape(app, local)['tally_cost_usd_total{provider="openai"}'] == "13835058.055282163712"
    metrics.close()
