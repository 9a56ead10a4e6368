"""Counts of several processes: sums that never fall, states that end with their process."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.storage.metric_cells import MetricCells, read_cells


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def _cells(folder: Path, name: str) -> MetricCells:
    return MetricCells(folder, name, os.getpid(), 17)


def test_what_workers_count_adds_up_and_each_shows_its_state(folder: Path) -> None:
    workers = [_cells(folder, f"gw_{number}") for number in range(3)]
    for number, worker in enumerate(workers, start=1):
        worker.values[worker.allot("calls\ta\t")] += number
        worker.values[worker.allot("~flying\t\t")] += 10 * number
    found = read_cells(folder)
    assert found.sums == {"calls\ta\t": 6}
    assert [worker.states for worker in found.workers] == [{"flying\t\t": 10}, {"flying\t\t": 20}, {"flying\t\t": 30}]
    assert {(worker.pid, worker.started_us) for worker in found.workers} == {(os.getpid(), 17)}
    for worker in workers:
        worker.close()


def test_what_a_worker_counted_stays_when_it_ends_and_its_file_goes(folder: Path) -> None:
    gone, lives = _cells(folder, "gw_1"), _cells(folder, "gw_2")
    for worker in (gone, lives):
        worker.values[worker.allot("calls\t\t")] += 5
        worker.values[worker.allot("~flying\t\t")] += 1
    gone.close()
    for _ in range(3):
        found = read_cells(folder)
        assert found.sums == {"calls\t\t": 10}
        assert [worker.states for worker in found.workers] == [{"flying\t\t": 1}]
    assert [path.name for path in folder.glob("*.cells")] == ["gw_2.cells"]
    lives.close()
    assert read_cells(folder).sums == {"calls\t\t": 10}


def test_a_killed_worker_is_counted_to_its_last_call(folder: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from tallystick.storage.metric_cells import MetricCells\n"
        "cells = MetricCells(pathlib.Path(sys.argv[1]), 'gw_9', os.getpid(), 1)\n"
        "cells.values[cells.allot('calls\\t\\t')] += 42\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert read_cells(folder).sums == {"calls\t\t": 42}


def test_a_reader_that_dies_between_keeping_and_removing_counts_nobody_twice(folder: Path) -> None:
    worker = _cells(folder, "gw_1")
    worker.values[worker.allot("calls\t\t")] += 5
    worker.close()
    before = (folder / "gw_1.cells").read_bytes()
    assert read_cells(folder).sums == {"calls\t\t": 5}
    assert json.loads((folder / "ended.json").read_text()) == {"folded": ["gw_1.cells"], "sums": {"calls\t\t": 5}}
    (folder / "gw_1.cells").write_bytes(before)
    assert read_cells(folder).sums == {"calls\t\t": 5}


def test_names_add_up_so_that_a_full_cell_can_go_on_in_another(folder: Path) -> None:
    worker = _cells(folder, "gw_1")
    first = worker.allot("cost\t\t")
    worker.values[first] = 2**63 - 1
    with pytest.raises(ValueError, match="memoryview"):
        worker.values[first] += 1
    worker.values[worker.allot("cost\t\t")] += 1
    assert read_cells(folder).sums == {"cost\t\t": 2**63}
    worker.close()


def test_more_series_than_there_are_cells_waste_one_and_harm_none(folder: Path) -> None:
    worker = _cells(folder, "gw_1")
    for number in range(9000):
        worker.values[worker.allot(f'calls\tprovider="{number}"\t')] += 1
    sums = read_cells(folder).sums
    assert len(sums) == 8191
    assert set(sums.values()) == {1}
    worker.close()


def test_a_disk_without_room_costs_the_figures_and_not_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    worker = _cells(folder, "gw_1")
    worker.values[worker.allot("calls\t\t")] += 1
    assert read_cells(folder).sums == {}
    assert not list(folder.glob("gw_1*"))
    worker.close()


def test_where_nobody_ever_counted_there_is_nothing(tmp_path: Path) -> None:
    found = read_cells(tmp_path / "metrics")
    assert (found.sums, found.workers) == ({}, [])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**40), st.booleans()), max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_ends_when_the_sums_are_those_of_all(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("cells")
    expected: dict[str, int] = {}
    living = []
    for number, (name, amount, ends) in enumerate(steps):
        worker = _cells(folder, f"gw_{number}")
        worker.values[worker.allot(name)] += amount
        expected[name] = expected.get(name, 0) + amount
        if ends:
            worker.close()
        else:
            living.append(worker)
        assert read_cells(folder).sums == expected
    for worker in living:
        worker.close()
    assert read_cells(folder).sums == expected
