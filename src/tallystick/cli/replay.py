"""`tally replay`: past calls against proposed budgets and rules, before they hold for anybody."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick.cli.budget_text import money_text
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.cli.progress import progress
from tallystick.kernel.errors import DataError, UsageError

_LENGTH = re.compile(r"(\d{1,4})([dw])")
_COLUMNS = ["what", "group", "would have been", "first", "calls", "saved"]
_NUMERIC = frozenset({"calls", "saved"})


def replay(
    since: Annotated[str, typer.Option(help="How far back: 30d, 8w.")] = "30d",
    budget: Annotated[
        list[Path] | None,
        typer.Option(help="TOML or JSON with budgets as `tally budgets show --json` has them. Repeatable."),
    ] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="TOML or JSON with routing rules. Repeatable.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """Who would have been stopped, when, and what it would have saved. Without a file: the budgets in force."""
    body = {
        "days": _days(since),
        "budgets": [one for path in budget or [] for one in read_entries(path, "budgets")],
        "rules": [one for path in rules or [] for one in read_entries(path, "rules")],
    }
    answer: dict[str, Any] = {}
    with open_client(data, config) as client, progress("replay", "calls", quiet=quiet or as_json) as report:
        for line in client.stream("POST", "/api/v1/replay", json=body):
            if "progress" in line:
                report(line["progress"]["done"], line["progress"]["total"])
            else:
                answer = line["result"]
    if as_json:
        print_json(answer)
        return
    _print(answer, as_csv=as_csv, quiet=quiet)


def read_entries(path: Path, kind: str) -> list[dict[str, Any]]:
    """The entries of a file: a list of them, one of them, or a table that holds the list under its kind.

    Raises:
        UsageError: There is no such file.
        DataError: It holds neither TOML nor JSON, or no such entries.
    """
    try:
        text = path.expanduser().read_text()
    except OSError as error:
        raise UsageError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError("the file is not text", where=str(path)) from None
    try:
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise DataError(f"the file cannot be read: {error}", where=str(path)) from None
    if isinstance(found, dict):
        found = found.get(kind, [found])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError(f"the file holds no {kind}", where=str(path), next_steps=[f"[[{kind}]]\nname = …"])
    shown = {"default", "changed_at", "counters", "groups", "counted", "review_due", "review", "untracked"}
    return [{name: value for name, value in one.items() if name not in shown} for one in found]


def _days(since: str) -> int:
    found = _LENGTH.fullmatch(since.strip().lower())
    if not found or int(found[1]) < 1:
        raise UsageError(f'"{since}" is no length of time', next_steps=["--since 30d", "--since 8w"])
    return int(found[1]) * (7 if found[2] == "w" else 1)


def _print(answer: dict[str, Any], *, as_csv: bool, quiet: bool) -> None:
    rows = [
        [
            one["budget"],
            " ".join(f"{name}={value}" for name, value in one["group"].items()) or "all",
            one["verdict"],
            one["first"],
            str(one["calls"]),
            money_text("usd", one["saved"]),
        ]
        for one in answer["budgets"]
    ]
    rows += [
        [one["rule"], "", one["effect"], one["first"], str(one["calls"]), money_text("usd", one["saved"])]
        for one in answer["rules"]
    ]
    if not answer["calls"]:
        note("No calls were recorded in this time.\n  next:  tally replay --since 90d", quiet=quiet)
    elif not rows:
        note("None of these calls would have been stopped or changed.", quiet=quiet)
    if rows:
        print_rows(_COLUMNS, rows, form=chosen_form(as_json=False, as_csv=as_csv), numeric=_NUMERIC)
    note(
        f"{answer['calls']:,} calls since {answer['from']}, {answer['covered']:,} covered; "
        f"{answer['stopped_calls']:,} would have been stopped or changed by budgets; "
        f"{money_text('usd', answer['saved'])} would not have been spent",
        quiet=quiet,
    )
    for name in answer["left_out"]:
        note(
            f'"{name}" is left out: it counts by what a request looks like, which the ledger does not know', quiet=quiet
        )
    for text in answer["notes"]:
        note(text, quiet=quiet)
