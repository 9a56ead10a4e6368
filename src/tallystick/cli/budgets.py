"""`tally budgets`: what may be spent, on what, and what happens then."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from tallystick.cli.budget_text import check_lines, counter_rows, money_text, report_lines
from tallystick.cli.explain_call import explain_call
from tallystick.cli.keys import confirm, pairs
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

app = typer.Typer(help="Budgets: what may be spent, on what, and what happens then.", no_args_is_help=True)

_BREACHED = 3
_NUMERIC = frozenset({"limit", "used", "%", "forecast"})
Name = Annotated[str, typer.Argument(help="Its name, or its id.")]


@app.command("list")
def list_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show all budgets and how their fullest group stands."""
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/budgets")
    if as_json:
        print_json(answer)
        return
    if all(one["default"] for one in answer["budgets"]):
        note(
            "Only the defaults hold; they are set under [budgets] in tally.toml.\n"
            "  next:  tally budgets set --name support --where team=Support --limit 100 --window day --action block"
        )
    columns = ["name", "covers", "window", "limit", "used", "%", "fullest", "forecast", "action", "note"]
    rows = [_row(one) for one in answer["budgets"]]
    print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=as_csv), numeric=_NUMERIC)
    if answer["counters"] != "ok":
        note(f"counters: {answer['counters']}")


