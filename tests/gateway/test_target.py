"""Paths and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.gateway.app import build_gateway
from tallystick.gateway.refuse import Refused
from tallystick.gateway.settings import GatewaySettings, ProviderSettings, reserved_names
from tallystick.gateway.target import check_path, is_allowed, split_path, upstream_url
from tallystick.kernel.errors import ConfigError


@pytest.mark.parametrize(
    ("base", "below", "whole"),
    [
        ("https://api.openai.com", "/v1/models", "https://api.openai.com/v1/models"),
        ("https://api.openai.com/v1", "/v1/models", "https://api.openai.com/v1/models"),
        ("https://api.openai.com/v1/", "/v1/models", "https://api.openai.com/v1/models"),
        ("https://api.openai.com/v1", "/models", "https://api.openai.com/v1/models"),
        ("https://host/base", "/v1/models", "https://host/base/v1/models"),
        ("https://host/v1", "/v1beta/models", "https://host/v1/v1beta/models"),
    ],
)
def test_a_version_that_base_and_path_share_is_written_once(base: str, below: str, whole: str) -> None:
    assert upstream_url(base, below) == whole


def test_a_path_is_split_as_it_was_sent() -> None:
    assert split_path(b"/openai/v1/models/ft%3Agpt").below == "/v1/models/ft%3Agpt"
    assert (split_path(b"/openai").name, split_path(b"/openai").below) == ("openai", "")


@given(st.text(alphabet="/.%25eEfF0dDaA\\@:?#xv1 \t\n\x00é", max_size=30))
def test_a_path_that_passes_stays_below_its_provider_however_it_is_decoded(tail: str) -> None:
    from posixpath import normpath
    from urllib.parse import unquote

    below = "/v1/" + tail
    try:
        check_path(below)
    except Refused:
        return
    decoded = unquote(unquote(below))
    assert normpath(decoded).startswith("/v1")
    assert not any(ord(mark) < 32 or ord(mark) == 127 or mark == "\\" for mark in decoded)
    assert decoded.count("/") == below.count("/")


def test_allowed_paths_match_whole_or_by_their_star() -> None:
    provider = ProviderSettings("openai", "https://x", "openai", allow_paths=("/v1/files", "v1/batches*"))
    assert is_allowed(provider, "/v1/files")
    assert not is_allowed(provider, "/v1/files/1")
    assert is_allowed(provider, "/v1/batches/1")


@pytest.mark.parametrize("name", sorted(reserved_names()))
def test_no_provider_takes_the_name_of_a_page(name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    provider = ProviderSettings("openai", "https://x", "openai")
    with pytest.raises(ConfigError):
        build_gateway(GatewaySettings(data_dir=tmp_path, providers={name: provider}))
