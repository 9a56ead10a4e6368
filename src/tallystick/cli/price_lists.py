"""`tally prices import …`: lists of others as second opinions, and what is doubtful about prices."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

import tallystick.cli.price_changes
import tallystick.cli.price_simulation  # noqa: F401 - the other commands of the group
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.cli.prices import app

_PATH = "/api/v1/prices"


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON as LiteLLM, models.dev or OpenRouter publish their prices.")],
    source: Annotated[str, typer.Option(help="Name to keep it under; what its shape is called without it.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Keep another price list as a second opinion: it prices no call and is held against the book."""
    body = {"path": str(file.absolute()), "source": source}
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/lists", json=body)
    if as_json:
        print_json(answer)
        return
    kept = answer["list"]
    how = "is kept" if answer["changed"] else "is kept already; nothing changed"
    note(f"{kept['name']} ({kept['prices']:,} prices) {how}")
    note(
        f"{answer['compared']:,} prices are in the book too, {answer['apart']:,} differ by more than 1 %: "
        f"tally prices findings; {answer['not_in_book']:,} are of models, tiers or classes the book has no price for"
    )
    for line in kept["left_out"][:5]:
        note(f"left out: {line}")
    if len(kept["left_out"]) > 5:
        note(f"and {len(kept['left_out']) - 5} more: tally prices lists --json")


@app.command("lists")
def lists(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Price lists that are kept as second opinions."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/lists")
    if as_json:
        print_json(answer)
        return
    rows = [
        [one["name"], one["shape"], one["file"], str(one["prices"]), str(len(one["left_out"])), one["imported_at"]]
        for one in answer["lists"]
    ]
    if not rows:
        note("No second opinion is kept: tally prices import FILE")
    print_rows(
        ["list", "shape", "file", "prices", "left out", "imported"], rows,
        form=chosen_form(as_json=False, as_csv=as_csv), numeric=frozenset({"prices", "left out"}),
    )  # fmt: skip


@app.command("forget")
def forget(
    name: Annotated[str, typer.Argument(help="Name of a list that is kept.")],
    data: Data = None,
    config: ConfigFile = None,
) -> None:
    """Keep a second opinion no longer; what it raised is resolved."""
    with open_client(data, config) as client:
        client.call("DELETE", f"{_PATH}/lists/{quote(name, safe='')}")
    note(f"{name} is not kept any more")


@app.command("findings")
def findings(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """What the last look over the price book found and holds, the most money first."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/findings")
    _show(answer, as_json=as_json, as_csv=as_csv)


@app.command("check")
def check(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Look over the price book: sources that disagree, stale lists, unknown models, drift. Exit 3 when it finds any."""
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/check")
    _show(answer, as_json=as_json, as_csv=as_csv)
    if answer["findings"]:
        raise typer.Exit(3)


def _show(answer: dict[str, Any], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(answer)
        return
    rows = [
        [one["kind"].replace("_", " "), one["what"], one["amount"] or "", one["currency"] if one["amount"] else ""]
        for one in answer["findings"]
    ]
    if not rows:
        note("Nothing is doubtful about prices")
    columns = ["finding", "what", "amount", "currency"]
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=as_csv), numeric=frozenset({"amount"}))
