"""`tally import`: files of usage into the ledger."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick.cli.import_text import import_lines
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import note, print_json
from tallystick.cli.progress import Report, progress

_INCOMPLETE = 4
_LINES_SHOWN = 10


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, JSON, JSON lines or Parquet; gzip, zstd or ZIP is fine.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="field=column[:unit[+start]],…  such as time=timestamp:ms+2026-11-01."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="field=value,…  for what the file lacks: provider=openai.")
    ] = None,
    source: Annotated[str, typer.Option(help="Name of the source; files of one source never count twice.")] = "",
    account: Annotated[
        str, typer.Option(help="Our name of the provider account a bill is of; else told from its rows.")
    ] = "",
    add: Annotated[
        bool, typer.Option("--add", help="Put a bill beside what is there of its account and month, not in its place.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Land nothing when any row is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would land; land nothing.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Import usage or bills from files; importing a file again changes nothing.

    Bills are FOCUS 1.0 to 1.4 of any generator, AWS CUR, Azure usage details, Google Cloud's billing export and Oracle's
    cost report, told by their columns; a bill replaces what was imported before of its account and month. Exit code 4:
    some rows were kept aside.
    """
    body = {
        "paths": [str(path.expanduser().absolute()) for path in files],
        "map": map_ or [],
        "set": set_ or [],
        "source": source,
        "strict": strict,
        "dry_run": dry_run,
        "account": account,
        "beside": add,
    }
    summary: dict[str, Any] = {}
    with open_client(data, config) as client, progress("import", "rows", quiet=quiet) as report:
        for line in client.stream("POST", "/api/v1/import", json=body):
            if "progress" in line:
                _report(line["progress"], report)
            else:
                summary = line["summary"]
    if as_json:
        print_json(summary)
    else:
        _print(summary, dry_run=dry_run, quiet=quiet)
    if summary.get("rejected"):
        raise typer.Exit(_INCOMPLETE)


def _report(done: dict[str, Any], report: Report) -> None:
    """Rows in all are worked out from the bytes read so far."""
    part = done["bytes_done"] / max(1, done["bytes_total"])
    report(done["rows"], round(done["rows"] / part) if part else 0)


def _print(summary: dict[str, Any], *, dry_run: bool, quiet: bool) -> None:
    for one in summary["files"]:
        for text in _lines(one, landed=summary["landed"], dry_run=dry_run):
            typer.echo(text)
    for text in import_lines(summary, dry_run=dry_run):
        typer.echo(text)
    problems = summary["problems"]
    for problem in problems[:_LINES_SHOWN]:
        note(f"{problem['file']}:{problem['line']}: {problem['reason']}", quiet=quiet)
    hidden = summary["rejected"] - min(len(problems), _LINES_SHOWN)
    if hidden:
        note(f"and {hidden:,} more", quiet=quiet)


def _lines(one: dict[str, Any], *, landed: bool, dry_run: bool) -> list[str]:
    verb = "imported" if landed else "would import" if dry_run else "not imported, for --strict found bad rows:"
    cost = "no price known" if one["cost"] is None else f"${one['cost']}"
    counts = [f"{verb} {one['new']:,} rows"]
    counts += [f"{one['duplicates']:,} duplicates skipped"] if one["duplicates"] else []
    counts += [f"{one['corrections']:,} restated"] if one["corrections"] else []
    counts += [f"{one['unpriced']:,} without a price"] if one["unpriced"] else []
    counts += [f"{one['rejected']:,} rejected"] if one["rejected"] else []
    found = [
        Path(one["file"]).name,
        f"  {one['shape']} ({one['format']}), source {one['source']}",
        *(f"  {text}" for text in one["notes"]),
        f"  {one['rows']:,} rows, {one['input_tokens']:,} input and {one['output_tokens']:,} output tokens, {cost}",
    ]
    found += [f"  from {one['from']} to {one['to']}"] if one["from"] else []
    found += [f"  {', '.join(counts)}"]
    found += [f"  rejected rows are in {one['rejected_file']}"] if one["rejected_file"] else []
    return found
