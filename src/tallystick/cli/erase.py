"""`tally erase`: forget a person."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data
from tallystick.cli.output import note, print_json
from tallystick.kernel.errors import UsageError

_MOST_PAGES = 10
_DROP, _DELETE = "--drop-pages deletes them too", "delete these files of the data directory"


def erase(
    user: Annotated[str, typer.Option(help="Whose rows, exactly as the rows have the name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    drop_pages: Annotated[
        bool, typer.Option("--drop-pages", help="Delete the kept pages of sources that name them, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Take everything that leads to a user out of their rows and bills and delete what they said; usage and cost stay.

    A person whom providers know by other names (an id, an address) is erased by each: `tally sources costs --by person`
    shows them.
    """
    with open_client(data, config) as client:
        body: dict[str, Any] = {"user": user, "dry_run": True, "drop_pages": drop_pages}
        if not dry_run:
            if not yes:
                looked = client.call("POST", "/api/v1/erase", json=body)
                if drop_pages and looked["pages"]:
                    note(f"Kept pages that are deleted:{_listed(looked['pages'])}")
                _ask(user, _counts(looked) + (f", {len(looked['pages']):,} kept pages" if drop_pages else ""))
            body["dry_run"] = False
        answer = client.call("POST", "/api/v1/erase", json=body)
    if as_json:
        print_json(answer)
        return
    _tell(answer, drop_pages=drop_pages)


def _tell(answer: dict[str, Any], *, drop_pages: bool) -> None:
    looked = answer["dry_run"]
    typer.echo(f"{'would erase' if looked else 'erased'} {_counts(answer)}")
    if answer["dropped"]:
        listed = _listed(answer["dropped"])
        note(f"Kept pages that named the person, deleted; what was loaded from them stands:{listed}")
    if answer["pages"]:
        steps = "" if looked and drop_pages else f"\n  next:  {_DROP if looked else _DELETE}"
        note(
            "Pages that are kept as their source gave them still name the person; figures do not need them:"
            f"{_listed(answer['pages'])}{steps}"
            "\n  reparsing or fetching anew brings back whom a source still names"
        )
    if not answer["rows"] + answer["contents"] + answer["lines"] + answer["names"]:
        note(f'Nothing is kept of "{answer["user"]}": is the name exactly as the rows have it?')


def _listed(files: list[str]) -> str:
    more = len(files) - _MOST_PAGES
    rest = f"\n  and {more:,} more: --json names all" if more > 0 else ""
    return "".join(f"\n  {one}" for one in files[:_MOST_PAGES]) + rest


def _counts(answer: dict[str, Any]) -> str:
    parts = [f"{answer['rows']} rows, {answer['contents']} prompts and answers"]
    parts += [f"{answer['lines']} lines of bills, {answer['names']} names"] if answer["lines"] + answer["names"] else []
    return ", ".join(parts)


def _ask(user: str, counts: str) -> None:
    """What is erased is gone, so a script has to say that it means it.

    Raises:
        UsageError: Nobody is there to be asked.
    """
    if not typer.get_text_stream("stdin").isatty():
        raise UsageError(
            f"erasing {counts} cannot be undone, and nobody is there to be asked",
            next_steps=["add --yes", "look first with --dry-run"],
        )
    typer.confirm(f'Erase {counts} of "{user}"? This cannot be undone.', abort=True)
