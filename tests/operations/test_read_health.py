"""How upstreams fare: workers' files merged, what is stale or broken left out."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tallystick.gateway.health import HealthBoard, HealthFile
from tallystick.operations.read_health import read_health

AT = 1_780_000_000_000_000
ONE: dict[str, Any] = {"state": "closed", "calls": 10, "failures": 1, "p50_us": 100, "p95_us": 900, "samples": 9,
                       "last_error": "timeout", "last_error_us": AT - 5}  # fmt: skip


def write(folder: Path, worker: str, at_us: int, **upstreams: Any) -> None:
    (folder / "health").mkdir(exist_ok=True)
    (folder / "health" / f"{worker}.json").write_text(json.dumps({"at_us": at_us, "upstreams": upstreams}))


def test_workers_are_merged_and_the_worst_counts(tmp_path: Path) -> None:
    write(tmp_path, "gw_1", AT, openai=ONE)
    write(
        tmp_path, "gw_2", AT, openai={**ONE, "state": "open", "p95_us": 950, "last_error": "503", "last_error_us": AT}
    )
    write(tmp_path, "gw_3", AT, azure={**ONE, "p50_us": None, "last_error": "", "last_error_us": None})
    azure, openai = read_health(tmp_path, AT)
    assert (openai.name, openai.state, openai.calls, openai.failures, openai.workers) == ("openai", "open", 20, 2, 2)
    assert (openai.p50_us, openai.p95_us, openai.last_error, openai.last_error_us) == (100, 950, "503", AT)
    assert (azure.p50_us, azure.last_error_us) == (None, None)


def test_the_files_of_dead_workers_and_broken_ones_say_nothing(tmp_path: Path) -> None:
    write(tmp_path, "gw_1", AT - 91_000_000, openai=ONE)
    (tmp_path / "health" / "gw_2.json").write_text("{")
    (tmp_path / "health" / "gw_3.json").write_text('{"at_us": 1}')
    assert read_health(tmp_path, AT) == []
    assert read_health(tmp_path / "nowhere", AT) == []


def test_a_worker_clears_away_what_a_killed_one_left_an_hour_ago(tmp_path: Path) -> None:
    async def begin_and_end() -> None:
        file = HealthFile(HealthBoard(), tmp_path / "health", "gw_3")
        file.watch()
        await file.close()

    write(tmp_path, "gw_1", AT, openai=ONE)
    write(tmp_path, "gw_2", AT, openai=ONE)
    os.utime(tmp_path / "health" / "gw_1.json", (1, 1))
    asyncio.run(begin_and_end())
    assert [path.stem for path in (tmp_path / "health").iterdir()] == ["gw_2"]


def test_what_a_worker_writes_is_read_and_goes_with_it(tmp_path: Path) -> None:
    board = HealthBoard()
    file = HealthFile(board, tmp_path / "health", "gw_1")
    board.of("openai").answered(200, 0.0)
    for _ in range(5):
        board.of("openai").failed("not reached")
    file.write()
    (one,) = read_health(tmp_path)
    assert (one.name, one.state, one.calls, one.failures, one.last_error) == ("openai", "open", 6, 5, "not reached")
    assert one.p50_us is not None
    before = (tmp_path / "health" / "gw_1.json").stat().st_mtime_ns
    file.write()
    assert (tmp_path / "health" / "gw_1.json").stat().st_mtime_ns == before
