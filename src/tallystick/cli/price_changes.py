"""`tally prices …`: prices of one's own, contracts, what changed, what a change would cost, re-rating."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from tallystick.cli.keys import confirm
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.cli.prices import app, show_cards
from tallystick.kernel.errors import UsageError
from tallystick.kernel.tables import read_tables

contracts = typer.Typer(help="Contracts: discounts, fixed prices, volume steps.")
app.add_typer(contracts, name="contracts", no_args_is_help=True)
_PATH = "/api/v1/prices"
Since = Annotated[str, typer.Option(help="Days back (30d), or the first day, YYYY-MM-DD.")]


@app.command("at")
def at(
    date: Annotated[str, typer.Argument(help="A day, YYYY-MM-DD.")],
    model: Annotated[str, typer.Argument(help="Part of a model's name; all without it.")] = "",
    known: Annotated[str, typer.Option(help="As the book knew it when this day began.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Prices in force on a day."""
    wanted = {name: value for name, value in {"at": date, "search": model, "known": known}.items() if value}
    with open_client(data, config) as client:
        answer = client.call("GET", _PATH, wanted)
    show_cards(answer, answer["prices"], chosen_form(as_json=as_json, as_csv=as_csv))


@app.command("set")
def set_(
    provider: Annotated[str, typer.Argument(help="Provider.")],
    model: Annotated[str, typer.Argument(help="Canonical model name.")],
    from_: Annotated[str, typer.Option("--from", help="First day it holds, YYYY-MM-DD; always without it.")] = "",
    to: Annotated[str, typer.Option(help="First day it no longer holds.")] = "",
    input_: Annotated[str, typer.Option("--input", help="Per million tokens of input that was not cached.")] = "",
    output: Annotated[str, typer.Option(help="Per million tokens of output.")] = "",
    price: Annotated[list[str] | None, typer.Option(help="Another component: cache_read=0.25. Repeatable.")] = None,
    tier: Annotated[str, typer.Option(help="Service tier.")] = "",
    above: Annotated[int, typer.Option(help="Holds above so many tokens of input.")] = 0,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a price over the list's, from the next call on."""
    body: dict[str, Any] = {"provider": provider, "model": model, "from": from_, "to": to, "input": input_,
                            "output": output, "service_tier": tier, "above_input_tokens": above}  # fmt: skip
    body = {key: value for key, value in body.items() if value}
    for word in price or []:
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise UsageError(f'--price "{word}" is not COMPONENT=AMOUNT', next_steps=["--price cache_read=0.25"])
        body[name.strip()] = value.strip()
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/entries", json={"price": body})
    if as_json:
        print_json(answer)
        return
    note(f"{provider} {model} has this price from the next call; earlier calls: tally prices rerate")


@app.command("unset")
def unset(
    provider: Annotated[str, typer.Argument(help="Provider.")],
    model: Annotated[str, typer.Argument(help="Canonical model name.")],
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was set of a model; the list holds again."""
    with open_client(data, config) as client:
        answer = client.call("DELETE", f"{_PATH}/entries", {"provider": provider, "model": model})
    if as_json:
        print_json(answer)
        return
    note(f"{len(answer['entries'])} set price(s) taken back")


@app.command("entries")
def entries(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Prices that were set."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/entries")
    if as_json:
        print_json(answer)
        return
    rows = [[one["at"], one["by"], _words(one["price"])] for one in answer["entries"]]
    if not rows:
        note("No price is set: tally prices set PROVIDER MODEL --input … --output …")
    print_rows(["set", "by", "price"], rows, form=chosen_form(as_json=False, as_csv=as_csv))


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(help="A day, YYYY-MM-DD.")],
    second: Annotated[str, typer.Argument(help="A later day.")],
    known: Annotated[
        bool, typer.Option("--known", help="What the book learned between them, corrections too.")
    ] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """What changed between two days; corrections apart from changes."""
    wanted = {"a": first, "b": second, **({"known": "1"} if known else {})}
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/diff", wanted)
    if as_json:
        print_json(answer)
        return
    rows = [
        [one["kind"], one["provider"], one["model"], one["service_tier"], one["meter"], one["before"] or "none",
         one["after"] or "none", "" if one["percent"] is None else f"{one['percent']:+.2f}"]
        for one in answer["differences"]
    ]  # fmt: skip
    print_rows(
        ["kind", "provider", "model", "tier", "meter", "before", "after", "%"], rows,
        form=chosen_form(as_json=False, as_csv=as_csv), numeric=frozenset({"before", "after", "%"}),
    )  # fmt: skip
    if answer["count"] > len(rows):
        note(f"{answer['count']} differences; the first {len(rows)} are shown")


@app.command("rerate")
def rerate(
    since: Since = "30d",
    until: Annotated[str, typer.Option(help="First day out, YYYY-MM-DD; now without it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Post the adjustments.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """What corrected prices make of calls already rated; with --yes posts adjustments, and edits nothing."""
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/rerate", json={"since": since, "until": until, "post": yes})
    if as_json:
        print_json(answer)
        return
    rows = [
        [one.get("by", "all"), one.get("value") or "", one["currency"], one["before"], one["after"], one["change"],
         str(one["calls"]), str(one["newly_priced"])]
        for one in [*answer["total"], *answer["groups"]]
    ]  # fmt: skip
    if not rows:
        note("Nothing to adjust: the ledger holds what the price book says")
        return
    columns = ["by", "value", "currency", "before", "after", "change", "calls", "newly priced"]
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=False), numeric=frozenset(columns[3:]))
    note(f"posted as {answer['run_id']}" if answer["posted"] else "nothing is posted yet: --yes posts the adjustments")


@contracts.command("set")
def contracts_set(
    name: Annotated[str, typer.Argument(help="Its name; left out with --file.")] = "",
    provider: Annotated[str, typer.Option(help="Provider.")] = "",
    model: Annotated[str, typer.Option(help="Model pattern: gpt-*.")] = "*",
    tier: Annotated[str, typer.Option(help="Service tier; * is any.")] = "*",
    discount: Annotated[str, typer.Option(help="Per cent off the list price.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First day.")] = "",
    to: Annotated[str, typer.Option(help="First day it no longer holds.")] = "",
    file: Annotated[Path | None, typer.Option(help="TOML of [[contract]] tables.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make or replace contracts, from flags or a file; calls are rated by them from the next on."""
    if file is not None:
        if name or provider or discount:
            raise UsageError("--file says all there is to say of its contracts")
        listed = read_file(file).get("contract", [])
    else:
        flags = {"name": name, "provider": provider, "model": model, "service_tier": tier,
                 "discount_percent": discount, "from": from_, "to": to}  # fmt: skip
        listed = [{key: value for key, value in flags.items() if value}]
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/contracts", json={"contract": listed})
    if as_json:
        print_json(answer)
        return
    for one in answer["contracts"]:
        note(f"{one['name']} holds from the next call; earlier calls: tally prices rerate")


@contracts.command("list")
def contracts_list(
    data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """Contracts in force."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"{_PATH}/contracts")
    if as_json:
        print_json(answer)
        return
    rows = [
        [one["name"], one["provider"], one["model"], one["from"] or "always", one["to"] or "",
         f"{one['discount_percent']:g}", str(one["fixed_prices"]), "yes" if one["terms"].get("volume") else ""]
        for one in answer["contracts"]
    ]  # fmt: skip
    if not rows:
        note("No contracts: tally prices contracts set NAME --provider openai --discount 12")
    columns = ["name", "provider", "model", "from", "to", "discount %", "fixed prices", "volume steps"]
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=as_csv))


@contracts.command("remove")
def contracts_remove(
    name: Annotated[str, typer.Argument(help="Its name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
) -> None:
    """End a contract; what was rated under it stays."""
    confirm(f'Remove the contract "{name}"?', yes=yes)
    with open_client(data, config) as client:
        client.call("DELETE", f"{_PATH}/contracts/{quote(name, safe='')}")
    note(f"{name} is removed")


def read_file(file: Path) -> dict[str, Any]:
    """A TOML or JSON file, with amounts and days as the text they were written as.

    Raises:
        UsageError: It cannot be read.
    """
    kind: Literal["TOML", "JSON"] = "JSON" if file.suffix == ".json" else "TOML"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(file)) from None
    except ValueError as error:
        raise UsageError(
            f"the file cannot be understood: {error}", where=str(file), next_steps=[f"write it as {kind}"]
        ) from None
    return read_tables(text, str(file), kind)


def _words(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
