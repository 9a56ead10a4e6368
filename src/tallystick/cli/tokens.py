"""`tally tokens`: tokens for the API, with a role and a scope."""

from typing import Annotated

import typer

from tallystick.cli.keys import confirm, path_part
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows

app = typer.Typer(help="Tokens for the API, with a role and a scope.", no_args_is_help=True)


@app.command("create")
def create(
    role: Annotated[str, typer.Option(help="viewer, analyst, owner, admin or auditor.")] = "viewer",
    name: Annotated[str, typer.Option(help="Whose it is; for people and the audit log.")] = "",
    team: Annotated[list[str] | None, typer.Option(help="See only this team. Repeatable; without it, all.")] = None,
    expires_days: Annotated[int | None, typer.Option(help="Days it is good for; without it, until revoked.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is printed once and kept only as a hash."""
    body = {"role": role, "name": name, "teams": team or [], "expires_days": expires_days}
    with open_client(data, config) as client:
        answer = client.call("POST", "/api/v1/tokens", json=body)
    if as_json:
        print_json({"token": answer["token"], "id": answer["id"]})
        return
    typer.echo(answer["token"])
    note(f"id {answer['id']}, role {answer['role']}. Nothing can show the token again: keep it now.")


@app.command("list")
def list_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show tokens, revoked and expired ones too."""
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/tokens")
    if as_json:
        print_json(answer)
        return
    rows = [
        [
            token["id"],
            token["name"],
            "…" + token["hint"],
            token["role"],
            ", ".join(token["teams"]) or "all teams",
            token["created_at"],
            token["expires_at"] or "",
            token["revoked_at"] or "",
        ]
        for token in answer["tokens"]
    ]
    if not rows:
        note("No tokens yet: tally tokens create --role viewer")
    print_rows(
        ["id", "name", "ends in", "role", "sees", "created", "expires", "revoked"],
        rows,
        form=chosen_form(as_json=False, as_csv=as_csv),
    )


@app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id, as `tally tokens list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a token at once."""
    confirm(f"Revoke {token_id}?", yes=yes)
    with open_client(data, config) as client:
        answer = client.call("DELETE", f"/api/v1/tokens/{path_part(token_id)}")
    if as_json:
        print_json(answer)
        return
    note(f"{answer['id']} is revoked since {answer['revoked_at']}")
