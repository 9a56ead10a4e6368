"""`tally budgets` and `tally explain`, over a data directory of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.budgets import parse_where, part
from tallystick.cli.main import app
from tallystick.kernel.errors import NotFound, TallyError, UsageError

run = CliRunner()


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def _run(*words: str, code: int = 0) -> str:
    result = run.invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def _json(*words: str, code: int = 0) -> Any:
    return json.loads(_run(*words, "--json", code=code))


def test_a_budget_is_set_changed_by_name_overridden_and_deleted() -> None:
    made = _json("budgets", "set", "--name", "support", "--where", "team=Support,feature=chat|mail", "--group-by",
                 "customer", "--limit", "100", "--unit", "usd", "--window", "day", "--action", "block",
                 "--threshold", "80%", "--threshold", "forecast:100")  # fmt: skip
    assert made["where"] == {"team": ["Support"], "feature": ["chat", "mail"]}
    assert (made["limit"], made["window"], made["group_by"]) == ("100", "day", ["customer"])

    changed = _json("budgets", "set", "--name", "support", "--limit", "0.5")
    assert (changed["id"], changed["limit"], changed["window"]) == (made["id"], "0.5", "day")

    other = _json("budgets", "override", "support", "--limit", "7", "--for", "2h", "--reason", "launch")
    assert [(one["limit"], one["reason"]) for one in other["overrides"]] == [("7", "launch")]

    listed = _run("budgets", "list")
    assert "support" in listed
    assert "team=Support" in listed
    assert "$0.50" in listed
    assert "until" in _run("budgets", "show", "support")
    _run("budgets", "delete", "support", "--yes")
    assert "team=Support" not in _run("budgets", "list")


def test_a_check_says_whether_a_call_would_pass_and_leaves_nothing_reserved() -> None:
    words = ["budgets", "check", "--where", "team=Support", "--model", "gpt-4o", "--input-tokens", "1000",
             "--max-tokens", "100"]  # fmt: skip
    assert _json(*words)["passes"]
    _run("budgets", "set", "--name", "s", "--where", "team=Support", "--limit", "0.000001", "--window", "month")
    for _ in range(2):
        answer = _json(*words, code=3)
        assert (answer["verdict"], answer["code"]) == ("blocked", "budget_exceeded")
        assert '"s"' in answer["text"]
        (told,) = [one for one in answer["budgets"] if one["name"] == "s"]
        assert (told["posted"], told["reserved"], told["has_room"]) == (0, 0, False)
    assert _run(*words, code=3).startswith("is refused")


def test_a_degrading_budget_names_the_cheaper_model() -> None:
    _run("budgets", "set", "--name", "d", "--where", "team=T", "--limit", "0.01", "--action", "degrade",
         "--degrade-to", "gpt-4o-mini")  # fmt: skip
    answer = _json("budgets", "check", "--where", "team=T", "--model", "gpt-4o", "--max-tokens", "4000")
    assert (answer["passes"], answer["verdict"]) == (True, "degraded")
    assert answer["models"] == {"requested": "gpt-4o", "sent": "gpt-4o-mini"}


def test_the_defaults_are_listed_and_cannot_be_deleted() -> None:
    names = [one["name"] for one in _json("budgets", "list")["budgets"]]
    assert "each key, a day" in names
    with pytest.raises(UsageError, match="configuration"):
        run.invoke(app, ["budgets", "delete", "default:key-day", "--yes"], catch_exceptions=False)


@pytest.mark.parametrize(
    "words",
    [
        ["set", "--name", "x"],
        ["set", "--name", "x", "--limit", "-1"],
        ["set", "--name", "x", "--limit", "1", "--window", "fortnight"],
        ["set", "--name", "x", "--limit", "1", "--where", "tem=y"],
        ["set", "--name", "x", "--limit", "1", "--action", "degrade"],
        ["set", "--name", "x", "--limit", "1", "--preset", "dream"],
        ["set", "--name", "a/b", "--limit", "1"],
        ["override", "default:key-day", "--limit", "1", "--for", "1h", "--reason", "r"],
        ["check", "--where", "tem=y"],
        ["show", "nobody"],
    ],
)
def test_wrong_words_are_told_with_what_to_do(words: list[str]) -> None:
    with pytest.raises((UsageError, NotFound)) as caught:
        run.invoke(app, ["budgets", *words], catch_exceptions=False)
    assert str(caught.value)


def test_a_call_nobody_knows_is_not_explained() -> None:
    with pytest.raises(TallyError, match="no request"):
        run.invoke(app, ["explain", "evt_1"], catch_exceptions=False)


def test_conditions_are_read_as_they_are_written() -> None:
    assert parse_where(["team=a|b,user=*", "feature=!x"]) == {"team": ["a", "b"], "user": ["*"], "feature": ["!x"]}
    assert part("a b") == "a%20b"
    for name in ("", "..", "a/b"):
        with pytest.raises(UsageError):
            part(name)
