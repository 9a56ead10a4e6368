"""Kinds of sources from other packages: one that works is used like ours, one that does not is told of and harms none.

The packages are made here as an installer leaves them: a folder on the path with the
package and its list of entry points.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.connectors.registry import load_kinds

run = CliRunner()

WORKING = """
from tallystick.bills.model import BillLine
from tallystick.kernel.period import local_day
from tallystick.ports import Option, Page, SourceKind, Stream

class Acme:
    streams = [Stream("costs", "Costs", "cost", "day", revises_days=2)]

    def __init__(self, setup):
        self.setup = setup

    def fetch(self, stream, window, cursor="", number=0):
        cents = self.setup.options["cents"].encode()
        yield Page(stream.name, window, 0, "", "", cents, self.setup.account)

    def parse(self, page):
        yield BillLine(
            layer="cost", dataset="costs", slice_key=str(local_day(page.window.start_us)), line_no=1,
            charge_period_start=page.window.start_us, charge_period_end=page.window.end_us, currency="USD",
            provider="acme", provider_account=page.account, raw_model="acme-1", billed_cost=int(page.body) * 10**10,
        )

    def check(self):
        return "the key may read costs" if self.setup.secret("key") == "open sesame" else "?"

KIND = SourceKind(
    "acme", "Acme's bills", (Option("cents", "What a day costs"), Option("key", "The key", secret=True)), Acme
)
"""
BROKEN = {
    "at_import": ("raise RuntimeError('no licence\\nfound')", "RuntimeError: no licence found"),
    "ending": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "absent": ("import tally_no_such_package", "ModuleNotFoundError"),
    "nameless": ("", "AttributeError"),
    "of_wrong_type": ("KIND = 'acme'", "is no SourceKind but str"),
    "of_wrong_name": (
        "from tallystick.ports import SourceKind\nKIND = SourceKind(['x'], 'X', (), print)",
        "kind is no text but list",
    ),
    "of_wrong_options": (
        "from tallystick.ports import SourceKind\nKIND = SourceKind('x', 'X', None, print)",
        "options are no tuple of Option",
    ),
    "of_wrong_connect": (
        "from tallystick.ports import SourceKind\nKIND = SourceKind('x', 'X', (), None)",
        "connect cannot be called",
    ),
    "named_twice": (
        "from tallystick.ports import SourceKind\nKIND = SourceKind('openai', 'X', (), print)",
        "has already",
    ),
}


def install(folder: Path, name: str, code: str) -> None:
    """A package of one module, with its entry point."""
    (folder / f"tallytest_{name}.py").write_text(dedent(code))
    about = folder / f"tallytest_{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tallytest-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[tallystick.sources]\nzz_{name} = tallytest_{name}:KIND\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [one for one in sys.modules if one.startswith("tallytest_")]:
        del sys.modules[name]


def say(*words: str, code: int = 0) -> Result:
    result = run.invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_kinds_that_break_are_told_of_and_take_no_other_with_them(packages: Path) -> None:
    ours = set(load_kinds().known)
    for name, (code, _) in BROKEN.items():
        install(packages, name, code)
    install(packages, "working", WORKING)
    kinds = load_kinds()
    assert set(kinds.known) == ours | {"acme"}
    assert set(kinds.broken) == {f"zz_{name}" for name in BROKEN}
    for name, (_, why) in BROKEN.items():
        assert why in kinds.broken[f"zz_{name}"]
        assert "\n" not in kinds.broken[f"zz_{name}"]


@pytest.mark.slow
def test_a_kind_of_another_package_is_listed_set_up_tested_and_synced(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ACME_KEY", "open sesame")
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.chdir(tmp_path)
    install(packages, "working", WORKING)
    install(packages, "at_import", BROKEN["at_import"][0])
    listed = say("sources", "kinds")
    assert "acme  Acme's bills" in listed.output
    assert "zz_at_import cannot be used: tallytest_at_import:KIND cannot be loaded" in listed.output
    say("sources", "add", "acme", "bills", "--option", "cents=250", "--secret", "key=env:ACME_KEY", "--backfill", "2")
    assert "the key may read costs" in say("sources", "test", "bills").output
    done = json.loads(say("sync", "bills", "--json").stdout)["sources"][0]
    assert (done["failed"], done["rows"]) == (0, done["due"])
    assert done["due"] >= 2
    # Again nothing is new: today is read again and says the same.
    again = json.loads(say("sync", "bills", "--json").stdout)["sources"][0]
    assert (again["failed"], again["changed"]) == (0, 0)
    assert "bills" in say("sources", "list").output
