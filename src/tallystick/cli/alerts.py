"""`tally alerts`: what was said, whether it arrived, and a test of every channel."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows

app = typer.Typer(help="Alerts: what was said, whether it arrived, and a test of every channel.", no_args_is_help=True)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The latest so many.")] = 100,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the latest alerts and what became of them in each channel."""
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/alerts", params={"limit": str(limit)})
    if as_json:
        print_json(answer)
        return
    if not answer["alerts"]:
        note("No alerts yet.")
    if not answer["channels"]:
        note("No channel is configured, so alerts are only listed here: see [notify] in tally.toml.")
    print_rows(
        ["at", "severity", "what", "sent"],
        [[one["created_at"], one["severity"], one["title"], _sent(one["deliveries"])] for one in answer["alerts"]],
        form=chosen_form(as_json=False, as_csv=as_csv),
    )


@app.command("test")
def try_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Send a test through every channel and say what became of it; exit code 1 when one did not take it."""
    with open_client(data, config) as client:
        answer = client.call("POST", "/api/v1/alerts/test")
    if as_json:
        print_json(answer)
    else:
        for one in answer["results"]:
            typer.echo(f"{one['channel']}: {'delivered' if one['delivered'] else 'not delivered: ' + one['error']}")
    if not all(one["delivered"] for one in answer["results"]):
        raise typer.Exit(1)


def _sent(deliveries: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['channel']} {_state(one)}" for one in deliveries) or "to nobody"


def _state(delivery: dict[str, Any]) -> str:
    if delivery["delivered_at"]:
        return "yes"
    if delivery["given_up_at"]:
        return f"given up ({delivery['last_error']})"
    return f"waiting ({delivery['last_error']})" if delivery["attempts"] else "waiting"
