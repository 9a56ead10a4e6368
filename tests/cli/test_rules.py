"""`tally rules`, over a data directory of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.kernel.errors import NotFound, UsageError

run = CliRunner()
SEVERAL = """
[[rule]]
name = "short nights"
shadow = false
when = { team = ["search"], hours = { from = "22:00", to = "06:00", zone = "Europe/Berlin" } }
then = { max_output = 500 }

[[rule]]
name = "cheap talk"
priority = 5
when = { model = "gpt-4o", tools = false, messages = { most = 2 } }
then = { model = ["openai/gpt-4o-mini"] }
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def say(*words: str) -> str:
    result = run.invoke(app, ["rules", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def read(*words: str) -> Any:
    return json.loads(say(*words, "--json"))


@pytest.mark.slow
def test_rules_come_from_flags_and_files_begin_in_shadow_and_are_asked_in_order(tmp_path: Path) -> None:
    say("set", "no opus", "--when", "model=opus", "--when", "model=opus-2", "--deny", "ask first")
    (tmp_path / "rules.toml").write_text(SEVERAL)
    say("set", "--file", str(tmp_path / "rules.toml"))
    rules = read("list")["rules"]
    assert [(rule["name"], rule["shadow"]) for rule in rules] == [
        ("cheap talk", True),
        ("no opus", True),
        ("short nights", False),
    ]
    assert rules[1]["when"] == {"model": ["opus", "opus-2"]}
    assert rules[2]["when"]["hours"] == {"from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}
    assert "ask first" in say("list")
    say("enable", "no opus")
    assert [rule["shadow"] for rule in read("list")["rules"]] == [True, False, False]
    say("shadow", "no opus")
    assert [rule["shadow"] for rule in read("list")["rules"]] == [True, True, False]
    assert rules[1]["id"] == read("list")["rules"][1]["id"]
    say("delete", "no opus", "--yes")
    assert len(read("list")["rules"]) == 2


def test_a_described_call_is_tried_without_being_made() -> None:
    say("set", "cheap talk", "--when", "model=gpt-4o", "--model", "gpt-4o-mini", "--max-output", "9", "--enable")
    say("set", "later", "--provider", "azure", "--priority", "200", "--enable")
    tried = read("test", "model=gpt-4o", "team=search")
    assert (tried["model"], tried["provider"], tried["max_output"]) == (["gpt-4o-mini"], "", 9)
    assert tried["by"] == {"route": "cheap talk", "max_output": "cheap talk"}
    assert [one["name"] for one in tried["matching"]] == ["cheap talk", "later"]
    told = say("test", "model=gpt-4o")
    assert "cheap talk: gives route, max_output" in told
    assert "later: comes after another" in told
    assert read("test", "model=o3")["provider"] == "azure"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["set", "x"], UsageError),
        (["set", "--deny", "no"], UsageError),
        (["set", "x", "--when", "squad=a", "--deny", "no"], UsageError),
        (["set", "x", "--when", "team", "--deny", "no"], UsageError),
        (["set", "x", "--file", "missing.toml"], UsageError),
        (["enable", "x"], NotFound),
        (["delete", "x", "-y"], NotFound),
        (["test", "--used", "b=lots"], UsageError),
    ],
)
def test_mistakes_are_told(words: list[str], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        run.invoke(app, ["rules", *words], catch_exceptions=False)
