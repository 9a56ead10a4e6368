"""A source that cannot work is refused when it is set up, with what to write instead and no secret in it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.connectors.registry import load_kinds
from tallystick.connectors.store import list_sources
from tallystick.kernel.errors import UsageError
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.manage_sources import NewSource, add_source
from tallystick.operations.sync_source import Wanted, sync
from tallystick.ports import SourceKind
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb

KINDS = load_kinds()
KEY = {"admin_key": "env:KEY"}
TABLE = "proj-one.billing.export"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=None, config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)  # type: ignore[arg-type]
    yield made
    made.config_db.close()


@pytest.mark.parametrize(
    ("kind", "options", "secrets", "what"),
    [
        ("openai", {"base_url": "htp:/x"}, KEY, "names a host"),
        ("openai", {"decisions": "maybe"}, KEY, "write on or off"),
        ("anthropic", {"analytics": "maybe"}, KEY, "write on or off"),
        ("anthropic", {"base_url": "api.anthropic.com"}, KEY, "names a host"),
        ("aws", {}, {}, "nothing is to be read"),
        ("aws", {"cur": "s3://b/p"}, {}, "access_key_id or role_arn"),
        ("aws", {"cur": "s3://b/p", "role_arn": "reader"}, {}, "arn:aws:iam"),
        ("azure", {}, {}, ""),
        ("gcp", {}, {}, "nothing to read"),
        ("gcp", {"detailed_table": "a.b"}, {}, "is no table"),
        ("gcp", {"detailed_table": TABLE, "auth": "magic"}, {}, "none of key"),
        ("gcp", {"detailed_table": TABLE, "page_rows": "many"}, {}, "no number"),
    ],
)
def test_options_that_no_connector_can_be_made_from_are_refused(
    context: Context, kind: str, options: Mapping[str, str], secrets: Mapping[str, str], what: str
) -> None:
    with pytest.raises(UsageError) as caught:
        add_source(context, KINDS, NewSource(kind, "bill", options=options, secrets=secrets))
    assert what in caught.value.what
    assert list_sources(context.config_db) == []


def test_setting_up_reads_no_secret_and_asks_nobody(context: Context) -> None:
    """A kind that wants its secret at once is believed; one that breaks is told of."""

    def greedy(setup: object) -> object:
        return setup.secret("admin_key")  # type: ignore[attr-defined]

    def broken(setup: object) -> object:
        raise RuntimeError("no such luck")

    openai = KINDS.known["openai"]
    for connect, refused in ((greedy, False), (broken, True)):
        kind: SourceKind = replace(openai, connect=connect)  # type: ignore[arg-type]
        kinds = replace(KINDS, known={"openai": kind})
        new = NewSource("openai", f"bill-{connect.__name__}", secrets=KEY)
        if refused:
            with pytest.raises(UsageError, match="no such luck"):
                add_source(context, kinds, new)
        else:
            add_source(context, kinds, new)
    assert [one.name for one in list_sources(context.config_db)] == ["bill-greedy"]


def test_a_stream_that_the_source_does_not_read_is_refused_with_those_it_does(context: Context) -> None:
    add_source(context, KINDS, NewSource("anthropic", "bill", secrets=KEY))
    sources = Sources(KINDS, lambda: PriceBook([]), lambda name: "")
    with pytest.raises(UsageError, match="analytics_cost") as caught:
        sync(context, sources, "bill", Wanted(by_hand=True, streams=("analytics_cost",)))
    assert caught.value.next_steps == ("it reads cost_report, usage_messages, claude_code",)
