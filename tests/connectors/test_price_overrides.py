"""The override file: what it may say, and what each mistake is answered with."""

from pathlib import Path

import pytest

from tallystick.connectors.price_overrides import parse_overrides, read_overrides
from tallystick.kernel.errors import ConfigError
from tests.pricing.sample import day

HEAD = '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\n'


def test_an_entry_is_read_exactly() -> None:
    """Numbers are decimals from the text on: 0.1 is a tenth, not the float beside it."""
    text = (
        HEAD
        + 'from = "2026-11-01"\nto = 2026-12-01\nservice_tier = "Batch"\ninput = 0.1\noutput = "0.30"\nsearches = 0.01\n'
    )
    (entry,) = parse_overrides(text, "p.toml")
    assert (entry.provider, entry.model, entry.service_tier) == ("openai", "gpt-4o", "batch")
    assert (entry.start_us, entry.end_us) == (day("2026-11-01"), day("2026-12-01"))
    assert entry.prices == {"uncached_input": 100_000, "plain_output": 300_000, "searches": 10**10}
    assert entry.where == "p.toml:1"


def test_per_one_means_per_token() -> None:
    (entry,) = parse_overrides(HEAD + "per = 1\ninput = 0.0000025\n", "p.toml")
    assert entry.prices == {"uncached_input": 2_500_000}


def test_a_providers_other_name_is_the_lists() -> None:
    (entry,) = parse_overrides('[[price]]\nprovider = "aws.bedrock"\nmodel = "m"\ninput = 1\n', "p.toml")
    assert entry.provider == "aws"


@pytest.mark.parametrize(
    ("body", "says", "line"),
    [
        ("inptu = 1\n", 'did you mean "input"?', 4),
        ("cache_reads = 1\n", 'did you mean "cache_read"?', 4),
        ("output = 1\ninput = 20000\n", "above 10,000", 5),
        ("input = 0.0000025\n", "below 0.0001", 4),
        ("per = 1\ninput = 2.5\n", "2,500,000", 5),
        ("input = -1\n", "negative", 4),
        ('input = "two"\n', "not a decimal", 4),
        ("input = true\n", "not a decimal", 4),
        ("input = inf\n", "not a decimal", 4),
        ("searches = 5000\n", "counted units are per one", 4),
        ("input = 1\nuncached_input = 1\n", "twice", 5),
        ('from = "next week"\ninput = 1\n', "not a day", 4),
        ('from = "2026-11-02"\nto = "2026-11-01"\ninput = 1\n', "later", 4),
        ("per = 0.5\ninput = 1\n", "whole number", 4),
        ('currency = "euros"\ninput = 1\n', "ISO 4217", 4),
        ("", "no price", 1),
    ],
)
def test_a_mistake_names_what_and_the_line(body: str, says: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides(HEAD + body, "p.toml")
    assert says in caught.value.what
    assert caught.value.where == f"p.toml:{line}"


def test_the_line_is_that_of_the_second_entry_when_the_second_is_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides(HEAD + "input = 1\n\n" + HEAD + "# a comment\ninput = 99999\n", "p.toml")
    assert caught.value.where == "p.toml:10"


@pytest.mark.parametrize("missing", ["provider", "model"])
def test_provider_and_model_are_needed(missing: str) -> None:
    text = "".join(line for line in (HEAD + "input = 1\n").splitlines(keepends=True) if not line.startswith(missing))
    with pytest.raises(ConfigError, match=missing):
        parse_overrides(text, "p.toml")


@pytest.mark.parametrize("text", ["[price]\nmodel = 1\n", "prices = 1\n", "[[price]\n", "[[prices]]\n"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_overrides(text, "p.toml")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_overrides(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_overrides(broken)
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert read_overrides(empty) == []


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2026-11-01T00:00:00Z", day("2026-11-01")),
        ("2026-11-01T01:00:00+01:00", day("2026-11-01")),
        ("2026-11-01T00:00:00", day("2026-11-01")),
    ],
)
def test_a_start_may_be_an_instant(written: str, start: int) -> None:
    (entry,) = parse_overrides(HEAD + f"from = {written}\ninput = 1\n", "p.toml")
    assert entry.start_us == start
