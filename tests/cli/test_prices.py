"""`tally prices`: set, diff, contracts, simulate and rerate, over a data directory of its own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.config import Config
from tallystick.kernel.errors import ConfigError, NotFound, UsageError
from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.load_prices import load_book
from tallystick.pricing.rate import priced
from tallystick.usage.model import UsageEvent
from tallystick.wiring import open_app
from tests.pricing.sample import used

run = CliRunner()
SCENARIO = """
name = "dearer"
[[change]]
provider = "openai"
model = "gpt-4o*"
from = 2026-01-01
percent = 12.5
"""
CONTRACT = """
[[contract]]
name = "ea"
provider = "openai"
discount_percent = 10.5
[[contract.price]]
model = "gpt-4o"
input = 2.0
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def say(*words: str) -> str:
    result = run.invoke(app, ["prices", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def read(*words: str) -> Any:
    return json.loads(say(*words, "--json"))


def price(meter: str, *words: str) -> str:
    (card,) = [one for one in read(*words)["prices"] if one["model"] == "gpt-4o" and one["provider"] == "openai"
               and one["service_tier"] == "standard"]  # fmt: skip
    return str(card["tiers"][0]["prices"][meter]["price"])


@pytest.mark.slow
def test_a_price_that_is_set_holds_from_its_day_and_is_taken_back(tmp_path: Path) -> None:
    say("set", "openai", "gpt-4o", "--input", "2.00", "--price", "cache_read=1.00", "--from", "2026-10-15")
    assert price("uncached_input", "at", "2026-10-14", "gpt-4o") == "2.5"
    assert price("uncached_input", "at", "2026-10-15", "gpt-4o") == "2"
    assert price("plain_output", "at", "2026-10-15", "gpt-4o") == "10"
    changed = [one for one in read("diff", "2026-10-14", "2026-10-15")["differences"]
               if (one["provider"], one["model"], one["service_tier"]) == ("openai", "gpt-4o", "")]  # fmt: skip
    assert {one["meter"]: one["percent"] for one in changed if one["meter"] in {"uncached_input", "cache_read"}} == {
        "uncached_input": -20.0,
        "cache_read": -20.0,
    }
    with pytest.raises(ConfigError, match="above 10,000"):
        say("set", "openai", "gpt-4o", "--input", "2500000")
    assert len(read("entries")["entries"]) == 1
    say("unset", "openai", "gpt-4o")
    assert price("uncached_input", "at", "2026-10-15", "gpt-4o") == "2.5"
    with pytest.raises(NotFound):
        say("unset", "openai", "gpt-4o")

    (tmp_path / "ea.toml").write_text(CONTRACT)
    say("contracts", "set", "--file", "ea.toml")
    say("contracts", "set", "night", "--provider", "anthropic", "--discount", "5")
    listed = {one["name"]: one["discount_percent"] for one in read("contracts", "list")["contracts"]}
    assert listed == {"ea": 10.5, "night": 5.0}
    say("contracts", "remove", "night", "--yes")
    assert [one["name"] for one in read("contracts", "list")["contracts"]] == ["ea"]

    (tmp_path / "dearer.toml").write_text(SCENARIO)
    assert read("simulate", "dearer.toml")["name"] == "dearer"
    assert read("rerate")["total"] == []
    with pytest.raises(UsageError, match="cannot be read"):
        say("simulate", "absent.toml")


CALLS = (
    ("Sales", "claude-opus-5", 400_000),
    ("Sales", "saga", 10),
    ("Data", "claude-opus-5", 100),
    ("Ops", "gpt-4o", 9),
)


def test_a_simulation_names_who_is_exposed_the_window_what_is_not_covered_and_changes_that_meet_nothing(
    data: Path, tmp_path: Path
) -> None:
    with open_app(Config(), data) as opened:
        book = load_book(opened.context.config_db)
        calls = [
            UsageEvent(f"e{n}", f"e{n}", now_us() - n - 1, provider="openai" if model[0] == "g" else "anthropic",
                       request_model=model, model=model, dimensions={"team": team, "feature": f"{team} desk"},
                       measured=used(uncached_input=tokens))
            for n, (team, model, tokens) in enumerate(CALLS)
        ]  # fmt: skip
        ingest_events(opened.context, [priced(book, one) for one in calls])
    (tmp_path / "next.toml").write_text(
        'name = "Dearer"\n[[change]]\nmodel = "claude-opus-*"\nfrom = "2999-01-01"\npercent = 50\n'
        '[[change]]\nmodel = "gtp-*"\npercent = 5\n'
    )
    told = say("simulate", "next.toml")
    # 400,100 tokens at 5 dollars a million are 2.0005, half more 3.00075; 9 tokens at 2.50 are 0.0000225.
    assert re.search(r"Dearer, over the usage from \d{4}-\d\d-\d\d \d\d:\d\d to .* UTC:\n\$2.00 would be \$3.00", told)
    assert re.search(r"most exposed teams\nteam .*\nSales +\$2.00 +\$3.00 +\+\$1.00 +\+50.0 +2\nData ", told)
    assert "1 would not change" in told
    assert "Sales desk" in told
    assert "10 tokens of saga have no price" in told
    assert "change 2 meets no model used" in told
    assert "change 1 begins after this period" in told
    exact = read("simulate", "next.toml")
    assert (exact["total"][0]["before"], exact["total"][0]["after"]) == ("2.0005225", "3.0007725")
    assert exact["by"]["team"]["total"][0]["change"] == "1"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", '[[change]]\nmodel = "a"\npercent = 5\n\n[[change]]\nmodel = "b"\npercnt = 5\n', "a.toml:5, change 2"),
        ("a.json", '{"change": [\n {"model": "a", "percent": 5},\n {"model": "b", "percent": "x"}]}', "a.json:3, change 2"),
        ("a.toml", '[[change]]\nmodel = "a"\npercent = = 5\n', "line 3"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_with_its_line_and_what_to_write(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=says) as caught:
        say("simulate", name)
    assert caught.value.next_steps


OTHER = (
    """{"gpt-4o": {"litellm_provider": "openai", "output_cost_per_token": 1.2e-05, "input_cost_per_token": "none"}}"""
)


def test_another_list_is_kept_compared_shown_and_forgotten(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(OTHER)
    first = read("import", "other.json", "--source", "acme")
    assert (first["changed"], first["compared"], first["apart"], first["not_in_book"]) == (True, 1, 1, 0)
    assert first["list"]["left_out"] == ["gpt-4o input_cost_per_token: uncached_input = 'none' is no price"]
    assert "nothing changed" in say("import", "other.json", "--source", "acme")
    (found,) = read("findings")["findings"]
    assert (found["evidence"]["book"], found["evidence"]["other"]) == ("10", "12")
    assert [one["name"] for one in read("lists")["lists"]] == ["acme"]
    say("forget", "acme")
    assert read("findings")["findings"] == []
    with pytest.raises(UsageError, match="cannot be read"):
        say("import", "absent.json")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_model_that_nobody_has_a_price_for_is_a_failure_that_says_how_to_give_it_one(form: tuple[str, ...]) -> None:
    words = ["prices", "explain", "no-such-model", "--provider", "acme", *form]
    with pytest.raises(NotFound, match="no price list of provider") as caught:
        run.invoke(app, words, catch_exceptions=False)
    assert caught.value.next_steps[0] == "tally prices set acme no-such-model --input … --output …"
    if form:
        assert json.loads(run.invoke(app, words).stdout)["known"] is False


def test_explain_says_what_a_contract_makes_of_the_list_price() -> None:
    say(
        "contracts",
        "set",
        "ea",
        "--provider",
        "openai",
        "--model",
        "gpt-4o",
        "--discount",
        "12",
        "--from",
        "2026-04-01",
    )
    told = read("explain", "gpt-4o", "--provider", "openai", "--at", "2026-11-10")
    paid = {(one["service_tier"], one["meter"]): (one["list"], one["paid"], one["source"]) for one in told["paid"]}
    assert paid["standard", "uncached_input"] == ("2.5", "2.2", "contract ea")
    # In a batch 1.25, of which 12 % are 0.15.
    assert paid["batch", "uncached_input"] == ("1.25", "1.1", "contract ea")
    assert "contract ea (holds): 12 % off, from 2026-04-01 until further notice" in say("explain", "gpt-4o")
