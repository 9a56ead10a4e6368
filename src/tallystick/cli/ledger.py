"""`tally ledger`: the rows themselves, and where one comes from."""

from typing import Annotated, Any

import typer

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows
from tallystick.cli.reconcile import explain_claim
from tallystick.kernel.errors import UsageError

_NUMERIC = frozenset({"calls", "list", "effective", "billed"})
_COLUMNS = ["time", "kind", "basis", "account", "model", "team", "calls", "list", "effective", "billed", "claim"]


def ledger(
    what: Annotated[str, typer.Argument(help="`show`, or nothing for the list.")] = "",
    claim: Annotated[str, typer.Argument(help="With `show`: the claim of a row.")] = "",
    period: Annotated[str, typer.Option(help="A month such as 2026-10, or mtd, 7d, last-month.")] = "",
    where: Annotated[list[str] | None, typer.Option(help="team=Support, model!=gpt-4o; repeatable.")] = None,
    kind: Annotated[str, typer.Option(help="metered, duplicate, covered, residual, own; a|b for several.")] = "",
    basis: Annotated[str, typer.Option(help="metered, reported, invoiced.")] = "",
    of: Annotated[str, typer.Option("--claim", help="Only the rows of one claim.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows a page.")] = 100,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """Show the rows: metered charges, what bills add to them, and rows of bills that nothing metered answers to.

    `tally ledger show CLAIM` shows the lines of the source that a claim stands on: load, page and line.
    """
    if what == "show":
        explain_claim(claim, data, config, as_json=as_json)
        return
    if what:
        raise UsageError(f'"{what[:40]}" is no word of it', next_steps=("tally ledger show CLAIM", "tally ledger"))
    params: dict[str, str | list[str]] = {
        "range": period, "where": where or [], "kind": kind, "basis": basis, "claim": of, "limit": str(limit),
        "page": str(page),
    }  # fmt: skip
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/ledger", {name: value for name, value in params.items() if value})
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    if form is Form.JSON:
        print_json(answer)
        return
    if not answer["rows"]:
        note("No rows in this period.\n  next:  tally ledger --period 12m", quiet=quiet)
        return
    print_rows(_COLUMNS, [_row(one) for one in answer["rows"]], form=form, numeric=_NUMERIC)
    sums = ", ".join(f"{name.removesuffix('_cost')} {value}" for name, value in answer["sums"].items() if value)
    last = -(-answer["count"] // limit)
    more = f"; page {page} of {last}: --page {page + 1}" if page < last else ""
    note(f"{answer['count']:,} rows, {answer['currency']}: {sums}{more}", quiet=quiet)


def _row(one: dict[str, Any]) -> list[str]:
    name = one["model"] or one["service_name"] or one["charge_category"]
    calls = "" if one["calls"] is None else str(one["calls"])
    costs = [one[column] or "" for column in ("list_cost", "effective_cost", "billed_cost")]
    at = one["charge_period_start"][:16].replace("T", " ")
    return [at, one["kind"], one["basis"], one["provider_account"], name, one["team"], calls, *costs, one["claim"]]
