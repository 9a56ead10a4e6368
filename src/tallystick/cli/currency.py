"""`tally currency`: the dated table of exchange rates that costs are converted by."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

app = typer.Typer(help="Exchange rates by date, for `tally costs --convert EUR`.")
_PATH = "/api/v1/currency"
_SHOWN_REJECTED = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV: date,from,to,rate; or the central bank's eurofxref-hist.csv.")],
    source: Annotated[str, typer.Option(help="Who says so; else the file's own word, or its name.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Read a file of rates. The same file again changes nothing; a corrected rate holds from now on.

    A rate holds from its date until the next of its pair; a month (2026-10) is its first day.

    `tally currency import rates.csv --source "group treasury"`, `tally currency import eurofxref-hist.csv`
    """
    if not file.is_file():
        raise UsageError(
            "there is no such file", where=str(file), next_steps=["give a CSV with the columns date,from,to,rate"]
        )
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/import", json={"path": str(file.resolve()), "source": source})
    if as_json:
        print_json(answer)
    else:
        _print_import(file, answer)
    if answer["rejected"]:
        raise typer.Exit(3)


def _print_import(file: Path, answer: dict[str, Any]) -> None:
    for one in answer["rejections"][:_SHOWN_REJECTED]:
        note(f"{file}:{one['line']}: {one['why']}\n  next:  {one['next_step']}")
    if answer["rejected"] > _SHOWN_REJECTED:
        note(f"… and {answer['rejected'] - _SHOWN_REJECTED:,} more: --json lists them")
    typer.echo(_counts(answer))
    if answer["rejected"]:
        note(f"{answer['rejected']:,} line(s) or cells gave no rate; mend them and import the file again")


def _counts(answer: dict[str, Any]) -> str:
    """``2 new, 0 changed, 1 same: USD to EUR, 2026-10-01 to 2026-10-03``."""
    pairs = answer["pairs"]
    named = ", ".join(f"{one['from']} to {one['to']}" for one in pairs[:4]) + (", …" if len(pairs) > 4 else "")
    span = answer["first"] if answer["first"] == answer["last"] else f"{answer['first']} to {answer['last']}"
    about = f": {named}, {span}" if pairs else ""
    return f"{answer['new']:,} new, {answer['changed']:,} changed, {answer['same']:,} same{about}"


@app.command("set")
def set_(
    base: Annotated[str, typer.Argument(help="Currency of the amounts: USD.")],
    quote: Annotated[str, typer.Argument(help="Currency that is wanted: EUR.")],
    rate: Annotated[str, typer.Argument(help="How many of QUOTE one of BASE is: 0.92.")],
    from_: Annotated[str, typer.Option("--from", help="First day on which it holds, YYYY-MM-DD.")],
    source: Annotated[str, typer.Option(help="Who says so.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Set one rate; it holds until the pair's next. Set again, the corrected rate holds and the old stays on record.

    `tally currency set USD EUR 0.92 --from 2026-10-01 --source "group treasury"`
    """
    body = {"from": base, "to": quote, "rate": rate, "date": from_, "source": source}
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/rates", json=body)
    if as_json:
        print_json(answer)
        return
    typer.echo(_counts(answer))


@app.command("list")
def list_(
    at: Annotated[str, typer.Option(help="Only the rates in force on this day, YYYY-MM-DD.")] = "",
    known: Annotated[str, typer.Option(help="As the table was known when this day began.")] = "",
    base: Annotated[str, typer.Option("--from", help="Only of this currency.")] = "",
    quote: Annotated[str, typer.Option("--to", help="Only to this currency.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the table: the date from which each rate holds, and who says so.

    `tally currency list --at 2026-10-15`, `tally currency list --from EUR --to USD`
    """
    given = {"at": at, "known": known, "from": base, "to": quote}
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/rates", {name: value for name, value in given.items() if value})
    if as_json:
        print_json(answer)
        return
    if not answer["rates"]:
        note("No rates: tally currency import FILE.csv, or tally currency set USD EUR 0.92 --from 2026-10-01")
    rows = [[one["date"], one["from"], one["to"], one["rate"], one["source"]] for one in answer["rates"]]
    form = chosen_form(as_json=False, as_csv=as_csv)
    print_rows(["date", "from", "to", "rate", "source"], rows, form=form, numeric=frozenset({"rate"}))
