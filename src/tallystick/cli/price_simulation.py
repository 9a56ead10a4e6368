"""`tally prices simulate`: whom a change of prices would cost what, over usage that really was."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick.charts.format import count, money
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows
from tallystick.cli.price_changes import Since, read_file
from tallystick.cli.prices import app
from tallystick.cli.progress import progress
from tallystick.kernel.errors import UsageError
from tallystick.kernel.money import grains_from_text

Json = dict[str, Any]
_BY = ("team", "feature", "customer", "model")
_FIRST = 10
_NUMBERS = frozenset({"before", "after", "change", "%", "calls"})
_NEXT = "write changes as [[change]] tables with a model and one of percent, tokenizer_percent, per_request, to_service_tier or prices"


@app.command("simulate")
def simulate(
    file: Annotated[Path, typer.Argument(help="TOML or JSON of [[change]] tables.")],
    since: Since = "30d",
    by: Annotated[str, typer.Option(help="All groups of one: team, feature, customer or model.")] = "",
    months: Annotated[bool, typer.Option("--months", help="With --by: each month apart.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """What real usage would cost under other prices: the most exposed teams and features, before and after."""
    if by and by not in _BY:
        raise UsageError(f'--by "{by}" is not one of {", ".join(_BY)}')
    body = {"scenario": read_file(file), "since": since, "progress": True}
    answer: Json = {}
    with open_client(data, config) as client, progress("simulate", "months rated", quiet=quiet or as_json) as report:
        try:
            for line in client.stream("POST", "/api/v1/prices/simulate", json=body):
                if "progress" in line:
                    report(line["progress"]["done"], line["progress"]["total"])
                else:
                    answer = line["result"]
        except UsageError as error:
            raise _placed(error, file) from None
    if as_json:
        print_json(answer)
    elif by or months or as_csv:
        _print_groups(answer, by or "team", months=months, form=chosen_form(as_json=False, as_csv=as_csv))
    else:
        _print_summary(answer)
    if not as_json:
        _print_notes(answer, quiet=quiet)


def _placed(error: UsageError, file: Path) -> UsageError:
    """The error with the file and, where it is about one change, that change's line."""
    found = re.search(r"change (\d+)", error.where)
    if not found:
        return error if error.where == "since" else UsageError(error.what, where=str(file), next_steps=[_NEXT])
    number, text = int(found[1]), file.read_text(encoding="utf-8")
    starts = r"^[ \t]*\[\[\s*change\s*\]\]" if file.suffix != ".json" else r'\{(?=[^{}]*"model")'
    places = [one.start() for one in re.finditer(starts, text, re.MULTILINE)]
    line = f":{text.count(chr(10), 0, places[number - 1]) + 1}" if len(places) >= number else ""
    return UsageError(error.what, where=f"{file}{line}, change {number}", next_steps=error.next_steps or [_NEXT])


def _print_groups(answer: Json, by: str, *, months: bool, form: Form) -> None:
    """Every group of a dimension, exact."""
    rows = [
        [*([one["month"]] if months else []), one["value"] or "(unknown)", one["currency"], one["before"] or "unknown",
         one["after"] or "unknown", one["change"] or "", _percent(one), str(one["calls"])]
        for one in answer["by"][by]["months" if months else "total"]
    ]  # fmt: skip
    columns = [*(["month"] if months else []), by, "currency", "before", "after", "change", "%", "calls"]
    print_rows(columns, rows, form=form, numeric=_NUMBERS)


def _print_summary(answer: Json) -> None:
    """The sum, the most exposed teams and features, and the months."""
    typer.echo(
        f"{answer['name'] or 'The scenario'}, over the usage from {_day(answer['from'])} to {_day(answer['to'])} UTC:"
    )
    for one in answer["total"]:
        text = f"{_amount(one, 'before')} would be {_amount(one, 'after')}, {_amount(one, 'change')}"
        typer.echo(f"{text} ({_percent(one)} %), in {count(one['calls'])} calls" if _percent(one) else text)
    if not answer["total"]:
        typer.echo("no usage in this period")
    for name in ("team", "feature"):
        _print_table(f"most exposed {name}s", name, answer["by"][name]["total"])
    _print_table("by month", "month", answer["months"], key="month")


def _print_table(title: str, name: str, groups: list[Json], key: str = "value") -> None:
    touched = [one for one in groups if key == "month" or one["change"] not in {None, "0"}]
    if not touched:
        return
    shown = touched if key == "month" else touched[:_FIRST]
    rows = [
        [one[key] or "(unknown)", _amount(one, "before"), _amount(one, "after"), _amount(one, "change"), _percent(one),
         count(one["calls"])]
        for one in shown
    ]  # fmt: skip
    typer.echo(f"\n{title}")
    print_rows([name, "before", "after", "change", "%", "calls"], rows, form=Form.TEXT, numeric=_NUMBERS)
    left, same = len(touched) - len(shown), len(groups) - len(touched)
    said = [f"{left} more with --by {name}"] if left else []
    said += [f"{same} would not change"] if same else []
    if said:
        typer.echo(f"  {'; '.join(said)}")


def _print_notes(answer: Json, *, quiet: bool) -> None:
    """What the sums leave out, and what the changes did not meet."""
    for one in answer["not_covered"]:
        more = "no price" if one["tokens_before"] else "no price under this scenario"
        tokens = max(one["tokens_before"], one["tokens_after"])
        note(f"not covered: {count(tokens)} tokens of {one['model'] or '(unknown)'} have {more} and are in none of the sums",
             quiet=quiet)  # fmt: skip
    for number in answer["changes_without_usage"]:
        note(f"change {number} meets no model used in this period: see --by model for their names", quiet=quiet)
    for number in answer["changes_as_if_in_force"]:
        note(f"change {number} begins after this period and is shown as if it had held all through it", quiet=quiet)


def _amount(one: Json, name: str) -> str:
    if one[name] is None:
        return "unknown"
    return money(grains_from_text(one[name]), one["currency"], 2, sign=name == "change").replace("−", "-")


def _percent(one: Json) -> str:
    before = grains_from_text(one["before"] or "0")
    return f"{grains_from_text(one['change']) / before * 100:+.1f}" if before and one["change"] else ""


def _day(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]}"
