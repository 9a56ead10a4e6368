"""`tally sources`: where bills and reports come from."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tallystick.cli.keys import confirm, pairs
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

app = typer.Typer(help="Sources: where bills and reports come from, and how fresh they are.", no_args_is_help=True)

_NUMERIC = frozenset({"rows", "days"})
_AMOUNTS = frozenset({"rated", "reported", "invoiced", "lines", "unpriced"})
Name = Annotated[str, typer.Argument(help="Its name.")]


@app.command("kinds")
def kinds(data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what can be set up, and with which options."""
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/source-kinds")
    if as_json:
        print_json(answer)
        return
    for kind in answer["kinds"]:
        typer.echo(f"{kind['kind']}  {kind['title']}")
        for option in kind["options"]:
            flag = f"--secret {option['name']}=env:NAME" if option["secret"] else f"--option {option['name']}=…"
            needed = "needed" if option["needed"] else f"else {option['default']}" if option["default"] else "optional"
            typer.echo(f"  {flag}  {option['title']} ({needed})")
    for name, why in answer["broken"].items():
        note(f"{name} cannot be used: {why}")


@app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="One of `tally sources kinds`.")],
    name: Annotated[str, typer.Argument(help="What it is called; adding it again changes it.")],
    account: Annotated[
        str, typer.Option(help="Our name of the provider account: that of the calls it bills. Else the name.")
    ] = "",
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE. Repeatable.")] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="NAME=env:VARIABLE or NAME=file:PATH, never the secret. Repeatable.")
    ] = None,
    backfill: Annotated[int, typer.Option(help="Days that the first run reads back.")] = 92,
    every: Annotated[int, typer.Option(help="Minutes until what still grows is read again.")] = 60,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a source up. A running server reads it within the minute; `tally sync NAME` does so now."""
    body = {
        "kind": kind, "account": account, "options": pairs("--option", option or [], "base_url=https://…"),
        "secrets": pairs("--secret", secret or [], "admin_key=env:NAME", secret=True), "backfill_days": backfill, "every_minutes": every,
    }  # fmt: skip
    with open_client(data, config) as client:
        made = client.call("PUT", _path(name), json=body)
    if as_json:
        print_json(made)
        return
    note(f"{made['name']} is set up for account {made['account']}\n  next:  tally sources test {made['name']}")


@app.command("list")
def list_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show all sources, how fresh they are and what troubles them."""
    with open_client(data, config) as client:
        whole = client.call("GET", "/api/v1/sources")
    answer, loaded = whole["set_up"], whole["loaded"]
    if as_json:
        print_json({"sources": answer, "loaded": loaded})
        return
    if not answer:
        note(
            ("No source is set up; what files have brought is below.\n" if loaded else "No sources yet.\n")
            + "  next:  tally sources kinds\n"
            "         tally sources add openai billing --account openai --secret admin_key=env:OPENAI_ADMIN_KEY"
        )
    columns = ["name", "kind", "account", "state", "rows", "days", "latest", "loaded", "next", "error"]
    rows = [
        [
            one["name"],
            one["kind"],
            one["account"],
            one["state"],
            f"{one['rows']:,}",
            f"{one['covered_days']} of {one['wanted_days']}",
            *(_second(one[at]) for at in ("last_at", "loaded_at", "next_at")),
            one["error"],
        ]
        for one in answer
    ]
    rows += [
        [one["source"], "file", ", ".join(one["accounts"]), "loaded", f"{one['lines']:,}", "",
         *(_second(one[at]) for at in ("last_at", "loaded_at")), "", ""]
        for one in loaded
    ]  # fmt: skip
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=as_csv), numeric=_NUMERIC)


