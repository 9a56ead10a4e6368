"""Where a server listens and is found: addresses, base URLs for clients, the socket between its processes."""

import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from tallystick.config import CATALOGUE, Config, Provider, environment
from tallystick.gateway.settings import reserved_names
from tallystick.kernel.errors import ConfigError, Conflict
from tallystick.org.bind import Bind
from tallystick.org.bind import check_bind as check_bind_rule

_LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes


def with_server(config: Config, *, host: str = "", port: int = 0, behind_proxy: bool = False) -> Config:
    """The configuration with what the command line says of the server; empty keeps what is there."""
    server = replace(
        config.server,
        host=host or config.server.host,
        port=port or config.server.port,
        behind_proxy=behind_proxy or config.server.behind_proxy,
    )
    return replace(config, server=server)


def default_url(config: Config) -> str:
    """Where the pages are, as seen from this machine."""
    scheme = "https" if config.server.tls_cert else "http"
    host = config.server.host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104 - compared
    return f"{scheme}://{shown}:{config.server.port}"


def base_urls(config: Config) -> list[tuple[str, str, str]]:
    """What to paste for each provider: name, environment variable (may be empty), base URL.

    The OpenAI SDK wants the version in its base URL, the Anthropic SDK adds it itself.
    """
    url = default_url(config)
    rows = []
    for name, provider in config.providers.items():
        if not _is_set_up(name, provider):
            continue
        suffix = _suffix(provider)
        variable = f"{provider.dialect.upper()}_BASE_URL" if name == provider.dialect else ""
        rows.append((name, variable, f"{url}/{name}{suffix}"))
    return rows


def _is_set_up(name: str, provider: Provider) -> bool:
    """Whether somebody uses it: of the built-in ones the two everybody knows, and those whose key is there."""
    if provider is not CATALOGUE.get(name) or name in {"openai", "anthropic"}:
        return True
    return bool(provider.api_key_env and environment(provider.api_key_env))


def _suffix(provider: Provider) -> str:
    """What a client of the OpenAI SDK puts behind the provider's name."""
    if provider.dialect == "azure":
        return "/openai/v1"
    if provider.dialect not in {"openai", "mistral"}:
        return ""
    return "" if provider.openai_url and not provider.openai_url.endswith("/v1") else "/v1"


def check_bind(config: Config, *, pages: bool = True) -> None:
    """Refuse what must not start: an unguarded public address, a provider named like a page.

    Raises:
        ConfigError: With what to do instead.
    """
    taken = sorted(set(config.providers) & reserved_names())
    if taken:
        raise ConfigError(
            f'"{taken[0]}" is the name of a page, so no provider can have it', where=f"[providers.{taken[0]}]"
        )
    check_bind_rule(
        Bind(
            config.server.host,
            pages=pages,
            keys_required=not config.gateway.bring_your_own_key,
            tls=bool(config.server.tls_cert and config.server.tls_key),
            behind_proxy=config.server.behind_proxy,
        )
    )


def socket_path(data_dir: Path) -> Path:
    """The app's socket: in the data directory, or beside the temporary files where its path is too long."""
    path = data_dir / "app.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"tally-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Conflict("the folder for sockets belongs to somebody else", where=str(folder))
    return folder / f"{name}.sock"
