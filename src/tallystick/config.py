"""The configuration: one TOML file, one dataclass tree, and the only reader of the environment.

An unknown entry is an error with a suggestion: a setting without effect does not exist.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallystick.gateway.settings import reserved_names
from tallystick.kernel.errors import ConfigError

DIALECTS = ("openai", "anthropic")
ENGINES = ("duckdb", "clickhouse")
CLIENTS = ("lean", "aiohttp")

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]{2,62}[-_]")
_MEMORY = re.compile(r"\d+(\.\d+)? ?([KMGT]i?B|%)")
# What still makes sense, both ends in.
_RANGES: dict[str, tuple[float, float]] = {
    "server.port": (1, 65535),
    "server.session_hours": (1, 87_600),
    "gateway.workers": (1, 256),
    "gateway.max_body_bytes": (1, 2**31),
    "gateway.read_timeout_seconds": (0.001, 86_400),
    "gateway.segment_bytes": (4096, 2**31),
    "gateway.connections_per_host": (1, 65_535),
    "content.retention_days": (1, 36_500),
    "content.max_bytes": (1024, 2**24),
    "retention.events_days": (1, 36_500),
}


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One of a provider's own keys; the first whose conditions hold is used.

    Attributes:
        api_key_env: Name of the environment variable that holds the secret.
        team, environment: Conditions on the caller's dimensions; empty matches all.
    """

    api_key_env: str
    team: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An upstream, reached at ``/{name}/…``.

    Attributes:
        provider: The OpenTelemetry provider name prices are looked up under; the table's name by default.
        allow_private: The name may resolve to a private, link-local or loopback address.
            An address written out in `base_url` (or ``localhost``) needs no such word.
        allow_paths: Paths no dialect can meter that are forwarded all the same, unmetered.
        timeout_seconds: Longest silence of the upstream.
    """

    dialect: str
    base_url: str
    api_key_env: str = ""
    keys: tuple[ProviderKey, ...] = ()
    provider: str = ""
    allow_private: bool = False
    allow_paths: tuple[str, ...] = ()
    timeout_seconds: float = 600.0
    connect_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """The data plane.

    Attributes:
        bring_your_own_key: Forward a caller's own provider key when it is no ``tally_…`` key.
            False means that every caller needs a ``tally_…`` key.
        header_prefix: Prefix of attribution headers.
        max_body_bytes: Larger requests are refused with 413.
        client: How providers are spoken to: ``lean``, our own, or ``aiohttp``, slower and known the world over.
    """

    workers: int = 1
    bring_your_own_key: bool = True
    header_prefix: str = "x-cost-"
    max_body_bytes: int = 64 * 1024 * 1024
    read_timeout_seconds: float = 60.0
    segment_bytes: int = 16 * 1024 * 1024
    connections_per_host: int = 256
    client: str = "lean"


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = 8420
    behind_proxy: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    session_hours: int = 168


@dataclass(frozen=True, slots=True)
class Ledger:
    """The column engine.

    Attributes:
        engine: ``duckdb``, or ``clickhouse`` with a `dsn`.
        memory_limit: Of DuckDB, such as ``2GB``; a quarter of the machine's and 4 GB at most by default.
    """

    engine: str = "duckdb"
    dsn: str = ""
    memory_limit: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """Prompts and answers. Off unless switched on.

    Attributes:
        retention_days: What is older is deleted, also when nothing more is stored.
        redact_patterns: Regular expressions; what they find is blotted out before anything is written.
        max_bytes: What is kept of one request or answer.
    """

    store: bool = False
    retention_days: int = 30
    redact_patterns: tuple[str, ...] = ()
    max_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """Days to keep; absent keeps for ever."""

    events_days: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The price book's sources.

    Attributes:
        override: TOML file of dated entries that win over the list.
    """

    override: str = ""


