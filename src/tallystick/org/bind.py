"""Where a server may listen: on this machine freely, to the network only with locks on its doors. Pure."""

import ipaddress
from dataclasses import dataclass

from tallystick.kernel.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Bind:
    """What is about to listen.

    Attributes:
        pages: The pages and the API are behind the same address.
        keys_required: Callers of the gateway need a key of ours.
        tls: We have a certificate.
        behind_proxy: The operator says that a proxy in front ends TLS.
    """

    host: str
    pages: bool = True
    keys_required: bool = False
    tls: bool = False
    behind_proxy: bool = False


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only; a name other than localhost is taken for public."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(bind: Bind) -> None:
    """Let a server listen, or say what is missing.

    Raises:
        ConfigError: The address is public, and callers need no key or pages would travel in clear.
    """
    if is_loopback(bind.host):
        return
    where = f"host {bind.host!r}"
    if not bind.keys_required:
        raise ConfigError(
            "a public address would let anybody send calls through the gateway",
            where=where,
            next_steps=[
                "set bring_your_own_key = false under [gateway], then every caller needs a key of `tally keys create`",
                "or listen on 127.0.0.1",
            ],
        )
    if bind.pages and not (bind.tls or bind.behind_proxy):
        raise ConfigError(
            "a public address would show pages and sessions without encryption",
            where=where,
            next_steps=[
                "set tls_cert and tls_key under [server]",
                "or put a proxy that ends TLS in front and say --behind-proxy",
                "or run only the gateway here: tally up --role gateway",
            ],
        )
