"""What a wrong tally.toml gets: one error that names the entry, before anything starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.config import CATALOGUE, load_config
from tallystick.gateway.settings import reserved_names
from tallystick.kernel.errors import ConfigError

run = CliRunner()
PROVIDER = '[providers.{name}]\ndialect = "openai"\nbase_url = "{url}"\n'


def _refused(tmp_path: Path, text: str) -> ConfigError:
    path = tmp_path / "tally.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in caught.value.where
    return caught.value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('timezon = "UTC"', "timezone"),
        ("timezone = 5", "timezone"),
        ('timezone = "Mars/Phobos"', "Mars/Phobos"),
        ('timezone = "../../etc/passwd"', "IANA"),
        ('timezone = ""', "IANA"),
        ("[server]\nport = 99999", "server.port"),
        ("[server]\nport = 0", "server.port"),
        ("[server]\nport = true", "server.port"),
        ('[server]\ntls_cert = "cert.pem"', "tls_key"),
        ("[server]\nsession_hours = -1", "server.session_hours"),
        ("[gateway]\nworkers = 0", "gateway.workers"),
        ("[gateway]\nmax_body_bytes = -1", "gateway.max_body_bytes"),
        ("[gateway]\nread_timeout_seconds = nan", "gateway.read_timeout_seconds"),
        ("[gateway]\nread_timeout_seconds = inf", "gateway.read_timeout_seconds"),
        ("[gateway]\nsegment_bytes = 0", "gateway.segment_bytes"),
        ("[gateway]\nconnections_per_host = 0", "gateway.connections_per_host"),
        ('[gateway]\nclient = "curl"', "lean, aiohttp"),
        ('[gateway]\nheader_prefix = ""', "header_prefix"),
        ('[gateway]\nheader_prefix = "x-"', "header_prefix"),
        ('[gateway]\nheader_prefix = "a b\\r\\n-"', "header_prefix"),
        ('[ledger]\nengine = "oracle"', "oracle"),
        ('[ledger]\nmemory_limit = "lots"', "memory_limit"),
        ("[retention]\nevents_days = -5", "retention.events_days"),
        ('[prices]\nunknown = "allow"', "prices.unknown"),
        ('[content]\nredact_patterns = ["ok", "[unclosed"]', "content.redact_patterns[1]: '[unclosed' is not"),
        ('[content]\nredact_patterns = ["x*"]', "content.redact_patterns[0]: 'x*' matches the empty text"),
        ("[content]\nretention_days = 0", "content.retention_days"),
        ("[content]\nmax_bytes = 10", "content.max_bytes"),
        ("providers = 3", "providers"),
        ("= =", "TOML"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, named: str) -> None:
    assert named in str(_refused(tmp_path, text))


@pytest.mark.parametrize("name", ["a/b", "Foo", "fóo", "a b", "", "..", "a?b", "a%2fb", "-a", "x" * 65])
def test_a_name_that_is_no_plain_path_names_no_provider(tmp_path: Path, name: str) -> None:
    error = _refused(tmp_path, PROVIDER.format(name=f'"{name}"', url="https://example.com"))
    assert "provider" in error.what


@pytest.mark.parametrize("name", sorted(reserved_names() - {""}))
def test_a_page_names_no_provider(tmp_path: Path, name: str) -> None:
    assert "page" in _refused(tmp_path, PROVIDER.format(name=f'"{name}"', url="https://example.com")).what


@pytest.mark.parametrize(
    "url",
    [
        "example.com", "ftp://example.com", "https://", "https:///v1", "https://example.com:99999", "https://[::1",
        "https://example.com?key=1", "https://example.com/#x", "https://exa mple.com", "https://example.com:0",
    ],
)  # fmt: skip
def test_a_base_url_that_cannot_be_called_is_refused(tmp_path: Path, url: str) -> None:
    assert "base_url" in _refused(tmp_path, PROVIDER.format(name="foo", url=url)).what


def test_credentials_in_a_base_url_are_refused_and_not_repeated(tmp_path: Path) -> None:
    error = _refused(tmp_path, PROVIDER.format(name="foo", url="https://me:s3cret@example.com"))
    assert "api_key_env" in error.what
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    "entry", ['api_key_env = "sk-s3cret"', 'keys = [{api_key_env = "sk-s3cret"}]', 'api_key = "sk-s3cret"']
)
def test_a_secret_in_place_of_its_variable_is_refused_and_not_repeated(tmp_path: Path, entry: str) -> None:
    error = _refused(tmp_path, PROVIDER.format(name="foo", url="https://example.com") + entry)
    assert "api_key" in error.what
    assert "s3cret" not in f"{error} {error.next_steps}"


def test_silence_of_no_seconds_is_refused(tmp_path: Path) -> None:
    text = PROVIDER.format(name="foo", url="https://example.com") + "timeout_seconds = 0"
    assert "timeout_seconds" in _refused(tmp_path, text).what


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tally.toml"
    path.write_text(
        'timezone = "Asia/Kolkata"\n[gateway]\nheader_prefix = "X-Acme-"\n[ledger]\nmemory_limit = "1.5 GiB"\n'
        + PROVIDER.format(name="azure-eu_2", url="http://[::1]:8080/openai/v1"),
        encoding="utf-8",
    )
    assert set(load_config(path).providers) == {*CATALOGUE, "azure-eu_2"}


@pytest.mark.parametrize("words", [["config", "show"], ["costs"], ["up", "--port", "1"], ["demo", "--no-serve"]])
def test_every_command_ends_with_2_on_a_wrong_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    path = tmp_path / "tally.toml"
    path.write_text("[gateway]\nworkers = 0\n")
    result = run.invoke(app, [*words, "--config", str(path)])
    assert isinstance(result.exception, ConfigError)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_a_usage_error(tmp_path: Path, port: str) -> None:
    assert run.invoke(app, ["up", "--data", str(tmp_path), "--port", port]).exit_code == 2
