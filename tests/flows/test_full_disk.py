"""A full disk: calls are refused before they reach the provider, those in flight still leave their row."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.load import Load
from tests.flows.running import fetch, ledger_rows, running_product, running_stub


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("NOT RUN: mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def _seen(stub: str) -> set[str | None]:
    return {dict(one["headers"]).get("x-stub-id") for one in json.loads(fetch(f"{stub}/__stub/requests")[1])}


def _fill(folder: Path, enough: threading.Event) -> None:
    """Takes whatever room there is, also what a drained segment gives back, until told that it is enough."""
    with (folder / "filler").open("wb", buffering=0) as file:
        while not enough.is_set():
            try:
                file.write(os.urandom(4096))
            except OSError:
                time.sleep(0.001)


@pytest.mark.slow
def test_a_full_disk_refuses_calls_and_loses_none(tmp_path: Path) -> None:
    extra = "[gateway]\nsegment_bytes = 1048576\n"
    spool = tmp_path / "data" / "spool"
    with running_stub() as stub, _small_disk(spool), running_product(tmp_path, stub, extra) as product:
        key = product.tally("keys", "create", "--team", "search")["key"]
        load = Load(product.port, key)
        load.start()
        time.sleep(1.0)
        enough = threading.Event()
        filler = threading.Thread(target=_fill, args=(spool, enough))
        filler.start()
        deadline = time.monotonic() + 30
        while not load.refused and time.monotonic() < deadline:
            time.sleep(0.1)
        enough.set()
        filler.join()
        assert load.refused, "the disk never filled"
        (spool / "filler").unlink()
        before = len(load.answered)
        time.sleep(2.0)
        assert len(load.answered) > before, "calls are refused though there is room again"
        load.stop()
        product.drained(30)
        product.stop()
        kept = Counter(row[0] for row in ledger_rows(product.data) if row[2] >= 1)
        assert _seen(stub) - {None} - kept.keys() == set()
        assert all(kept[run] == 1 for run in load.answered)
