"""`tally costs`: the one question, in a terminal."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer

from tallystick.charts.format import symbol
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import Form, chosen_form, note, print_json, print_rows

_MOST_SOURCES = 8
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
    currency: Annotated[str, typer.Option(help="Only amounts in this currency: USD (default), EUR …")] = "",
    convert: Annotated[
        str, typer.Option(help="Amounts of every currency in this one, each day's at that day's rate: EUR.")
    ] = "",
    via: Annotated[str, typer.Option(help="With --convert: cross two rates through this currency where needed.")] = "",
    grain: Annotated[str, typer.Option(help="hour, day, week or month: adds a series (JSON).")] = "",
    limit: Annotated[int, typer.Option(help="Largest number of groups; the rest is summed as others.")] = 0,
    link: Annotated[bool, typer.Option("--link", help="Print the page with the same figures.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """What was spent, on what, compared with when.

    `tally costs --by team --convert EUR` takes its rates from `tally currency`; what has none stays in rows of its own.
    """
    params: dict[str, str | list[str]] = {
        "by": by, "range": range_, "from": from_, "to": to, "cmp": cmp, "measure": measure, "basis": basis,
        "scope": scope, "currency": currency, "convert": convert, "via": via, "grain": grain, "limit": str(limit or ""), "where": where or [],
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
    apart = answer["unconverted"]
    told = ["currency"] if answer.get("convert") else []
    columns = [*dimensions, *told, "cost", *compared, "share", "calls", "input", "cache read", "output"]
    rows = []
    for one in (answer, *apart):
        sheet = _Sheet(dimensions, one["currency"], Decimal(one["total"] or 0), form, bool(compared), bool(told))
        # Shares are of what is in the answer's own currency; what has no rate is no part of it.
        rows += sheet.rows(one, with_share=one is answer)
    if not rows or not any(row.get("calls") or row.get("value") for one in (answer, *apart) for row in one["rows"]):
        note(
            "Nothing recorded in this period.\n"
            "  next:  tally demo              look around with a made-up company\n"
            "  next:  tally import FILE…      bring usage you already have\n"
            "  next:  tally up                meter calls from now on",
            quiet=quiet,
        )
        _print_others(answer, quiet)
        if form is Form.TEXT:
            return
    print_rows(columns, rows, form=form, numeric=_NUMERIC)
    _print_notes(answer, quiet)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How the rows of one currency are written.

    Attributes:
        told: Whether rows name their currency.
    """

    dimensions: list[str]
    currency: str
    total: Decimal
    form: Form
    compared: bool
    told: bool

    def rows(self, answer: dict[str, Any], *, with_share: bool) -> list[list[str]]:
        """Groups, then the others."""
        others = answer.get("others")
        summed = []
        if others and self.dimensions:
            summed = [{**others, "group": {self.dimensions[0]: f"{others.get('groups', '')} others"}}]
        return [self._cells(row, with_share) for row in (*answer["rows"], *summed)]

    def _cells(self, row: dict[str, Any], with_share: bool) -> list[str]:
        value, before, blank = row.get("value"), row.get("previous"), "" if self.form is Form.CSV else "(unknown)"
        names = [str(row["group"].get(name) or blank) for name in self.dimensions]
        if self.form is Form.CSV:
            money = [value or "", before or "", row.get("change") or ""]
        else:
            change = amount_text(row.get("change"), self.currency, sign=True)
            money = [amount_text(value, self.currency), amount_text(before, self.currency), change]
        money = money if self.compared else money[:1]
        share = f"{Decimal(value) / self.total:.1%}" if with_share and value is not None and self.total else ""
        tokens = [row.get(name) for name in ("calls", "input_tokens", "cache_read_input_tokens", "output_tokens")]
        counts = [str(count) if self.form is Form.CSV else f"{count:,}" for count in (one or 0 for one in tokens)]
        return [*names, *([self.currency] if self.told else []), *money, share, *counts]


def amount_text(text: str | None, currency: str, *, sign: bool = False) -> str:
    """Two places, more for amounts below a cent, "unknown" for what nobody knows."""
    if text is None:
        return "" if sign else "unknown"
    amount = Decimal(text)
    mark = "-" if amount < 0 else "+" if sign and amount else ""
    size = abs(amount)
    digits = f"{size:,.2f}" if size >= Decimal("0.01") or not size else f"{size:.6f}"
    return f"{mark}{symbol(currency)}{digits}"


def quality_text(quality: dict[str, Any] | None, currency: str = "USD") -> str:
    """What the money rests on, in one line: ``grade B: 82.0% invoiced or reported ($90.00 metered, …)``."""
    if not quality:
        return ""
    parts = [
        f"{amount_text(amount, currency)} {basis}" for basis, amount in quality["by_basis"].items() if Decimal(amount)
    ]
    return f"grade {quality['grade']}: {quality['why']}" + (f" ({', '.join(parts)})" if parts else "")


def fresh_text(freshness: dict[str, Any]) -> str:
    """How far each source has come: ``calls until 2026-11-24 03:50; bills: cur until 2026-11-23, …``."""
    last = freshness["last_event_at"]
    said = [f"calls until {last[:10]} {last[11:16]} UTC"] if last else []
    bills = [one for one in freshness["sources"] if one["kind"] == "bills"]
    named = [f"{one['source']} until {one['last_at'][:10]}" for one in bills if one["last_at"]]
    if named:
        more = f" and {len(named) - _MOST_SOURCES} more" if len(named) > _MOST_SOURCES else ""
        said.append(f"bills: {', '.join(named[:_MOST_SOURCES])}{more}")
    return "; ".join(said)


def _print_notes(answer: dict[str, Any], quiet: bool) -> None:
    compared = f", {answer['compared']}" if answer.get("compared") else ""
    note(
        f"{answer['measure']} cost, {answer['currency']}, {answer['from']} to {answer['to']} ({answer['zone']}){compared}; "
        f"total {amount_text(answer['total'], answer['currency'])}",
        quiet=quiet,
    )
    if quality := quality_text(answer.get("quality"), answer["currency"]):
        note(quality, quiet=quiet)
    if fresh := fresh_text(answer["freshness"]):
        note(fresh, quiet=quiet)
    unpriced = answer["unpriced"]
    if unpriced["calls"]:
        note(
            f"{unpriced['calls']:,} calls with {unpriced['tokens']:,} tokens have no price: tally prices explain MODEL",
            quiet=quiet,
        )
    for text in (answer.get("convert") or {}).get("notes", ()):
        note(text, quiet=quiet)
    for one in answer["unconverted"]:
        source, target = one["currency"], answer["currency"]
        note(f"  next:  tally currency set {source} {target} RATE --from {one['first']}", quiet=quiet)
        if not answer["convert"]["via"] and "EUR" not in {source, target}:
            note("  next:  --via EUR          where both have a rate with the euro", quiet=quiet)
    _print_others(answer, quiet)


def _print_others(answer: dict[str, Any], quiet: bool) -> None:
    """Amounts in other currencies are in no sum of this one; they are not kept quiet about."""
    others = answer.get("other_currencies") or []
    if others:
        named = " and ".join(others)
        note(
            f"there are rows in {named} too, in no sum here: --currency {others[0]}, or --convert {answer['currency']}",
            quiet=quiet,
        )
