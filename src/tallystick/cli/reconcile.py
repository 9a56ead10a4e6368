"""`tally reconcile`: does the ledger match the bills, and where not, why."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tallystick.charts.format import symbol
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

_BREACHED = 3
_INCOMPLETE = 4
_NUMERIC = frozenset({"metered", "reported", "invoiced", "difference", "%", "amount", "claims"})
_LINE = frozenset({"amount", "line"})


def reconcile(
    period: Annotated[str, typer.Argument(help="A month such as 2026-10, all without; or `explain`.")] = "",
    claim: Annotated[str, typer.Argument(help="With `explain`: the claim.")] = "",
    account: Annotated[str, typer.Option(help="Only this provider account.")] = "",
    currency: Annotated[str, typer.Option(help="Only bills in this currency: EUR.")] = "",
    fail_above: Annotated[
        str, typer.Option(help="Exit with 3 when a month differs by more than this share of what was metered: 1%.")
    ] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """Hold the bills against the ledger and print each month with the classes of its difference.

    `tally reconcile explain CLAIM` shows what a claim stands on: the lines of the source, with their page and place.

    Exit code 3 when a month differs by more than --fail-above, 4 when nothing is there of what was asked for.
    """
    if period == "explain":
        explain_claim(claim, data, config, as_json=as_json)
        return
    if claim:
        raise UsageError(f'"{claim}" is one word too many', next_steps=("tally reconcile explain CLAIM",))
    most = _share(fail_above)
    body = {"period": period, "account": account, "currency": currency}
    note("reconciling; the first time takes about a second for a month of an account", quiet=quiet)
    with open_client(data, config) as client:
        answer = client.call("POST", "/api/v1/reconciliations", json=body)
    runs = answer["reconciliations"]
    asked = " ".join(filter(None, (account, period, currency)))
    _print(answer, chosen_form(as_json=as_json, as_csv=as_csv), quiet, asked)
    # An instance without a bill is no failure; a month that was asked for and is not there must not pass for one in order.
    if not runs and (asked or most is not None):
        raise typer.Exit(_INCOMPLETE)
    over = [one for one in runs if most is not None and _differs(one) > most]
    for one in over:
        note(f"{one['period']} {one['account']} differs by {_differs(one):.2%}, more than {fail_above}")
    if over:
        raise typer.Exit(_BREACHED)


def explain_claim(claim: str, data: Any, config: Any, *, as_json: bool) -> None:
    """Print what a claim stands on.

    Raises:
        UsageError: No claim is named.
    """
    if not claim or "/" in claim:
        raise UsageError("which claim?", next_steps=("tally reconcile explain CLAIM", "`tally ledger` names claims"))
    with open_client(data, config) as client:
        answer = client.call("GET", f"/api/v1/claims/{quote(claim, safe='')}")
    if as_json:
        print_json(answer)
        return
    first, currency = answer["steps"][0], answer["currency"]
    what = first["model"] or first["service_name"] or first["charge_category"]
    typer.echo(f"{what} {first['meter']}  {first['charge_period_start'][:10]}  {answer['account']}".rstrip())
    for title, name in (("metered", "metered_cost"), ("reported", "reported_cost"), ("invoiced", "invoiced_cost")):
        known = [Decimal(one[name]) for one in answer["steps"] if one[name] is not None]
        if known:
            typer.echo(f"  {title:9} {_money(str(sum(known)), currency)}")
    change = sum(Decimal(one["amount"]) for one in answer["steps"])
    typer.echo(f"  {'change':9} {_money(str(change), currency, sign=True)}")
    for one in answer["classes"]:
        typer.echo(f"  {one['class']}: {_money(one['amount'], currency, sign=True)}, {one['why']}")
    columns = ["source", "dataset", "load", "page", "line", "amount", "sub account", "key", "description"]
    rows = [_line(one, currency) for one in answer["lines"]]
    if rows:
        typer.echo("")
        print_rows(columns, rows, form=Form.TEXT, numeric=_LINE)
    elif answer["copies"]:
        typer.echo("")
        pairs = [[one["event_id"], one["source"], _money(one["effective_cost"], currency), one["counted_as"], one["counted_source"]]
                 for one in answer["copies"]]  # fmt: skip
        print_rows(["does not count", "of", "metered at", "counts", "of"], pairs, form=Form.TEXT, numeric=_LINE)
    else:
        note("no line of a bill speaks of it")


def _line(one: dict[str, Any], currency: str) -> list[str]:
    amount = one["effective_cost"] if one["effective_cost"] is not None else one["billed_cost"]
    where = [one["source"], one["dataset"], one["load_id"] or "", one["page_id"] or one["file"], str(one["line_no"])]
    return [*where, _money(amount, currency), one["sub_account_id"], one["credential_id"], one["description"]]


def _print(answer: dict[str, Any], form: Form, quiet: bool, asked: str) -> None:
    runs = answer["reconciliations"]
    if form is Form.JSON:
        print_json(answer)
        return
    if not runs:
        told = answer["nothing"]
        lead = f"Nothing to reconcile{f' for {asked}' if asked else ''}: {told['why']}."
        note("\n".join([lead, *(f"  next:  {step}" for step in told["next_steps"])]), quiet=quiet)
        return
    exact = form is Form.CSV
    columns = ["month", "account", "metered", "reported", "invoiced", "difference", "%", "grade", "why"]
    columns += ["currency"] if exact else []
    print_rows(columns, [_row(one, exact=exact) for one in runs], form=form, numeric=_NUMERIC)
    if form is Form.TEXT and len(runs) <= 12:
        _print_classes(runs)


def _print_classes(runs: list[dict[str, Any]]) -> None:
    rows = [
        [
            one["period"],
            one["account"],
            part["title"],
            _money(part["amount"], one["currency"], sign=True),
            f"{part['claims']:,}",
        ]
        for one in runs
        for part in one["classes"]
    ]
    if rows:
        typer.echo("")
        print_rows(["month", "account", "class", "amount", "claims"], rows, form=Form.TEXT, numeric=_NUMERIC)


def _row(one: dict[str, Any], *, exact: bool) -> list[str]:
    amounts = [one[name] for name in ("metered", "reported", "invoiced")]
    written = [amount or "" for amount in amounts] if exact else [_money(amount, one["currency"]) for amount in amounts]
    apart = one["difference"] if exact else _money(one["difference"], one["currency"], sign=True)
    told = [one["period"], one["account"], *written, apart, f"{_differs(one):.2%}", one["grade"], one["grade_why"]]
    return [*told, one["currency"]] if exact else told


def _differs(one: dict[str, Any]) -> Decimal:
    """The share of what was metered by which a month differs; all of it where nothing was metered."""
    apart, metered = abs(Decimal(one["difference"])), Decimal(one["metered"])
    return apart / metered if metered else Decimal(bool(apart))


def _share(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        share = Decimal(text.strip().removesuffix("%"))
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or share < 0:
        raise UsageError(f'"{text[:20]}" is no share', where="--fail-above", next_steps=("write 1% or 0.5%",))
    return share / 100


def _money(text: str | None, currency: str, *, sign: bool = False) -> str:
    """Two places; a dash for what nobody knows, more places below a cent."""
    if text is None:
        return "-"
    amount = Decimal(text)
    mark = "-" if amount < 0 else "+" if sign and amount else ""
    size = abs(amount)
    places = 2 if size >= Decimal("0.01") or not size else 6
    return f"{mark}{symbol(currency)}{size:,.{places}f}"
