"""`tally alerts`, over a data directory of its own and a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app
from tests.notify.receivers import Receiver, http_receiver

run = CliRunner()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


@pytest.fixture
def config(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOOK", "planted-secret")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tally.toml"
    file.write_text(f'[notify]\nwebhook_url = "{receiver.url}/x"\nwebhook_secret_env = "HOOK"\n')
    return file


def test_a_test_that_arrives_exits_with_0_and_one_that_does_not_with_1(config: Path, receiver: Receiver) -> None:
    well = run.invoke(app, ["alerts", "test"], catch_exceptions=False)
    assert (well.exit_code, well.stdout) == (0, "webhook: delivered\n")
    assert json.loads(receiver.requests[0].body)["kind"] == "notify_test"
    assert receiver.requests[0].headers["x-tally-signature"].startswith("t=")
    receiver.statuses = [500]
    ill = run.invoke(app, ["alerts", "test", "--json"], catch_exceptions=False)
    assert ill.exit_code == 1
    assert json.loads(ill.stdout) == {
        "results": [{"channel": "webhook", "delivered": False, "error": "127.0.0.1 answered 500"}]
    }


def test_a_list_says_what_there_is(config: Path) -> None:
    listed = run.invoke(app, ["alerts", "list", "--json"], catch_exceptions=False)
    assert json.loads(listed.stdout) == {"channels": ["webhook"], "alerts": []}
    assert run.invoke(app, ["alerts", "list"], catch_exceptions=False).exit_code == 0
