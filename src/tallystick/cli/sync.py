"""`tally sync`: read what is due of the sources of bills, now."""

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tallystick.cli.client import ApiClient
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import note, print_json
from tallystick.cli.progress import progress
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import day_start

_INCOMPLETE = 4
_ERRORS_SHOWN = 5


def sync(
    source: Annotated[str, typer.Argument(help="Its name; all of them where it is left out.")] = "",
    since: Annotated[str, typer.Option(help="Read again everything from this day on: 2026-10-01.")] = "",
    stream: Annotated[list[str] | None, typer.Option(help="Of these streams alone. Repeatable.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read what is due, also what had stopped or waits; syncing again changes nothing. Exit code 4: something failed."""
    body = {"since_us": _since(since), "streams": stream or []}
    with open_client(data, config) as client:
        names = [source] if source else [one["name"] for one in client.call("GET", "/api/v1/sources")["set_up"]]
        if not names:
            note("No sources yet.\n  next:  tally sources kinds", quiet=quiet)
        done = [_sync(client, name, body, quiet=quiet) for name in names]
    if as_json:
        print_json({"sources": done})
    else:
        for one in done:
            _print(one, quiet=quiet)
    if any(one["error"] or one["failed"] or one["rejected"] for one in done):
        raise typer.Exit(_INCOMPLETE)


def _since(text: str) -> int | None:
    if not text:
        return None
    try:
        return day_start(date.fromisoformat(text))
    except ValueError:
        raise UsageError(f'"{text}" is no day', next_steps=["--since 2026-10-01"]) from None


def _sync(client: ApiClient, name: str, body: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    with progress(name, "slices", quiet=quiet) as report:
        for line in client.stream("POST", f"/api/v1/sources/{quote(name, safe='')}/sync", json=body):
            if "progress" in line:
                report(line["progress"]["done"], line["progress"]["due"])
            else:
                summary = line["summary"]
    return summary


def failures(windows: list[dict[str, Any]]) -> list[str]:
    """What failed and why; the same reason is said once."""
    found: dict[str, list[str]] = {}
    for part in windows:
        if part["error"]:
            found.setdefault(part["error"], []).append(f"{part['stream']} {part['from'][:10]}")
    return [
        f"{places[0]}{f' and {len(places) - 1:,} more' if places[1:] else ''}: {why}" for why, places in found.items()
    ]


def _print(one: dict[str, Any], *, quiet: bool) -> None:
    counts = [f"{one['read']:,} of {one['due']:,} slices read", f"{one['changed']:,} changed", f"{one['rows']:,} lines"]
    counts += [f"{one['rejected']:,} rejected"] if one["rejected"] else []
    typer.echo(f"{one['source']}: {', '.join(counts)}")
    problems = [one["error"]] if one["error"] else []
    problems += failures(one["windows"])
    problems += [
        f"{slice_['slice']}: {slice_['rejected']:,} lines kept in {slice_['rejected_file']}"
        for part in one["windows"]
        for slice_ in part["slices"]
        if slice_["rejected"]
    ]
    for words in problems[:_ERRORS_SHOWN]:
        note(f"  {words}", quiet=quiet)
    if len(problems) > _ERRORS_SHOWN:
        note(f"  and {len(problems) - _ERRORS_SHOWN:,} more", quiet=quiet)
    if one["left"] and (one["failed"] or one["error"]):
        note(f"  {one['left']:,} slices are left for later: tally sources show {one['source']}", quiet=quiet)
