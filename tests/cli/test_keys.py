"""`tally keys` and `tally tokens`, over a data directory of their own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.cli.keys import pairs, path_part
from tallystick.cli.main import app
from tallystick.kernel.errors import TallyError, UsageError

run = CliRunner()


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def _json(*words: str) -> dict[str, object]:
    result = run.invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def test_a_key_is_printed_once_listed_without_its_secret_and_revoked(data: Path) -> None:
    made = _json("keys", "create", "--team", "T", "--feature", "F", "--environment", "E", "--default", "customer=c")
    assert sorted(made) == ["id", "key"]
    listed = run.invoke(app, ["keys", "list"], catch_exceptions=False).stdout
    assert str(made["id"]) in listed
    assert "environment=E feature=F team=T" in listed
    assert str(made["key"]) not in listed
    assert run.invoke(app, ["keys", "revoke", str(made["id"])], catch_exceptions=False).exit_code == 0
    keys = _json("keys", "list")["keys"]
    assert isinstance(keys, list)
    assert [key["revoked_at"] is None for key in keys] == [False]


def test_a_token_is_printed_once_and_revoked(data: Path) -> None:
    made = _json("tokens", "create", "--role", "owner", "--team", "T", "--expires-days", "3")
    assert sorted(made) == ["id", "token"]
    listed = run.invoke(app, ["tokens", "list", "--csv"], catch_exceptions=False).stdout
    assert f"{made['id']}," in listed
    assert str(made["token"]) not in listed
    assert _json("tokens", "revoke", str(made["id"]))["revoked_at"]


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "--lock", "tem=x"],
        ["keys", "create", "--lock", "team"],
        ["keys", "create", "--team", "a", "--default", "team=b"],
        ["keys", "revoke", "../tokens/tok_x"],
        ["tokens", "create", "--role", "root"],
        ["tokens", "create", "--role", "admin", "--team", "T"],
        ["tokens", "create", "--expires-days", "0"],
    ],
    ids=" ".join,
)
def test_words_that_mean_nothing_are_usage_errors(words: list[str]) -> None:
    with pytest.raises(UsageError):
        run.invoke(app, words, catch_exceptions=False)


def test_what_is_not_there_cannot_be_revoked() -> None:
    with pytest.raises(TallyError, match="no key"):
        run.invoke(app, ["keys", "revoke", "key_nobody"], catch_exceptions=False)


def test_pairs_are_dimension_and_value() -> None:
    assert pairs("--lock", ["team=a=b", "user="]) == {"team": "a=b", "user": ""}
    for bad in (["team"], ["=x"], ["team=a", "team=b"]):
        with pytest.raises(UsageError):
            pairs("--lock", bad)


@pytest.mark.parametrize("text", ["", "a/b", "..", "a b", "é", "a%2f", "key_x?y"])
def test_an_id_is_one_part_of_a_path(text: str) -> None:
    with pytest.raises(UsageError):
        path_part(text)
    assert path_part("key_01k9") == "key_01k9"


def test_one_dimension_is_not_locked_to_two_values() -> None:
    result = run.invoke(app, ["keys", "create", "--team", "a", "--lock", "team=b"])
    assert isinstance(result.exception, UsageError)
    assert run.invoke(app, ["keys", "create", "--cost-center", "a", "--lock", "cost-center=b"]).exit_code != 0
