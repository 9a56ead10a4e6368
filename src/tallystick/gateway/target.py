"""Which upstream URL a path means. No request chooses a host; no path leaves its provider."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from tallystick.gateway.refuse import refuse
from tallystick.gateway.settings import ProviderSettings

# Encoded slashes, backslashes and dots could mean another path to the upstream than to us.
_DISGUISED = re.compile(r"%(2f|5c|2e|25|[01][0-9a-f]|7f)|\\", re.IGNORECASE)
_PLAIN = re.compile(r"[!-\[\]-~]*\Z")
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class Split:
    """A path taken apart: the provider's name and what lies below it, with its slash."""

    name: str
    below: str


def split_path(raw_path: bytes) -> Split:
    """The first segment and the rest, both as sent. Nothing is decoded."""
    # Anybody may send a long one, so long ones are not kept.
    return _split(raw_path) if len(raw_path) <= _LONGEST else _split.__wrapped__(raw_path)


@lru_cache(maxsize=4096)
def _split(raw_path: bytes) -> Split:
    text = raw_path.decode("latin-1")
    name, slash, below = text.removeprefix("/").partition("/")
    return Split(name, slash + below)


@lru_cache(maxsize=4096)
def check_path(below: str) -> None:
    """Refuse a path that could be read in two ways; those that pass are remembered.

    Raises:
        Refused: 400, for dot segments, empty segments, encoded separators, control characters.
    """
    if len(below) > _LONGEST:
        raise refuse(414, "path_too_long", f"the path has {len(below)} characters; at most {_LONGEST} are forwarded")
    segments = below.split("/")[1:]
    empty = any(not segment for segment in segments[:-1])
    dotted = any(unquote(segment) in {".", ".."} for segment in segments)
    if empty or dotted or _DISGUISED.search(below) or not _PLAIN.match(below):
        raise refuse(
            400,
            "invalid_path",
            "the path holds dot segments, empty segments, encoded separators or control characters, "
            "which are never forwarded; send the plain path of the provider's documentation",
        )


@lru_cache(maxsize=4096)
def upstream_url(base_url: str, below: str) -> str:
    """The provider's base URL and the path below its name; a version both have is written once.

    >>> upstream_url("https://api.example.com/v1", "/v1/models")
    'https://api.example.com/v1/models'
    """
    base = base_url.rstrip("/")
    if base.endswith("/v1") and (below == "/v1" or below.startswith("/v1/")):
        below = below[3:]
    return base + below


def is_allowed(provider: ProviderSettings, below: str) -> bool:
    """Whether the configuration forwards this path though nothing can meter it."""
    return any(
        below.startswith(one[:-1]) if one.endswith("*") else below == one
        for one in (path if path.startswith("/") else f"/{path}" for path in provider.allow_paths)
    )
