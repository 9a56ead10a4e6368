"""`tally costs`: the one question, in a terminal."""

from decimal import Decimal
from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows

_NUMERIC = frozenset({"cost", "before", "change", "share", "calls", "input", "cache read", "output"})


def costs(
    by: Annotated[str, typer.Option(help="Dimensions, comma-separated: team,model or tag.squad.")] = "",
    range_: Annotated[
        str, typer.Option("--range", help="mtd, 7d, 30d, 90d, today, yesterday, last-month, ytd, 12m.")
    ] = "",
    from_: Annotated[str, typer.Option("--from", help="First day in, YYYY-MM-DD.")] = "",
    to: Annotated[str, typer.Option("--to", help="First day out, YYYY-MM-DD.")] = "",
    where: Annotated[
        list[str] | None, typer.Option(help="team=Support, model!=gpt-4o, feature~=chat; repeatable.")
    ] = None,
    cmp: Annotated[str, typer.Option(help="weekdays, calendar, year or none.")] = "",
    measure: Annotated[str, typer.Option(help="effective, list, contracted or billed.")] = "",
    basis: Annotated[
        str, typer.Option(help="record (the strongest word on each dollar), metered, reported or invoiced.")
    ] = "",
    scope: Annotated[str, typer.Option(help="ai, all, or cloud: what is billed beside AI.")] = "",
    grain: Annotated[str, typer.Option(help="hour, day, week or month: adds a series (JSON).")] = "",
    limit: Annotated[int, typer.Option(help="Largest number of groups; the rest is summed as others.")] = 0,
    link: Annotated[bool, typer.Option("--link", help="Print the page with the same figures.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """What was spent, on what, compared with when."""
    params: dict[str, str | list[str]] = {
        "by": by, "range": range_, "from": from_, "to": to, "cmp": cmp, "measure": measure, "basis": basis,
        "scope": scope, "grain": grain, "limit": str(limit or ""), "where": where or [],
    }  # fmt: skip
    params = {name: value for name, value in params.items() if value}
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/explore", params)
        base_url = client.base_url
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    if link:
        note(base_url + str(answer.get("link") or "/explore"))
    if form is Form.JSON:
        print_json(answer)
        return
    _print(answer, by, form, quiet)


def _print(answer: dict[str, Any], by: str, form: Form, quiet: bool) -> None:
    dimensions = [name.strip() for name in by.split(",") if name.strip()]
    compared = ["before", "change"] if answer.get("previous_from") else []
    columns = [*dimensions, "cost", *compared, "share", "calls", "input", "cache read", "output"]
    total = Decimal(answer["total"] or 0)
    rows = [_cells(row, dimensions, total, form, bool(compared)) for row in answer["rows"]]
    others = answer.get("others")
    if others and dimensions:
        summed = {**others, "group": {dimensions[0]: f"{others.get('groups', '')} others"}}
        rows.append(_cells(summed, dimensions, total, form, bool(compared)))
    if not rows or not any(row.get("calls") or row.get("value") for row in answer["rows"]):
        note(
            "Nothing recorded in this period.\n"
            "  next:  tally demo              look around with a made-up company\n"
            "  next:  tally import FILE…      bring usage you already have\n"
            "  next:  tally up                meter calls from now on",
            quiet=quiet,
        )
        if form is Form.TEXT:
            return
    print_rows(columns, rows, form=form, numeric=_NUMERIC)
    _print_notes(answer, quiet)


def _cells(row: dict[str, Any], dimensions: list[str], total: Decimal, form: Form, compared: bool) -> list[str]:
    value, before = row.get("value"), row.get("previous")
    names = [str(row["group"].get(name) or ("" if form is Form.CSV else "(unknown)")) for name in dimensions]
    if form is Form.CSV:
        money = [value or "", before or "", row.get("change") or ""]
    else:
        money = [_dollars(value), _dollars(before), _dollars(row.get("change"), sign=True)]
    money = money if compared else money[:1]
    share = f"{Decimal(value) / total:.1%}" if value is not None and total else ""
    tokens = [row.get(name) for name in ("calls", "input_tokens", "cache_read_input_tokens", "output_tokens")]
    counts = [str(count) if form is Form.CSV else f"{count:,}" for count in (one or 0 for one in tokens)]
    return [*names, *money, share, *counts]


def _dollars(text: str | None, *, sign: bool = False) -> str:
    """Two places, more for amounts below a cent, "unknown" for what nobody knows."""
    if text is None:
        return "" if sign else "unknown"
    amount = Decimal(text)
    mark = "-" if amount < 0 else "+" if sign and amount else ""
    size = abs(amount)
    digits = f"{size:,.2f}" if size >= Decimal("0.01") or not size else f"{size:.6f}"
    return f"{mark}${digits}"


def quality_text(quality: dict[str, Any] | None) -> str:
    """What the money rests on, in one line: ``grade B: 82.0% invoiced or reported ($90.00 metered, …)``."""
    if not quality:
        return ""
    parts = [f"{_dollars(amount)} {basis}" for basis, amount in quality["by_basis"].items() if Decimal(amount)]
    return f"grade {quality['grade']}: {quality['why']}" + (f" ({', '.join(parts)})" if parts else "")


def _print_notes(answer: dict[str, Any], quiet: bool) -> None:
    compared = f", {answer['compared']}" if answer.get("compared") else ""
    note(
        f"{answer['measure']} cost, {answer['currency']}, {answer['from']} to {answer['to']} ({answer['zone']}){compared}; "
        f"total {_dollars(answer['total'])}",
        quiet=quiet,
    )
    if quality := quality_text(answer.get("quality")):
        note(quality, quiet=quiet)
    unpriced = answer["unpriced"]
    if unpriced["calls"]:
        note(
            f"{unpriced['calls']:,} calls with {unpriced['tokens']:,} tokens have no price: tally prices explain MODEL",
            quiet=quiet,
        )
