"""Fallbacks, retries and second addresses of providers, as the file names them."""

from pathlib import Path

import pytest

from tallystick.config import load_config
from tallystick.kernel.errors import ConfigError

ONE = '[providers.{0}]\ndialect = "{1}"\nbase_url = "https://{0}.example"\n'


def load(folder: Path, text: str) -> None:
    file = folder / "tally.toml"
    file.write_text(text)
    load_config(file)


def test_fallbacks_of_one_dialect_and_openai_addresses_are_taken(tmp_path: Path) -> None:
    load(tmp_path, ONE.format("near", "openai") + 'fallbacks = ["openai", "anthropic"]\nmax_retries = 2\n')


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('fallbacks = ["near"]', "the provider itself"),
        ('fallbacks = ["opanai"]', "no provider of this file"),
        ('fallbacks = ["far"]', "speaks anthropic"),
        ("max_retries = 11", "max_retries"),
        ("max_retries = -1", "max_retries"),
        ('openai_url = "ftp://x"', "openai_url"),
        ('openai_url = "https://user:pass@x"', "credentials"),
    ],
)
def test_what_leads_nowhere_is_refused(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, ONE.format("near", "openai") + line + "\n" + ONE.format("far", "anthropic"))
