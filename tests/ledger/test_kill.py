"""The ledger after `kill -9`, in real processes."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tallystick.ledger.store import read_mark
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tests.contracts.conftest import ENGINES, open_engine
from tests.ledger.keep_posting import BATCH
from tests.ledger.sample import an_event

KILLS = 3


def run_and_kill(name: str, folder: Path, first: int, chance: random.Random) -> int:
    """Let it work a little, kill it, and return the first number it did not acknowledge."""
    command = [sys.executable, "-m", "tests.ledger.keep_posting", name, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(chance.uniform(0.05, 0.6))
        process.kill()
        for line in process.stdout:
            acknowledged = int(line)
    return acknowledged


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_what_was_acknowledged_survives_and_a_redelivery_makes_it_whole(name: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    first = 0
    for _ in range(KILLS):
        first = run_and_kill(name, tmp_path, first, chance)

    engine = open_engine(name, tmp_path)
    context = Context(ledger=engine, config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(context)
    ((held, different),) = engine.rows("SELECT count(*), count(DISTINCT event_id) FROM usage_event")
    assert held == different
    assert isinstance(held, int)
    assert first <= held <= first + BATCH  # at most the batch in flight is there without acknowledgement

    ingest_events(context, [an_event(number) for number in range(first + BATCH)])
    post_charges(context)
    mark = {"mark": read_mark(engine)}
    whole = first + BATCH
    assert engine.rows("SELECT count(*), sum(input_tokens) FROM usage_event") == [(whole, 100 * whole)]
    assert engine.rows("SELECT sum(calls), sum(input_tokens) FROM charge WHERE batch_seq <= $mark", mark) == [
        (whole, 100 * whole)
    ]
    engine.close()