@app.command("show")
def show(name: Name, data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one source: its setup and each of its streams."""
    with open_client(data, config) as client:
        one = client.call("GET", _path(name))
    if as_json:
        print_json(one)
        return
    typer.echo(f"{one['name']}  {one['kind']}, account {one['account']}, {one['state']}")
    for word in ("options", "secrets"):
        for option, value in one[word].items():
            typer.echo(f"  {option} = {value}")
    typer.echo(f"  reads back {one['backfill_days']} days, and every {one['every_minutes']} minutes what still grows")
    if one["error"]:
        typer.echo(f"  {one['error']}")
    if names := one["names"]:
        trouble = f"; {names['error']}" if names["error"] else ""
        typer.echo(f"  {names['names']:,} names of its ids were read {_second(names['read_at'])}{trouble}")
    if one["streams"]:
        _print_streams(one)


def _print_streams(one: dict[str, Any]) -> None:
    rows = [
        [
            stream["stream"],
            f"{stream['covered_days']} of {one['wanted_days']}",
            _second(stream["fetched_at"]),
            f"{stream['failing']:,}",
            "as above" if stream["error"] and stream["error"] == one["error"] else stream["error"],
        ]
        for stream in one["streams"]
    ]
    typer.echo("")
    columns, numeric = ["stream", "days", "fetched", "failing", "error"], frozenset({"days", "failing"})
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=False), numeric=numeric)


@app.command("costs")
def costs(
    name: Name,
    by: Annotated[str, typer.Option(help="project (or workspace, or cloud account), key, person.")] = "project",
    period: Annotated[str, typer.Option(help="A UTC month such as 2026-10; else this one.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what a source says by the provider's own projects, keys or people: ids, and the names they have now."""
    params: dict[str, str | list[str]] = {"by": by, **({"period": period} if period else {})}
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_path(name)}/costs", params)
    if as_json:
        print_json(answer)
        return
    form = chosen_form(as_json=False, as_csv=as_csv)
    if not answer["rows"]:
        note(f"{name} has no line of that month\n  next:  tally sources show {name}")
    columns = ["name", "id", "currency", "rated", "reported", "invoiced", "lines", "unpriced"]
    rows = [
        [
            one["name"],
            one["id"] or ("" if form is Form.CSV else "(none named)"),
            one["currency"],
            *(_amount(one[layer], form) for layer in ("rated", "reported", "invoiced")),
            f"{one['lines']:,}",
            f"{one['unpriced_lines']:,}",
        ]
        for one in answer["rows"]
    ]
    print_rows(columns, rows, form=form, numeric=_AMOUNTS)


def _amount(text: str | None, form: Form) -> str:
    """Two places, more below a cent; empty where the source does not say."""
    if text is None or form is Form.CSV:
        return text or ""
    amount = Decimal(text)
    return f"{amount:,.2f}" if abs(amount) >= Decimal("0.01") or not amount else f"{amount:.6f}"


@app.command("match")
def match(
    account: Annotated[str, typer.Argument(help="Our name of the provider account that is billed.")],
    project: Annotated[
        list[str] | None,
        typer.Option(help="ID=PROJECT: the provider's project or workspace is our project. Repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="ID=KEY: the provider's key is our key. Repeatable; ID= forgets it.")
    ] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say which of our projects and keys the ids on a bill mean, or show what was said.

    A line of a named project or key then covers the calls of that one alone, and no other's. Without it, a line
    covers all calls of its account, day and model in proportion. `tally sources costs NAME --by key` lists the ids;
    `tally reconcile` heeds what is said here.
    """
    change = {"projects": _meanings("--project", project), "keys": _meanings("--key", key)}
    path = f"/api/v1/matches/{quote(account, safe='')}"
    with open_client(data, config) as client:
        answer = client.call("PATCH", path, json=change) if any(change.values()) else client.call("GET", path)
    if as_json:
        print_json(answer)
        return
    rows = [[kind[:-1], id_, ours] for kind in ("projects", "keys") for id_, ours in answer[kind].items()]
    if rows:
        print_rows(["kind", "on the bill", "ours"], rows, form=Form.TEXT)
    else:
        note(f"Nothing is said of {account} yet.\n  next:  tally sources match {account} --key ID=KEY")


def _meanings(flag: str, texts: list[str] | None) -> dict[str, str]:
    found = {}
    for one in texts or []:
        id_, equals, ours = one.partition("=")
        if not id_.strip() or not equals:
            raise UsageError(
                f'"{one[:60]}" is not of the form ID=OURS', where=flag, next_steps=(f"{flag} ID= forgets one",)
            )
        found[id_.strip()] = ours.strip()
    return found


@app.command("test")
def ask(name: Name, data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Ask the source one cheap question with its secret; exit 1 when it refuses."""
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_path(name)}/test")
    if as_json:
        print_json(answer)
        return
    typer.echo(f"{name}: {answer['reads']}")


@app.command("reparse")
def reparse(name: Name, data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Read the kept pages again, without the network: for a version that understands more. Exit code 4: some failed."""
    summary: dict[str, Any] = {}
    with open_client(data, config) as client:
        for line in client.stream("POST", f"{_path(name)}/reparse"):
            if "summary" in line:
                summary = line["summary"]
            elif line["window"]["error"]:
                note(f"{line['window']['stream']} {line['window']['from']}: {line['window']['error']}")
    if as_json:
        print_json(summary)
    else:
        note(f"{name}: {summary['windows']:,} slices read again, {summary['changed']:,} changed")
    if summary["failed"]:
        raise typer.Exit(4)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Read a source no more; what it has brought stays and counts."""
    confirm(f"Stop reading {name}? What it has brought stays.", yes=yes)
    with open_client(data, config) as client:
        answer = client.call("DELETE", _path(name))
    if as_json:
        print_json(answer)
        return
    note(f"{name} is read no more")


def _second(at: str | None) -> str:
    """An instant without its parts of a second."""
    return "" if at is None else f"{at[:19]}Z"


def _path(name: str) -> str:
    return f"/api/v1/sources/{quote(name, safe='')}"
