"""Records are values: compared, hashed, copied with changes, and read-only to the type checker."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.kernel.record import record


@record(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_records_are_equal_and_hashed_by_their_fields() -> None:
    assert Point(1) == Point(1, 0) != Point(2)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2
    assert replace(Point(1), y=5) == Point(1, 5)
    assert not hasattr(Point(1), "__dict__")


@pytest.mark.slow
def test_the_type_checker_refuses_to_change_one(tmp_path: Path) -> None:
    lines = (
        "from tallystick.budgets.model import Bound",
        "def spoil(bound: Bound) -> None:",
        "    bound.input_tokens = 1",
    )
    (tmp_path / "spoil.py").write_text("\n".join(lines) + "\n")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", str(tmp_path / "spoil.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is read-only" in run.stdout, run.stdout + run.stderr
