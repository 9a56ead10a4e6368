"""`tally help E014`: what an error code means and what to do about it."""

from typing import Annotated

import typer

from tallystick.cli.options import AsJson
from tallystick.cli.output import print_json
from tallystick.kernel.errors import NotFound

PAGES: dict[str, tuple[str, str]] = {
    "E000": ("Unexpected", "Something we did not foresee. Run `tally --debug COMMAND` and report what it prints."),
    "E002": ("Usage", "The words of the command are off. `tally COMMAND --help` lists what it takes."),
    "E003": (
        "Denied",
        "The token, key or session may not do this. An admin can make one that may: tally tokens create.",
    ),
    "E004": (
        "Not found",
        "There is no key, request, token or page of this name. The matching `list` shows what there is.",
    ),
    "E009": ("Conflict", "A port, a name or the data directory is taken. `tally status` shows who has it."),
    "E010": (
        "Configuration",
        "An entry of tally.toml cannot be used; the message names it. `tally config show` prints all in force.",
    ),
    "E011": ("Query", "A dimension, range, filter or measure that nobody knows; the message names the nearest."),
    "E014": (
        "Data",
        "A file or body is not what it claims. Rejected rows are kept in the data directory under rejected/.",
    ),
    "E015": ("Unavailable", "A disk, server or provider does not answer now. `tally doctor` finds out which."),
}


def help_page(
    code: Annotated[str, typer.Argument(help="An error code such as E014.")] = "", as_json: AsJson = False
) -> None:
    """What an error code means and what to do about it."""
    wanted = code.upper()
    if wanted and wanted not in PAGES:
        raise NotFound(f'there is no page "{code}"', next_steps=[f"tally help {one}" for one in list(PAGES)[:3]])
    chosen = {wanted: PAGES[wanted]} if wanted else PAGES
    if as_json:
        print_json({name: {"title": title, "text": text} for name, (title, text) in chosen.items()})
        return
    for name, (title, text) in chosen.items():
        typer.echo(f"{name}  {title}: {text}")
