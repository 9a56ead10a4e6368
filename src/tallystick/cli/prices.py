"""`tally prices`: what is in the price book, and why a model costs what it costs."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import NotFound

app = typer.Typer(help="The price book.")


@app.command("list")
def list_prices(
    search: Annotated[str, typer.Argument(help="Part of a model's name; all without it.")] = "",
    provider: Annotated[str, typer.Option(help="One provider only.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Prices in force today, per million tokens."""
    wanted = {name: value for name, value in {"search": search, "provider": provider}.items() if value}
    with open_client(data, config) as client:
        answer: dict[str, Any] = client.call("GET", "/api/v1/prices", wanted)
    show_cards(answer, answer["prices"], chosen_form(as_json=as_json, as_csv=as_csv))


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A model's name as a request or a bill spells it.")],
    provider: Annotated[str, typer.Option(help="The provider, where the name alone is not enough.")] = "",
    at: Annotated[str, typer.Option(help="A day, YYYY-MM-DD; today by default.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """How a model's name is matched, and its prices over time; exit code 1 when nobody has a price for it."""
    wanted = {name: value for name, value in {"model": model, "provider": provider, "at": at}.items() if value}
    with open_client(data, config) as client:
        answer: dict[str, Any] = client.call("GET", "/api/v1/prices/explain", wanted)
    if not (answer["known"] or answer.get("paid")):
        if as_json:
            print_json(answer)
        steps = (f"tally prices set {provider or 'PROVIDER'} {model} --input … --output …", "tally prices list PART")
        raise NotFound(answer.get("why") or f"{model} is not in the price book", next_steps=steps)
    if not as_json:
        typer.echo(answer.get("why") or f"{model} is not in the price book")
    show_cards(answer, answer.get("cards", []), chosen_form(as_json=as_json, as_csv=False))
    if not as_json:
        show_contracts(answer)


def show_contracts(answer: dict[str, Any]) -> None:
    """The contracts that cover the model, and what is paid under the one that holds beside the list price."""
    for one in answer.get("contracts", []):
        typer.echo(_sentence(one))
    rows = [
        [one["service_tier"], str(one["above_input_tokens"] or ""), one["meter"], one["list"] or "none", one["paid"],
         f"{one['per']:,} {one['unit']}", one["list_source"], one["source"]]
        for one in answer.get("paid", [])
    ]  # fmt: skip
    if rows:
        columns = ["tier", "above", "meter", "list", "paid", "per", "list from", "paid by"]
        print_rows(columns, rows, form=Form.TEXT, numeric=frozenset({"above", "list", "paid"}))


def _sentence(one: dict[str, Any]) -> str:
    """One contract: what it gives, from when to when, how far its volume has come, and whether it holds."""
    until = f"until {one['to'][:10]}" if one["to"] else "until further notice"
    since = f"from {one['from'][:10]}" if one["from"] else "always"
    gives = [f"{one['discount_percent']} % off"] if one["discount_percent"] != "0" else []
    gives += [f"{one['fixed_prices']} fixed price(s)"] if one["fixed_prices"] else []
    text = f"contract {one['name']} ({one['state']}): {', '.join(gives) or 'by volume'}, {since} {until}"
    volume = one["volume"]
    if volume is None:
        return text
    unit = "of list price" if volume["of"] == "spend" else "tokens"
    step = next((step for step in reversed(volume["steps"]) if step["reached"]), None)
    reached = f"above {step['above']}" if step else "below its first step"
    return (
        f"{text}; this month's volume is {volume['reached']} {unit}, {reached}: {volume['discount_percent']} % off "
        "when the month is re-rated"
    )


def _condition(card: dict[str, Any]) -> str:
    """Under what a card holds: tier, place, days and hours."""
    days, hours = card.get("days") or [], card.get("hours") or []
    parts = [card.get("service_tier") or "", card.get("region") or "", " ".join(day[:3] for day in days)]
    return ", ".join(part for part in (*parts, "-".join(hours)) if part)


def show_cards(answer: dict[str, Any], cards: list[dict[str, Any]], form: Form) -> None:
    """Cards as rows, one for each unit price; the whole answer where JSON is asked for."""
    if form is Form.JSON:
        print_json(answer)
        return
    rows = [
        [card["provider"], card["model"], _condition(card), card.get("valid_from") or "always",
         str(tier.get("above_input_tokens") or ""), meter, price["price"], f"{price['per']:,} {price['unit']}",
         card.get("source") or ""]
        for card in cards for tier in card["tiers"] for meter, price in tier["prices"].items()
    ]  # fmt: skip
    if not rows:
        note("No price matches: tally prices set PROVIDER MODEL --input … --output … gives it one")
        return
    columns = ["provider", "model", "tier", "from", "above", "meter", "price", "per", "source"]
    print_rows(columns, rows, form=form, numeric=frozenset({"price", "above"}))