def _default_providers() -> dict[str, Provider]:
    return {
        "openai": Provider("openai", "https://api.openai.com", api_key_env="OPENAI_API_KEY"),
        "anthropic": Provider("anthropic", "https://api.anthropic.com", api_key_env="ANTHROPIC_API_KEY"),
    }


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set."""

    timezone: str = "UTC"
    company: str = ""
    server: Server = field(default_factory=Server)
    gateway: Gateway = field(default_factory=Gateway)
    ledger: Ledger = field(default_factory=Ledger)
    content: Content = field(default_factory=Content)
    retention: Retention = field(default_factory=Retention)
    prices: Prices = field(default_factory=Prices)
    providers: Mapping[str, Provider] = field(default_factory=_default_providers)


def load_config(path: Path | None) -> Config:
    """Read a TOML file; None is the defaults. Providers named in it are added to the built-in two.

    Raises:
        ConfigError: The file cannot be read, an entry is unknown or holds the wrong kind of value.
    """
    if path is None:
        return Config()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("the file does not exist", where=str(path), next_steps=["check --config"]) from None
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from None
    config = _build(Config, raw, str(path), "")
    assert isinstance(config, Config)
    merged = {**_default_providers(), **config.providers}
    config = Config(**{f.name: getattr(config, f.name) for f in fields(config)} | {"providers": merged})
    _check(config, str(path))
    return config


def _check(config: Config, where: str) -> None:
    try:
        ZoneInfo(config.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f'timezone "{config.timezone}" is not an IANA name such as Europe/Berlin', where=where
        ) from None
    for number, pattern in enumerate(config.content.redact_patterns):
        _check_pattern(pattern, f"{where}: content.redact_patterns[{number}]")
    for path, ends in _RANGES.items():
        table, _, entry = path.partition(".")
        _check_number(path, getattr(getattr(config, table), entry), ends, where)
    _check_words(config, where)
    for name, provider in config.providers.items():
        _check_name(name, where)
        _check_provider(provider, f"{where}: [providers.{name}]")


def _check_number(path: str, value: float | None, ends: tuple[float, float], where: str) -> None:
    # Not a number is outside every range.
    if value is not None and not ends[0] <= value <= ends[1]:
        raise ConfigError(f'"{path}" is {value:g}; it may be from {ends[0]:g} to {ends[1]:g}', where=where)


def _check_words(config: Config, where: str) -> None:
    server, ledger, prefix = config.server, config.ledger, config.gateway.header_prefix
    if bool(server.tls_cert) != bool(server.tls_key):
        raise ConfigError("tls_cert and tls_key belong together; one of them is missing", where=f"{where}: [server]")
    if not _HEADER_PREFIX.fullmatch(prefix):
        raise ConfigError(
            f"header_prefix {prefix!r} cannot begin the name of a header",
            where=f"{where}: [gateway]",
            next_steps=['write letters, digits and hyphens that end in a hyphen, such as "x-cost-"'],
        )
    if config.gateway.client not in CLIENTS:
        names = ", ".join(CLIENTS)
        raise ConfigError(f'client "{config.gateway.client}" is not one of {names}', where=f"{where}: [gateway]")
    if ledger.engine not in ENGINES:
        raise ConfigError(f'engine "{ledger.engine}" is not one of {", ".join(ENGINES)}', where=f"{where}: [ledger]")
    if ledger.memory_limit and not _MEMORY.fullmatch(ledger.memory_limit):
        raise ConfigError(
            f'memory_limit "{ledger.memory_limit}" is no size; write it as 2GB', where=f"{where}: [ledger]"
        )


def _check_pattern(pattern: str, entry: str) -> None:
    try:
        blots_nothing = re.compile(pattern).match("") is not None
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{pattern!r} is not a regular expression: {error}", where=entry) from None
    if blots_nothing:
        raise ConfigError(
            f"{pattern!r} matches the empty text, so it says nothing of what to redact",
            where=entry,
            next_steps=["write + in place of *"],
        )


def _check_name(name: str, where: str) -> None:
    entry = f"{where}: [providers.{name}]"
    if not _PROVIDER_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a provider: it is the first part of a path",
            where=entry,
            next_steps=["write small letters, digits, hyphens, dots and underscores, such as azure-eu"],
        )
    if name in reserved_names():
        raise ConfigError(
            f'"{name}" is the name of a page, so no provider can have it',
            where=entry,
            next_steps=["choose another name"],
        )


def _check_provider(provider: Provider, entry: str) -> None:
    if provider.dialect not in DIALECTS:
        raise ConfigError(f'dialect "{provider.dialect}" is not one of {", ".join(DIALECTS)}', where=entry)
    _check_url(provider.base_url, entry)
    for path in ("timeout_seconds", "connect_timeout_seconds"):
        _check_number(path, getattr(provider, path), (0.001, 86_400), entry)
    for variable in (provider.api_key_env, *(key.api_key_env for key in provider.keys)):
        if variable and not _VARIABLE.fullmatch(variable):
            # It may be the secret itself, so it is not repeated.
            raise ConfigError(
                "api_key_env must be the name of an environment variable, not the key",
                where=entry,
                next_steps=['api_key_env = "OPENAI_API_KEY", and export OPENAI_API_KEY=… before tally up'],
            )


def _check_url(base_url: str, entry: str) -> None:
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"base_url is no address: {error}", where=entry) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("base_url must not carry credentials; use api_key_env", where=entry)
    if parts.scheme not in {"https", "http"}:
        raise ConfigError(f'base_url "{base_url}" must start with https:// or http://', where=entry)
    if not host or port == 0 or re.search(r"[\s\x00-\x1f\x7f]", base_url):
        raise ConfigError(f"base_url {base_url!r} names no host to reach", where=entry)
    if parts.query or parts.fragment:
        raise ConfigError(f'base_url "{base_url}" may hold a path, but no "?" and no "#"', where=entry)


def _build(kind: type, raw: object, where: str, path: str) -> Any:
    if not isinstance(raw, dict):
        raise ConfigError(f"{path or 'the file'} must be a table", where=where)
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}
    values = {}
    for name, value in raw.items():
        entry = f"{path}.{name}" if path else name
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(known)}"
            raise ConfigError(f'unknown entry "{entry}"{hint}', where=where)
        values[name] = _value(hints[name], value, where, entry)
    for name, one in known.items():
        if name not in values and one.default is MISSING and one.default_factory is MISSING:
            raise ConfigError(f'"{path}.{name}" is missing', where=where)
    return kind(**values)


def _value(hint: Any, value: object, where: str, path: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _build(hint, value, where, path)  # type: ignore[arg-type]
    if origin is tuple and isinstance(value, list):
        return tuple(_value(args[0], item, where, f"{path}[{index}]") for index, item in enumerate(value))
    if (
        origin is not None
        and issubclass(origin if isinstance(origin, type) else object, Mapping)
        and isinstance(value, dict)
    ):
        return {name: _value(args[1], item, where, f"{path}.{name}") for name, item in value.items()}
    wanted = [one for one in (args if origin is UnionType else (hint,)) if one is not NoneType]
    if float in wanted and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if any(isinstance(one, type) and type(value) is one for one in wanted):
        return value
    names = " or ".join(getattr(one, "__name__", str(one)) for one in wanted)
    raise ConfigError(f'"{path}" must be {names}, found {type(value).__name__}', where=where)


def environment(name: str) -> str:
    """The value of an environment variable, empty when unset."""
    return os.environ.get(name, "")


def data_dir(option: Path | None) -> Path:
    """The data directory: ``--data``, else ``TALLY_DATA``, else ``~/.local/share/tallystick``."""
    if option is not None:
        return option.expanduser().resolve()
    chosen = environment("TALLY_DATA")
    if chosen:
        return Path(chosen).expanduser().resolve()
    home = environment("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "tallystick"
