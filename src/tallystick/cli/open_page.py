"""`tally open`: print and open a page, signed in."""

import webbrowser
from typing import Annotated

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data
from tallystick.cli.output import print_json
from tallystick.cli.server_lock import running_server
from tallystick.config import data_dir
from tallystick.kernel.errors import Unavailable


def open_page(
    page: Annotated[str, typer.Argument(help="A page and its filters, such as 'explore?by=feature'.")] = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a one-time link to a page and open it."""
    if running_server(data_dir(data)) is None:
        raise Unavailable(
            "no server runs on this data directory", where=str(data_dir(data)), next_steps=["tally up", "tally demo"]
        )
    with open_client(data, config) as client:
        link = client.call("POST", "/api/v1/login-links", json={"next": "/" + page.lstrip("/")})
        url = client.base_url + link["path"]
    if as_json:
        print_json({"url": url})
        return
    typer.echo(url)
    if not no_browser:
        webbrowser.open(url)
