"""Keys and regions for AWS come from the file and the environment; what cannot sign is refused before it starts."""

from pathlib import Path

import pytest

from tallystick.config import load_config
from tallystick.config.upstreams import provider_settings
from tallystick.kernel.errors import ConfigError

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_EU")
EU = 'dialect = "bedrock"\nbase_url = "https://bedrock-runtime.eu-central-1.amazonaws.com"\n'


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def read(folder: Path, text: str):  # type: ignore[no-untyped-def]
    path = folder / "tally.toml"
    path.write_text(f"[providers.aws]\n{text}")
    return load_config(path).providers["aws"]


def secrets(folder: Path, text: str) -> list[str]:
    return [key.secret for key in provider_settings("aws", read(folder, text)).keys]


def test_bedrock_is_known_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "ABSKexample")
    found = provider_settings("bedrock", load_config(None).providers["bedrock"])

    assert (found.provider, found.dialect, found.region, found.auth) == ("aws.bedrock", "bedrock", "us-east-1", "")
    assert [key.secret for key in found.keys] == ["ABSKexample"]


def test_aws_s_own_variables_make_the_key_that_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = EU + 'auth = "aws-sigv4"\n'
    assert secrets(tmp_path, text) == []

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    assert secrets(tmp_path, text) == []
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "se/cret+x=")
    assert secrets(tmp_path, text) == ["AKIDEXAMPLE:se/cret+x="]
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token==")
    assert secrets(tmp_path, text) == ["AKIDEXAMPLE:se/cret+x=:token=="]
    assert secrets(tmp_path, EU) == []


def test_a_variable_of_one_s_own_holds_the_whole_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_EU", "AKIDEXAMPLE:secret")

    assert secrets(tmp_path, EU + 'auth = "aws-sigv4"\napi_key_env = "AWS_EU"\n') == ["AKIDEXAMPLE:secret"]


def test_a_key_that_cannot_sign_is_refused_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EU", "planted-secret")
    with pytest.raises(ConfigError, match="KEYID:SECRET") as caught:
        secrets(tmp_path, EU + 'auth = "aws-sigv4"\napi_key_env = "AWS_EU"\n')

    assert "planted" not in str(caught.value)
    assert "[providers.aws]" in str(caught.value)


def test_a_signature_needs_a_region(tmp_path: Path) -> None:
    behind = 'dialect = "bedrock"\nbase_url = "https://bedrock.example"\nauth = "aws-sigv4"\n'
    with pytest.raises(ConfigError, match="signed for one region"):
        read(tmp_path, behind)

    assert provider_settings("aws", read(tmp_path, behind + 'region = "eu-west-1"\n')).region == "eu-west-1"
    assert provider_settings("aws", read(tmp_path, EU)).region == "eu-central-1"


def test_who_has_no_key_is_told_the_variables(tmp_path: Path) -> None:
    hint = provider_settings("aws", read(tmp_path, EU + 'auth = "aws-sigv4"\n')).key_hint

    assert hint == "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
