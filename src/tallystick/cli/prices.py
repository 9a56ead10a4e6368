"""`tally prices`: what is in the price book, and why a model costs what it costs."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows

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
    """How a model's name is matched, and its prices over time."""
    wanted = {name: value for name, value in {"model": model, "provider": provider, "at": at}.items() if value}
    with open_client(data, config) as client:
        answer: dict[str, Any] = client.call("GET", "/api/v1/prices/explain", wanted)
    if not as_json:
        typer.echo(answer.get("why") or f"{model} is not in the price book")
    show_cards(answer, answer.get("cards", []), chosen_form(as_json=as_json, as_csv=False))


def show_cards(answer: dict[str, Any], cards: list[dict[str, Any]], form: Form) -> None:
    """Cards as rows, one for each unit price; the whole answer where JSON is asked for."""
    if form is Form.JSON:
        print_json(answer)
        return
    rows = [
        [card["provider"], card["model"], card.get("service_tier") or "", card.get("valid_from") or "always",
         str(tier.get("above_input_tokens") or ""), meter, price["price"], f"{price['per']:,} {price['unit']}",
         card.get("source") or ""]
        for card in cards for tier in card["tiers"] for meter, price in tier["prices"].items()
    ]  # fmt: skip
    if not rows:
        note("No price matches: add one to the override file named in [prices] override")
        return
    columns = ["provider", "model", "tier", "from", "above", "meter", "price", "per", "source"]
    print_rows(columns, rows, form=form, numeric=frozenset({"price", "above"}))
