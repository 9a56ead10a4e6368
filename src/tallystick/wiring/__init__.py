"""Builds everything from the configuration: the only composition root."""

from tallystick.wiring.addresses import base_urls, check_bind, default_url, socket_path, with_server
from tallystick.wiring.app import App, open_app
from tallystick.wiring.ledger import open_ledger
from tallystick.wiring.processes import prepare, run_app, run_gateway
from tallystick.wiring.settings import bound_policy, counter_settings, gateway_settings, safe_defaults

__all__ = [
    "App",
    "base_urls",
    "bound_policy",
    "check_bind",
    "counter_settings",
    "default_url",
    "gateway_settings",
    "open_app",
    "open_ledger",
    "prepare",
    "run_app",
    "run_gateway",
    "safe_defaults",
    "socket_path",
    "with_server",
]
