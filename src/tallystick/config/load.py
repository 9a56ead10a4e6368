"""The configuration: one TOML file, one dataclass tree, and the only reader of the environment.

An unknown entry is an error with a suggestion: a setting without effect does not exist.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallystick.config.model import CATALOGUE, Config, Provider
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.settings import reserved_names
from tallystick.kernel.errors import ConfigError
from tallystick.transport.sigv4 import region_of

ENGINES = ("duckdb", "clickhouse")
CLIENTS = ("lean", "aiohttp")
AUTHS = ("", "bearer", "x-api-key", "api-key", "x-goog-api-key", "aws-sigv4", "none")
COUNTERS = ("shared", "process", "redis")
BILLINGS = ("usage", "subscription")
SMTP_TLS = ("starttls", "tls", "none")
UNKNOWN_PRICE = ("block", "ceiling", "allow")

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]{2,62}[-_]")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
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
    "gateway.heartbeat_seconds": (0, 3600),
    "gateway.cache_bytes": (0, 2**36),
    "budgets.deadline_ms": (1, 60_000),
    "budgets.key_usd_per_day": (0, 10**9),
    "budgets.run_usd": (0, 10**9),
    "budgets.run_calls_per_minute": (0, 10**9),
    "budgets.loop_calls": (0, 10**9),
    "budgets.ceiling_input_usd": (0, 10**6),
    "budgets.ceiling_output_usd": (0, 10**6),
    "budgets.assumed_output_tokens": (1024, 10**8),
    "budgets.reservation_seconds": (1, 10**6),
    "notify.smtp_port": (1, 65_535),
    "content.retention_days": (1, 36_500),
    "content.max_bytes": (1024, 2**24),
    "retention.events_days": (1, 36_500),
}


def load_config(path: Path | None) -> Config:
    """Read a TOML file; None is the defaults. Providers named in it are added to the built-in ones.

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
    config = replace(config, providers={**CATALOGUE, **config.providers})
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
    _check_outgoing(config, where)
    for name, provider in config.providers.items():
        _check_name(name, where)
        _check_provider(provider, f"{where}: [providers.{name}]")
        _check_fallbacks(config.providers, name, f"{where}: [providers.{name}]")


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
    for entry, value, words in (
        ("gateway.client", config.gateway.client, CLIENTS),
        ("ledger.engine", ledger.engine, ENGINES),
        ("budgets.counters", config.budgets.counters, COUNTERS),
        ("budgets.unknown_price", config.budgets.unknown_price, UNKNOWN_PRICE),
        ("notify.smtp_tls", config.notify.smtp_tls, SMTP_TLS),
    ):
        table, _, name = entry.partition(".")
        _check_word(name, value, words, f"{where}: [{table}]")
    if not _NAMESPACE.fullmatch(config.budgets.redis_namespace):
        raise ConfigError(
            f"redis_namespace {config.budgets.redis_namespace!r} is no word of letters, digits, hyphens and dots",
            where=f"{where}: [budgets]",
        )
    if ledger.memory_limit and not _MEMORY.fullmatch(ledger.memory_limit):
        raise ConfigError(
            f'memory_limit "{ledger.memory_limit}" is no size; write it as 2GB', where=f"{where}: [ledger]"
        )


def _check_outgoing(config: Config, where: str) -> None:
    """Where alerts and spans go. A Slack address is a secret: it is only in the environment, and looked at there."""
    notify = config.notify
    for entry, value in (
        ("notify.webhook_url", notify.webhook_url),
        ("gateway.otel_endpoint", config.gateway.otel_endpoint),
    ):
        table, _, name = entry.partition(".")
        if value and not re.fullmatch(r"https?://[^\s/?#@]+([/?][^\s#]*)?", value):
            # It may hold a secret, so it is not repeated.
            raise ConfigError(f"{name} is no address that begins with https:// or http://", where=f"{where}: [{table}]")
    if notify.smtp_host and not (notify.mail_from and notify.mail_to):
        raise ConfigError(
            "mail needs a sender and at least one recipient",
            where=f"{where}: [notify]",
            next_steps=['mail_from = "tally@example.com"', 'mail_to = ["finops@example.com"]'],
        )


def _check_word(name: str, value: str, words: tuple[str, ...], entry: str) -> None:
    if value not in words:
        raise ConfigError(f'{name} "{value}" is not one of {", ".join(filter(None, words))}', where=entry)


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
    _check_word("dialect", provider.dialect, tuple(DIALECTS), entry)
    _check_word("auth", provider.auth, AUTHS, entry)
    _check_word("billing", provider.billing, BILLINGS, entry)
    _check_url(provider.base_url, entry)
    if provider.openai_url:
        _check_url(provider.openai_url, entry, "openai_url")
    _check_number("max_retries", provider.max_retries, (0, 10), entry)
    if provider.auth == "aws-sigv4" and not (provider.region or region_of(provider.base_url)):
        raise ConfigError(
            "a request is signed for one region, and base_url names none",
            where=entry,
            next_steps=['name it: region = "eu-central-1"'],
        )
    _check_number("gpu_usd_per_hour", provider.gpu_usd_per_hour, (0, 10**6), entry)
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


def _check_fallbacks(providers: Mapping[str, Provider], name: str, entry: str) -> None:
    for other in providers[name].fallbacks:
        if other == name or other not in providers:
            near = difflib.get_close_matches(other, sorted(set(providers) - {name}), n=1)
            raise ConfigError(
                f'fallback "{other}" is {"the provider itself" if other == name else "no provider of this file"}',
                where=entry,
                next_steps=[f'did you mean "{near[0]}"?'] if near else [f"add [providers.{other}]"],
            )
        mine, its = providers[name].dialect, providers[other].dialect
        if mine != its and not (mine == "openai" and providers[other].openai_url):
            raise ConfigError(
                f'fallback "{other}" speaks {its}, and calls of {name} are written for {mine}',
                where=entry,
                next_steps=["name a provider of the same dialect", "or give it an openai_url"],
            )


def _check_url(base_url: str, entry: str, field: str = "base_url") -> None:
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{field} is no address: {error}", where=entry) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{field} must not carry credentials; use api_key_env", where=entry)
    if parts.scheme not in {"https", "http"}:
        raise ConfigError(f'{field} "{base_url}" must start with https:// or http://', where=entry)
    if not host or port == 0 or re.search(r"[\s\x00-\x1f\x7f]", base_url):
        raise ConfigError(f"{field} {base_url!r} names no host to reach", where=entry)
    if parts.query or parts.fragment:
        raise ConfigError(f'{field} "{base_url}" may hold a path, but no "?" and no "#"', where=entry)


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
