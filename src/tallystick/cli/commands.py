"""Every command and where it lives."""

import importlib

import typer

# Command or group → module and attribute. Imported on demand would save 0.1 s but hide
# broken commands from `tally --help`; the modules are small, so all are imported.
_COMMANDS = {
    "costs": "tallystick.cli.costs:costs",
    "reconcile": "tallystick.cli.reconcile:reconcile",
    "ledger": "tallystick.cli.ledger:ledger",
    "status": "tallystick.cli.status:status",
    "doctor": "tallystick.cli.doctor:doctor",
    "open": "tallystick.cli.open_page:open_page",
    "up": "tallystick.cli.up:up",
    "demo": "tallystick.cli.demo:demo",
    "import": "tallystick.cli.import_:import_",
    "sync": "tallystick.cli.sync:sync",
    "explain": "tallystick.cli.explain_call:explain_call",
    "replay": "tallystick.cli.replay:replay",
    "erase": "tallystick.cli.erase:erase",
    "help": "tallystick.cli.help_page:help_page",
}
_GROUPS = {
    "keys": "tallystick.cli.keys:app",
    "budgets": "tallystick.cli.budgets:app",
    "sources": "tallystick.cli.sources:app",
    "tokens": "tallystick.cli.tokens:app",
    "prices": "tallystick.cli.price_lists:app",
    "rules": "tallystick.cli.rules:app",
    "alerts": "tallystick.cli.alerts:app",
    "config": "tallystick.cli.config_show:app",
    "currency": "tallystick.cli.currency:app",
}


def register(app: typer.Typer) -> None:
    """Add all commands and groups."""
    for name, target in _COMMANDS.items():
        app.command(name)(_load(target))
    for name, target in _GROUPS.items():
        app.add_typer(_load(target), name=name, no_args_is_help=True)


def _load(target: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a function or a group
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