@app.command("set")
def set_(
    name: Annotated[str, typer.Option(help="What it is called; setting it again changes it.")],
    where: Annotated[
        list[str] | None,
        typer.Option(help="team=T[,feature=F]; a|b is either, * any value, !v any but that. Repeatable."),
    ] = None,
    group_by: Annotated[str | None, typer.Option(help="A counter for each value: customer or team,user.")] = None,
    limit: Annotated[str | None, typer.Option(help="Dollars, tokens or requests: 100 or 0.10.")] = None,
    unit: Annotated[str | None, typer.Option(help="usd, tokens or requests.")] = None,
    window: Annotated[
        str | None, typer.Option(help="run, conversation, minute, hour, day, week, month, quarter, year or total.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="block, degrade, alert or pause.")] = None,
    degrade_to: Annotated[str | None, typer.Option(help="Model that takes over, for --action degrade.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of the window, such as Europe/Berlin.")] = None,
    rolling: Annotated[
        bool | None, typer.Option("--rolling/--calendar", help="The last hour, day … instead of the calendar's.")
    ] = None,
    window_count: Annotated[int | None, typer.Option(help="How many of them, for --rolling: 10 of minute.")] = None,
    fiscal_start: Annotated[int | None, typer.Option(help="First month of the year, for quarter and year.")] = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="Tell at 80%, pace:120 or forecast:100. Repeatable.")
    ] = None,
    carry_over: Annotated[
        bool | None, typer.Option("--carry-over/--no-carry-over", help="Add what the window before left unused.")
    ] = None,
    fail: Annotated[
        str | None, typer.Option(help="While counters are away: open lets calls pass, closed does not.")
    ] = None,
    unknown_price: Annotated[str | None, typer.Option(help="Models without a price: block, ceiling or allow.")] = None,
    strict: Annotated[
        bool | None,
        typer.Option("--strict/--no-strict", help="Refuse calls without max_tokens instead of capping them."),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    preset: Annotated[str | None, typer.Option(help="experiment, test, unknown_provider or production.")] = None,
    trip_seconds: Annotated[int | None, typer.Option(help="Make it a breaker that stays open so long.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a budget, or change the one of that name; what is not given stays as it is. It holds for the next call."""
    given: dict[str, Any] = {
        "where": None if where is None else parse_where(where),
        "group_by": None if group_by is None else [word.strip() for word in group_by.split(",") if word.strip()],
        "limit": limit, "unit": unit, "window": window, "action": action, "degrade_to": degrade_to, "zone": zone,
        "rolling": rolling, "window_count": window_count, "fiscal_start": fiscal_start, "thresholds": threshold,
        "carry_over": carry_over, "fail": fail, "unknown_price": unknown_price, "strict": strict, "owner": owner,
        "preset": preset, "trip_seconds": trip_seconds,
    }  # fmt: skip
    body = {word: value for word, value in given.items() if value is not None}
    with open_client(data, config) as client:
        made = client.call("PUT", f"/api/v1/budgets/{part(name)}", json=body)
    if as_json:
        print_json(made)
        return
    note(
        f'{made["id"]}: "{made["name"]}" is {_amount(made)} a {made["window"]}, {made["action"]}; it holds for the next call'
    )


@app.command("show")
def show(name: Name, data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one budget: its groups, pace, forecast, overrides, and what is spent past it."""
    with open_client(data, config) as client:
        answer = client.call("GET", f"/api/v1/budgets/{part(name)}")
    if as_json:
        print_json(answer)
        return
    for line in report_lines(answer):
        typer.echo(line)
    columns, rows = counter_rows(answer)
    if rows:
        typer.echo("")
        print_rows(columns, rows, form=chosen_form(as_json=False, as_csv=False), numeric=_NUMERIC)


@app.command("check")
def check(
    where: Annotated[
        list[str] | None, typer.Option(help="Who the call belongs to: team=T[,feature=F]. Repeatable.")
    ] = None,
    key: Annotated[str, typer.Option(help="Id of the gateway key it comes with.")] = "",
    provider: Annotated[str, typer.Option(help="Found by the model where it is not given.")] = "",
    model: Annotated[str, typer.Option(help="The model asked for.")] = "",
    input_tokens: Annotated[int, typer.Option(min=0, help="Length of the prompt.")] = 0,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Cap of the answer; none where it is left out.")] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Would this call pass now? Nothing is reserved. Exit code 3: it would not."""
    words = [word for text in where or [] for word in text.split(",")]
    body = {
        "dimensions": pairs("--where", words), "key": key, "provider": provider, "model": model,
        "input_tokens": input_tokens, "max_tokens": max_tokens,
    }  # fmt: skip
    with open_client(data, config) as client:
        answer = client.call("POST", "/api/v1/budgets/check", json=body)
    if as_json:
        print_json(answer)
    else:
        for line in check_lines(answer):
            typer.echo(line)
    if not answer["passes"]:
        raise typer.Exit(_BREACHED)


app.command("explain")(explain_call)


@app.command("override")
def override(
    name: Name,
    limit: Annotated[str, typer.Option(help="The limit that holds meanwhile.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    for_: Annotated[str, typer.Option("--for", help="How long: 90m, 24h, 3d.")] = "",
    until: Annotated[str, typer.Option(help="Or until when: 2026-12-01T00:00:00Z.")] = "",
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let another limit hold for a while."""
    body = {"limit": limit, "reason": reason, "until": until, "lasts": for_}
    with open_client(data, config) as client:
        made = client.call("POST", f"/api/v1/budgets/{part(name)}/override", json=body)
    if as_json:
        print_json(made)
        return
    last = made["overrides"][-1]
    note(
        f'"{made["name"]}" is {money_text(made["unit"], last["limit"])} until {last["until"]}, then {_amount(made)} again'
    )


@app.command("reopen")
def reopen(name: Name, data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Let calls pass a tripped breaker again, before its time is over."""
    with open_client(data, config) as client:
        answer = client.call("POST", f"/api/v1/budgets/{part(name)}/reopen")
    if as_json:
        print_json(answer)
        return
    count = len(answer["reopened"])
    note(f"{count} breakers were open and are closed now" if count != 1 else "one breaker was open and is closed now")


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete a budget; it holds no longer from the next call on."""
    confirm(f'Delete the budget "{name}"? Nothing is held to it any more.', yes=yes)
    with open_client(data, config) as client:
        answer = client.call("DELETE", f"/api/v1/budgets/{part(name)}")
    if as_json:
        print_json(answer)
        return
    note(f'"{answer["name"]}" is deleted')


def parse_where(words: list[str]) -> dict[str, list[str]]:
    """``team=T,feature=F|G`` words as dimension to values."""
    return {
        name: [value.strip() for value in text.split("|")]
        for name, text in pairs("--where", [word for text in words for word in text.split(",")]).items()
    }


def part(name: str) -> str:
    """A name as one part of a path.

    Raises:
        UsageError: It could mean another path.
    """
    if not name.strip() or "/" in name or name in {".", ".."}:
        raise UsageError(f'"{name}" cannot be the name of a budget', next_steps=["names have no slash"])
    return quote(name, safe="")


def _row(one: dict[str, Any]) -> list[str]:
    first = one["counters"][0] if one["counters"] else None
    covers = " ".join(f"{name}={'|'.join(values)}" for name, values in one["where"].items())
    grouped = f"by {', '.join(one['group_by'])}" if one["group_by"] else ""
    unit = one["unit"]
    return [
        one["name"],
        " ".join(filter(None, [covers, grouped])) or "everything",
        one["window"] + (" (rolling)" if one["rolling"] else ""),
        money_text(unit, one["limit"]),
        money_text(unit, first["used"]) if first else ("" if one["counted"] else money_text(unit, "0")),
        f"{first['used_percent']}" if first else "",
        " ".join(first["group"].values()) if first else "",
        money_text(unit, first["forecast"]) if first else "",
        one["action"] + (f" to {one['degrade_to']}" if one["degrade_to"] else ""),
        _note(one),
    ]


def _note(one: dict[str, Any]) -> str:
    notes = ["default"] if one["default"] else []
    if one["review_due"] and one["review"]["suggested_limit"]:
        notes.append(
            f"review due: {one['review']['finding']}, try {money_text(one['unit'], one['review']['suggested_limit'])}"
        )
    elif one["review_due"]:
        notes.append("review due: unused")
    if any(found["risen"] for found in (one["untracked"] or {"found": []})["found"]):
        notes.append("more is spent past it")
    return "; ".join(notes)


def _amount(budget: dict[str, Any]) -> str:
    return money_text(budget["unit"], budget["limit"])
