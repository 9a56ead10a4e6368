"""`tally keys`: keys that callers of the gateway present."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

app = typer.Typer(help="Keys that callers of the gateway present.", no_args_is_help=True)


def _locks(name: str) -> Any:
    return typer.Option(f"--{name}", help=f"Lock the {name.replace('-', ' ')}; no header changes it.")


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What it is for; for people.")] = "",
    team: Annotated[str, _locks("team")] = "",
    product: Annotated[str, _locks("product")] = "",
    feature: Annotated[str, _locks("feature")] = "",
    environment: Annotated[str, _locks("environment")] = "",
    project: Annotated[str, _locks("project")] = "",
    customer: Annotated[str, _locks("customer")] = "",
    user: Annotated[str, _locks("user")] = "",
    agent: Annotated[str, _locks("agent")] = "",
    cost_center: Annotated[str, _locks("cost-center")] = "",
    lock: Annotated[
        list[str] | None, typer.Option(help="Lock any other dimension: department=Growth. Repeatable.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option(help="A value that a header may override: team=Search. Repeatable.")
    ] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once and kept only as a hash."""
    named = {
        "team": team,
        "product": product,
        "feature": feature,
        "environment": environment,
        "project": project,
        "customer": customer,
        "user": user,
        "agent": agent,
        "cost_center": cost_center,
    }
    locked = {word: value for word, value in named.items() if value}
    for word, value in pairs("--lock", lock or []).items():
        if locked.setdefault(word.replace("-", "_"), value) != value:
            raise UsageError(f'"{word}" is locked to two values', next_steps=["keep one of the two"])
    body = {"name": name, "locked": locked, "defaults": pairs("--default", default or [])}
    with open_client(data, config) as client:
        answer = client.call("POST", "/api/v1/keys", json=body)
    if as_json:
        print_json({"key": answer["key"], "id": answer["id"]})
        return
    typer.echo(answer["key"])
    note(f"id {answer['id']}; it holds from the next call on. Nothing can show the key again: keep it now.")


@app.command("list")
def list_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show keys, revoked ones too."""
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/keys")
    if as_json:
        print_json(answer)
        return
    rows = [
        [
            key["id"],
            key["name"],
            "…" + key["hint"],
            _words(key["locked"]),
            _words(key["defaults"]),
            key["created_at"],
            key["revoked_at"] or "",
        ]
        for key in answer["keys"]
    ]
    if not rows:
        note("No keys yet: tally keys create --team TEAM --feature FEATURE")
    print_rows(
        ["id", "name", "ends in", "locked", "defaults", "created", "revoked"],
        rows,
        form=chosen_form(as_json=False, as_csv=as_csv),
    )


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, as `tally keys list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key; it fails from the next call on."""
    confirm(f"Revoke {key_id}? Callers that still use it fail at once.", yes=yes)
    with open_client(data, config) as client:
        answer = client.call("DELETE", f"/api/v1/keys/{path_part(key_id)}")
    if as_json:
        print_json(answer)
        return
    note(f"{answer['id']} is revoked since {answer['revoked_at']}")


def pairs(option: str, words: list[str], such: str = "team=Search", *, secret: bool = False) -> dict[str, str]:
    """``team=Search`` words as a mapping.

    Args:
        option: For messages.
        words: As given.
        such: An example, for messages.
        secret: A word that is none may be a secret, given where its place was asked for: it is not repeated.

    Raises:
        UsageError: A word without ``=``, or one name twice.
    """
    chosen: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            shown = "" if secret else f' "{word}"'
            raise UsageError(f"{option}{shown} is not NAME=VALUE", next_steps=[f"{option} {such}"])
        if name in chosen:
            raise UsageError(f'{option} names "{name}" twice')
        chosen[name] = value
    return chosen


def path_part(identifier: str) -> str:
    """An id as one part of a path.

    Raises:
        UsageError: It could mean another path.
    """
    if not identifier.replace("_", "").isalnum() or not identifier.isascii():
        raise UsageError(f'"{identifier}" is no id')
    return identifier


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal. A script means what it says: revoking takes access away and loses no data."""
    if not yes and typer.get_text_stream("stdin").isatty():
        typer.confirm(question, abort=True)


def _words(dimensions: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in dimensions.items())
