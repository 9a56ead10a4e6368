"""Keys as the operator makes them and as a gateway reads them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.kernel.errors import NotFound, UsageError
from tallystick.operations.context import Context
from tallystick.operations.load_keys import keys_since
from tallystick.operations.manage_keys import KeyRequest, create_key, list_keys, revoke_key
from tallystick.org.hash import hash_secret
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.storage.version_word import VersionWord


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(None), ConfigDb(tmp_path / "config.db")
    yield Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    engine.close()
    config_db.close()


def test_a_key_is_shown_once_and_kept_as_a_hash(context: Context) -> None:
    key, secret = create_key(context, KeyRequest("ci", {"team": "Search"}, {"feature": "chat"}))
    assert key.secret_hash == hash_secret(secret)
    assert (key.locked, key.defaults, key.hint) == ({"team": "Search"}, {"feature": "chat"}, secret[-4:])
    assert list_keys(context) == [key]


def test_dimensions_are_spelled_as_people_do(context: Context) -> None:
    key, _ = create_key(context, KeyRequest(locked={"Cost-Center": " 42 ", "tier": "gold"}))
    assert key.locked == {"cost_center": "42", "customer_tier": "gold"}


@pytest.mark.parametrize(
    ("locked", "defaults", "word"),
    [
        ({"tem": "x"}, {}, "no dimension"),
        ({"team": ""}, {}, "empty"),
        ({"team": "x" * 257}, {}, "257"),
        ({"team": "a\nb"}, {}, "control"),
        ({"team": "x"}, {"Team": "y"}, "at once"),
        ({"run": "x", "run-id": "y"}, {}, "twice"),
        ({"provider": "openai"}, {}, "no dimension"),
    ],
)
def test_a_key_nobody_could_mean_is_refused(
    context: Context, locked: dict[str, str], defaults: dict[str, str], word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        create_key(context, KeyRequest("", locked, defaults))
    assert list_keys(context) == []
    assert keys_since(context.config_db, 0) == []


def test_the_word_moves_with_every_change_and_names_the_newest(context: Context) -> None:
    word = VersionWord(context.data_dir / "version")
    first, _ = create_key(context, KeyRequest("a"))
    assert word.read() == first.version
    second, _ = create_key(context, KeyRequest("b"))
    assert word.read() == second.version > first.version
    revoked = revoke_key(context, first.key_id)
    assert word.read() == revoked.version > second.version
    assert [key.key_id for key in keys_since(context.config_db, second.version)] == [first.key_id]
    assert keys_since(context.config_db, revoked.version) == []


def test_revoking_twice_is_revoking_once(context: Context) -> None:
    key, _ = create_key(context, KeyRequest("a"))
    once = revoke_key(context, key.key_id)
    assert once.revoked_at is not None
    assert revoke_key(context, key.key_id) == once
    with pytest.raises(NotFound):
        revoke_key(context, "key_nobody")


def test_a_revocation_is_read_by_another_process_s_connection(context: Context) -> None:
    key, _ = create_key(context, KeyRequest("a"))
    elsewhere = ConfigDb(context.data_dir / "config.db")
    assert keys_since(elsewhere, 0) == [key]
    revoke_key(context, key.key_id)
    assert [one.revoked_at is None for one in keys_since(elsewhere, key.version)] == [False]
    elsewhere.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(st.just("make"), st.just("read"), st.integers(0, 5)), max_size=25))
def test_reading_only_what_is_newer_gives_the_same_keys_as_reading_all(
    tmp_path_factory: pytest.TempPathFactory, steps: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    config_db = ConfigDb(folder / "config.db")
    context = Context(ledger=DuckDbEngine(None), config_db=config_db, data_dir=folder)
    made: list[str] = []
    known: dict[str, object] = {}
    version = 0
    for step in [*steps, "read"]:
        if step == "make":
            made.append(create_key(context, KeyRequest(str(len(made))))[0].key_id)
        elif isinstance(step, int) and step < len(made):
            revoke_key(context, made[step])
        elif step == "read":
            for key in keys_since(config_db, version):
                known[key.key_id] = key
                version = max(version, key.version)
    assert known == {key.key_id: key for key in list_keys(context)}
    context.ledger.close()
    config_db.close()


def test_changes_at_once_leave_the_word_at_the_newest(context: Context) -> None:
    def make() -> None:
        for number in range(5):
            create_key(context, KeyRequest(str(number)))
        context.config_db.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    versions = [key.version for key in keys_since(context.config_db, 0)]
    assert len(set(versions)) == 20
    assert VersionWord(context.data_dir / "version").read() == max(versions)
