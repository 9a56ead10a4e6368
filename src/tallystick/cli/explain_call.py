"""`tally explain ID`: why a call went as it went."""

from typing import Annotated

import typer

from tallystick.cli.budget_text import decision_lines
from tallystick.cli.keys import path_part
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data
from tallystick.cli.output import print_json


def explain_call(
    event_id: Annotated[str, typer.Argument(help="The call's id: evt_…, as answers and the list of requests have it.")],
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Why a call was allowed, changed or refused, with every figure the decision was made of."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"/api/v1/requests/{path_part(event_id)}/decision")
    if as_json:
        print_json(answer)
        return
    for line in decision_lines(answer):
        typer.echo(line)
