"""The house's rules that a machine can hold: sizes, names, rooms, and what the project says of itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tallystick"
FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(path for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists())
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "misc", "manager", "processor"}
MOST_LINES, MOST_STATEMENTS, MOST_POSITIONAL = 400, 30, 5


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = sum(1 for line in path.read_text().splitlines() if line.strip())
    assert lines <= MOST_LINES, f"{lines} non-blank lines; split it by idea"
    assert path.stem not in FORBIDDEN_NAMES, "name the file by what it is for"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_functions_are_small_and_take_few_positional_arguments(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            command = path.parent.name == "cli"  # a command's options are its interface, all by name
            positional = [
                one.arg for one in (*node.args.posonlyargs, *node.args.args) if one.arg not in {"self", "cls"}
            ]
            assert command or len(positional) <= MOST_POSITIONAL, f"{node.name}: {positional}"
            statements = sum(isinstance(one, ast.stmt) for one in ast.walk(node)) - 1
            assert statements <= MOST_STATEMENTS * 1.5, f"{node.name} has {statements} statements"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_room_has_a_page_that_says_what_it_owns(room: Path) -> None:
    readme = room / "README.md"
    assert readme.exists(), "write README.md: owns · does not own · invariants · time rules · three files to read first"
    text = readme.read_text().lower()
    for heading in ("owns", "does not own", "invariants", "time", "read first"):
        assert heading in text, f"README.md lacks: {heading}"


def test_rules_rooms_import_only_downwards() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_environment_is_read_in_one_place() -> None:
    readers = [
        _name(path)
        for path in FILES
        if re.search(r"os\.environ|os\.getenv|from os import .*environ", path.read_text())
        and path.parent.name != "config"
    ]
    assert not readers, f"only the config room reads the environment: {readers}"


def test_sql_is_never_built_from_values() -> None:
    """An f-string may name tables and columns of our own schema, never carry a value: those are bound."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "S608", "--output-format", "concise", "src"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_project_speaks_of_itself_alone() -> None:
    tracked = (
        subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    )
    foreign = re.compile("/work" + r"/(main|shared|\.library)|\.\./" + "shared")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".sh", ".html", ".js", ".css", ""} and path.is_file():
            assert not foreign.search(path.read_text(errors="ignore")), f"{name} carries a path of some machine"
