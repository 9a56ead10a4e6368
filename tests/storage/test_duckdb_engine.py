import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tallystick.kernel.errors import Conflict, Unavailable
from tallystick.kernel.table import Column
from tallystick.storage.duckdb_engine import DuckDbEngine

COLUMNS = (Column("name", "text"), Column("cost", "money"))


def filled(path: Path | None) -> DuckDbEngine:
    engine = DuckDbEngine(path)
    engine.ensure_table("thing", COLUMNS, order_by=("name",))
    engine.append("thing", COLUMNS, {"name": ["a"], "cost": [1]})
    return engine


def test_a_failed_transaction_leaves_nothing() -> None:
    engine = filled(None)

    def fail() -> None:
        with engine.transaction():
            engine.append("thing", COLUMNS, {"name": ["b"]})
            with engine.transaction():
                engine.execute("DELETE FROM thing WHERE name = $name", {"name": "a"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert engine.rows("SELECT name FROM thing") == [("a",)]


def test_readers_do_not_see_a_transaction_before_its_end(tmp_path: Path) -> None:
    engine = filled(tmp_path / "l.duckdb")
    seen: list[object] = []

    with engine.transaction():
        engine.append("thing", COLUMNS, {"name": ["b"]})
        reader = threading.Thread(target=lambda: seen.extend(engine.rows("SELECT count(*) FROM thing")))
        reader.start()
        reader.join()

    assert seen == [(1,)]
    assert engine.rows("SELECT count(*) FROM thing") == [(2,)]
    engine.close()


def test_a_closed_store_is_one_file_that_opens_again(tmp_path: Path) -> None:
    filled(tmp_path / "l.duckdb").close()

    assert [path.name for path in tmp_path.iterdir()] == ["l.duckdb"]
    again = DuckDbEngine(tmp_path / "l.duckdb")
    assert again.rows("SELECT name FROM thing") == [("a",)]
    again.close()


def test_a_second_process_is_told_who_holds_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "l.duckdb"
    script = (
        "import sys, pathlib; from tallystick.storage.duckdb_engine import DuckDbEngine as E\n"
        f"e = E(pathlib.Path({str(path)!r})); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(Conflict, match="another process has this ledger open"):
            DuckDbEngine(path)
        other.kill()


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l.duckdb"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(Unavailable, match=r"l\.duckdb: cannot open the ledger"):
        DuckDbEngine(path)


def test_memory_and_threads_can_be_limited() -> None:
    engine = DuckDbEngine(None, memory_limit="512MB", threads=1)

    settings = engine.rows("SELECT current_setting('memory_limit'), current_setting('threads')")
    assert settings == [("488.2 MiB", 1)]
    assert engine.disk_bytes() == 0


def test_sessions_are_in_utc_in_every_thread() -> None:
    engine = DuckDbEngine(None)
    seen: list[object] = []
    reader = threading.Thread(target=lambda: seen.extend(engine.rows("SELECT current_setting('TimeZone')")))
    reader.start()
    reader.join()

    assert seen == [("UTC",)]


def test_no_extension_comes_from_the_network() -> None:
    engine = DuckDbEngine(None)

    with pytest.raises(Exception, match="httpfs"):
        engine.rows("SELECT * FROM read_csv('https://127.0.0.1:1/none.csv')")
