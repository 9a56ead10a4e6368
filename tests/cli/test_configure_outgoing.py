"""Entries of where alerts and spans go, refused when the file is read rather than when the first alert is due."""

from pathlib import Path

import pytest

from tallystick.config import load_config
from tallystick.kernel.errors import ConfigError


def _load(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tally.toml"
    file.write_text(text)
    load_config(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[notify]\nwebhook_url = "hooks.test/planted"', "webhook_url is no address"),
        ('[notify]\nwebhook_url = "ftp://hooks.test/planted"', "webhook_url is no address"),
        ('[notify]\nwebhook_url = "https://user:planted@hooks.test"', "webhook_url is no address"),
        ('[gateway]\notel_endpoint = "localhost:4318"', "otel_endpoint is no address"),
        ('[notify]\nsmtp_host = "smtp.test"', "a sender and at least one recipient"),
        ('[notify]\nsmtp_host = "smtp.test"\nmail_from = "a@b.test"', "a sender and at least one recipient"),
    ],
)
def test_what_cannot_be_reached_is_refused_without_being_repeated(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        _load(tmp_path, text)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '[notify]\nwebhook_url = "https://hooks.test/x?token=1"',
        '[gateway]\notel_endpoint = "http://otel-collector:4318"\naccess_log = "-"',
        '[notify]\nsmtp_host = "smtp.test"\nmail_from = "a@b.test"\nmail_to = ["c@b.test"]',
    ],
)
def test_what_can_be_is_taken(tmp_path: Path, text: str) -> None:
    _load(tmp_path, text)
