"""`tally config show`: every setting in force, secrets by the name of their variable only."""

from dataclasses import asdict

import typer

from tallystick.cli.open_client import read_config
from tallystick.cli.options import AsJson, ConfigFile
from tallystick.cli.output import Form, chosen_form, print_fields, print_json

app = typer.Typer(help="The configuration in force.")


@app.callback()
def group() -> None:
    """The configuration in force."""


@app.command()
def show(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Every setting in force, defaults included."""
    tree = asdict(read_config(config))
    if chosen_form(as_json=as_json, as_csv=False) is Form.JSON:
        print_json(tree)
        return
    print_fields(dict(_flat(tree)), form=Form.TEXT)


def _flat(tree: object, path: str = "") -> list[tuple[str, str]]:
    if isinstance(tree, dict) and tree:
        return [pair for name, value in tree.items() for pair in _flat(value, f"{path}.{name}" if path else str(name))]
    return [(path, "" if tree in (None, {}, ()) else str(tree))]
