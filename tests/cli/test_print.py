"""How commands print and end: tables, pipes, interrupts, exit codes."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tallystick.cli import main
from tallystick.cli.output import Form, print_rows

TALLY = [sys.executable, "-m", "tallystick.cli.main"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _table(monkeypatch: pytest.MonkeyPatch, columns: int, rows: list[list[str]]) -> str:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    print_rows(["team", "cost", "input"], rows, form=Form.TEXT, numeric=frozenset({"cost", "input"}))
    return terminal.getvalue()


def test_no_number_is_cut_or_broken_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _table(monkeypatch, 30, [["a-team-with-a-long-name", "$200,019.50", "79,999,800,000"]])
    assert "$200,019.50" in text
    assert "79,999,800,000" in text
    assert "…" not in text
    assert "".join(line.split("  ")[0].strip() for line in text.splitlines()[1:]) == "a-team-with-a-long-name"


def test_names_in_brackets_are_printed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "[red]x[/red]\\" in _table(monkeypatch, 90, [["[red]x[/red]\\", "$1.00", "1"]])


def test_no_color_prints_no_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" in _table(monkeypatch, 90, [["a", "$1.00", "1"]])
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _table(monkeypatch, 90, [["a", "$1.00", "1"]])


def test_csv_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["a", "b"], [["=1+1", "-5"], ["-cmd", "x,y"]], form=Form.CSV)
    assert capsys.readouterr().out == "a,b\n'=1+1,-5\n'-cmd,\"x,y\"\n"


def test_an_interrupt_that_fails_to_clean_up_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("the transaction is aborted")

    monkeypatch.setattr(main, "app", interrupted)
    assert main.run() == 130


def test_the_unexpected_is_one_sentence_and_a_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by none")

    monkeypatch.setattr(main, "app", broken)
    assert main.run() == 1
    said = capsys.readouterr().err
    assert said.startswith("Error E000: an unexpected ZeroDivisionError")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["costs", "--by", "nonsense"], 2),
        (["costs", "--from", "2026-11-08", "--to", "2026-11-01"], 2),
        (["costs", "--where", "team"], 2),
        (["costs", "--limit", "-1"], 2),
        (["keys", "revoke", "key_of_nobody"], 1),
        (["open", "--no-browser"], 1),
        (["import", "/nonexistent"], 1),
        (["help", "E014"], 0),
        (["status"], 0),
    ],
)
def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tally", *words])
    assert main.run() == code
    said = capsys.readouterr()
    assert bool(said.err.startswith("Error ")) == bool(code)
    assert "Traceback" not in said.err + said.out


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    command = " ".join(TALLY) + f" prices list --data {tmp_path}"
    script = f"set -o pipefail; {command} | head -1"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("provider")


@pytest.mark.slow
def test_closed_and_full_outputs_are_no_traceback(tmp_path: Path) -> None:
    command = " ".join(TALLY) + f" prices list --data {tmp_path}"
    closed = subprocess.run(["bash", "-c", f"{command} >&-"], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in closed.stderr
    full = subprocess.run(
        ["bash", "-c", f"{command} >/dev/full"], capture_output=True, text=True, timeout=60, check=False
    )
    assert full.returncode == 1
    assert "Traceback" not in full.stderr


@pytest.mark.slow
def test_ctrl_c_in_the_midst_of_the_demo_is_130_and_the_next_run_builds_it_whole(tmp_path: Path) -> None:
    words = [*TALLY, "demo", "--no-serve", "--data", str(tmp_path)]
    # Where these tests run in the background Ctrl-C is ignored, and so it would be by what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 30
    while not (tmp_path / "ledger.duckdb").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.6)
    running.send_signal(2)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Error" not in said
    assert "leak" not in said
    again = subprocess.run(
        [*words, "--events", "10000", "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (again.returncode, '"events": 10000' in again.stdout) == (0, True), again.stderr
