"""Reconciled months: all of them, one of them, the rows behind a figure, and what a claim stands on."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tallystick.bills.combine import combined
from tallystick.bills.reconciliation import FIGURE_COLUMNS, Reconciliation, VarianceRow
from tallystick.charts.format import count, money
from tallystick.charts.spreadsheet import harmless
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.operations.context import now_us
from tallystick.operations.explore import read_freshness
from tallystick.operations.keep_pages import show_page
from tallystick.operations.reconcile import lines_of, list_reconciliations
from tallystick.operations.reconcile_month import month_named
from tallystick.operations.tell_unreconciled import tell_unreconciled
from tallystick.operations.trace_claim import trace_claim
from tallystick.web import dates
from tallystick.web.claim_page import claim_page
from tallystick.web.reconcile_page import (
    TITLES,
    accounts_of,
    month_href,
    month_key,
    month_row,
    month_words,
    neighbours,
    rows_href,
    sentence,
    state_of,
    status_of,
    steps,
    tiles,
    variance_line,
)
from tallystick.web.render import facts, render
from tallystick.web.site import Site
from tallystick.web.view import Figure, exact

PAGE_ROWS = 100
MOST_ROWS = 100_000
_COLUMNS = (
    "claim", "charge_period_start", "charge_period_end", "provider", "provider_account", "model", "meter", "service_tier",
    "region", "service_name", "charge_category", "currency", "metered_quantity", "billed_quantity", "metered_cost",
    "reported_cost", "invoiced_cost", "class_", "amount", "why",
)  # fmt: skip
_COSTS = frozenset({"metered_cost", "reported_cost", "invoiced_cost", "amount"})
_INSTANTS = frozenset({"charge_period_start", "charge_period_end"})


def by_period(serve: Callable[[Request, Site, str], Response]) -> Callable[[Request, Site], Response]:
    """A page that takes the month of its path."""

    def page(request: Request, site: Site) -> Response:
        return serve(request, site, request.path_params["period"])

    return page


def serve_reconcile(request: Request, site: Site) -> Response:
    """``/reconcile``: every month of every account, the newest first."""
    context, at = site.context, now_us()
    runs = list_reconciliations(context)
    rows = [month_row(one, at) for one in runs]
    return render(
        request, site, "reconcile.html", heading="Reconcile", rows=rows,
        facts=facts(None, read_freshness(context, site.principal(request)), at, context.zone), months=len({one.month for one in rows}),
        wrong=sum(1 for one in rows if one.tone == "bad"), currencies=sorted({one.currency for one in runs}),
    )  # fmt: skip


def serve_reconcile_csv(request: Request, site: Site) -> Response:
    """``/reconcile.csv``: the same list, in exact amounts."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["month", "account", "currency", *_SUMS, "grade", "status", "run_id"])
    for run in list_reconciliations(site.context):
        amounts = [getattr(run, name) for name in _SUMS]
        texts = ["" if one is None else text_from_grains(one) for one in amounts]
        word, _ = status_of(run, now_us())
        writer.writerow([month_key(run), harmless(run.account), run.currency, *texts, run.grade, word, run.run_id])
    name = "tallystick-demo-reconcile.csv" if site.context.demo else "tallystick-reconcile.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


_SUMS = ("metered", "reported", "invoiced", "billed", "difference", "record", "pending", "residual", "own")


def serve_month(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10``: a month of all accounts of one currency, or of one of them."""
    context, at = site.context, now_us()
    month_named(period)
    runs = list_reconciliations(context)
    every = accounts_of(runs, period)
    mine = asked_for(every, request)
    run = _one(mine)
    before, after = neighbours(period)
    around: dict[str, Any] = {
        "period": period,
        "month": month_words(period),
        "accounts": _choices(every, mine, period),
        "before": (before, month_words(before)) if accounts_of(runs, before) else None,
        "after": (after, month_words(after)) if accounts_of(runs, after) else None,
        "account": run.account if run else "",
        "facts": facts(None, read_freshness(context, site.principal(request)), at, context.zone),
    }
    if run is None:
        told = tell_unreconciled(context, period, request.query_params.get("account", ""))
        return render(
            request, site, "reconcile_month.html", heading=f"Reconcile {period}", run=None, told=told, **around
        )
    parts = mine if len(mine) > 1 else ()
    return render(
        request, site, "reconcile_month.html", heading=f"{_whose(run)}, {month_words(period)}", run=run,
        tiles=tiles(run, parts), steps=steps(run), sentence=sentence(run), state=state_of(mine, at), aside=_aside(run),
        record=_record(run), made=dates.clock(run.created_at, context.zone),
        csv=f"/reconcile/{period}/rows.csv{_tail(run)}{'&' if _tail(run) else '?'}figure=difference",
        json=f"/api/v1/reconciliations/{period}{_tail(run)}",
        rows=[month_row(one, at) for one in _by_need(parts)], **around,
    )  # fmt: skip


def serve_rows(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows``: the rows that sum to a figure, by pages; the sum is that of all of them."""
    context, at = site.context, now_us()
    mine, figure = _asked(request, site, period)
    run, column = combined_or_one(mine), FIGURE_COLUMNS[figure]
    rows = _behind(site, mine, figure)
    page = _page(request, len(rows))
    shown = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    total = sum(getattr(row, column) or 0 for _, row in rows)
    here = rows_href(run, figure)
    return render(
        request, site, "reconcile_rows.html", heading=f"{TITLES[figure]}: {_whose(run)}, {month_words(period)}",
        title=TITLES[figure], whose=_whose(run), month=month_words(period), several=len(mine) > 1,
        back=month_href(period, run.account, run.currency),
        rows=[variance_line(one, row, column) for one, row in shown], count=count(len(rows)), whole=len(rows) < MOST_ROWS,
        total=Figure(money(total, run.currency, 2, sign=column == "amount"), exact(total)),
        page=page, last=max(1, -(-len(rows) // PAGE_ROWS)), here=here,
        csv=here.replace("/rows?", "/rows.csv?"), json=here.replace("/rows?", "/rows.json?"),
        facts=facts(None, read_freshness(context, site.principal(request)), at, context.zone),
    )  # fmt: skip


def _behind(site: Site, runs: Sequence[Reconciliation], figure: str) -> list[tuple[Reconciliation, VarianceRow]]:
    """The rows behind a figure, each with its run, the largest first."""
    column = FIGURE_COLUMNS[figure]
    rows = [(run, row) for run in runs for row in lines_of(site.context, run.run_id, figure, limit=MOST_ROWS)]
    if len(runs) > 1:
        rows.sort(key=lambda one: -abs(getattr(one[1], column) or 0))
    return rows[:MOST_ROWS]


def serve_rows_csv(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows.csv``: the same rows, all of them."""
    mine, figure = _asked(request, site, period)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([one.rstrip("_") for one in _COLUMNS])
    for _, row in _behind(site, mine, figure):
        writer.writerow(["" if cell is None else harmless(str(cell)) for cell in row_wire(row).values()])
    demo = "demo-" if site.context.demo else ""
    whose = "-".join(filter(None, (combined_or_one(mine).account or "all-accounts", period, figure)))
    name = f"tallystick-{demo}{whose}.csv"
    return Response(
        file.getvalue(), media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{_ascii(name)}"'}
    )  # fmt: skip


def serve_rows_json(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows.json``: the same rows, all of them."""
    mine, figure = _asked(request, site, period)
    run, rows = combined_or_one(mine), [row for _, row in _behind(site, mine, figure)]
    return JSONResponse(
        {"account": run.account, "period": period, "figure": figure, "column": FIGURE_COLUMNS[figure].rstrip("_"),
         "currency": run.currency, "demo": bool(site.context.demo), "rows": [row_wire(one) for one in rows]}
    )  # fmt: skip


def serve_claim(request: Request, site: Site) -> Response:
    """``/reconcile/2026-10/claims/{claim}``: the lines of the source that a claim stands on."""
    period, claim = request.path_params["period"], request.path_params["claim"]
    run = _runs(request, site, period)[0]
    trace = trace_claim(site.context, claim, run.run_id)
    page = claim_page(trace, site.context.zone)
    return render(
        request, site, "claim.html", heading=f"{page.title}, {run.account}", page=page, run=run, claim=claim,
        month=month_words(period), back=month_href(period, run.account, run.currency),
        facts=facts(None, read_freshness(site.context, site.principal(request)), now_us(), site.context.zone),
    )  # fmt: skip


def serve_page(request: Request, site: Site) -> Response:
    """``/reconcile/pages/{page_id}``: an answer of a source, byte for byte as it came."""
    kept, body = show_page(site.context, request.path_params["page_id"])
    try:
        body.decode()
    except UnicodeDecodeError:
        kind, shown = "application/octet-stream", "attachment"
    else:
        kind, shown = "text/plain; charset=utf-8", "inline"
    name = _ascii(f"{kept.source}-{kept.stream}-{kept.page_id}")
    return Response(body, media_type=kind, headers={"content-disposition": f'{shown}; filename="{name}"'})


def asked_for(runs: Sequence[Reconciliation], request: Request) -> Sequence[Reconciliation]:
    """The account that the address names; else all in its currency, in dollars, or else in that of the largest."""
    account, currency = request.query_params.get("account", ""), request.query_params.get("currency", "")
    if account:
        return [one for one in runs if (one.account, one.currency) == (account, currency or "USD")]
    known = [one.currency for one in runs]
    meant = currency or ("USD" if "USD" in known else next(iter(known), ""))
    return [one for one in runs if one.currency == meant]


def combined_or_one(runs: Sequence[Reconciliation]) -> Reconciliation:
    """One account's month as it is, several as one."""
    return runs[0] if len(runs) == 1 else combined(runs)


def _one(runs: Sequence[Reconciliation]) -> Reconciliation | None:
    return combined_or_one(runs) if runs else None


def _whose(run: Reconciliation) -> str:
    return run.account or "All accounts"


def _choices(
    every: Sequence[Reconciliation], mine: Sequence[Reconciliation], period: str
) -> list[tuple[str, str, bool]]:
    """What can be switched to: all accounts of each currency that has several, then each account."""
    codes = [one.currency for one in every]
    several = [code for code in dict.fromkeys(codes) if codes.count(code) > 1]
    found = [
        (
            "All accounts" if len(set(codes)) == 1 else f"All in {code}",
            month_href(period, "", code),
            len(mine) > 1 and mine[0].currency == code,
        )
        for code in several
    ]
    return found + [(one.account, month_href(period, one.account, one.currency), [one] == list(mine)) for one in every]


def _by_need(runs: Sequence[Reconciliation]) -> list[Reconciliation]:
    """The account with most that nobody explains first, the larger before the smaller."""
    return sorted(runs, key=lambda one: (-_unexplained(one), -max(one.billed, one.metered)))


def _unexplained(run: Reconciliation) -> int:
    return sum(
        abs(one.amount) for one in run.classes if one.name in {"residual", "price_drift", "missing_calls", "unknown"}
    )


def _runs(request: Request, site: Site, period: str) -> Sequence[Reconciliation]:
    month_named(period)
    mine = asked_for(accounts_of(list_reconciliations(site.context), period), request)
    if not mine:
        raise NotFound(
            f"nothing is reconciled for this account in {period[:20]}",
            next_steps=["see what is at /reconcile", "bring a bill with `tally import FILE`, then `tally reconcile`"],
        )
    return mine


def _asked(request: Request, site: Site, period: str) -> tuple[Sequence[Reconciliation], str]:
    mine, figure = _runs(request, site, period), request.query_params.get("figure", "difference")
    if figure not in FIGURE_COLUMNS:
        raise UsageError(
            f'"{figure[:40]}" is no figure', where="figure", next_steps=[f"one of {', '.join(FIGURE_COLUMNS)}"]
        )
    return mine, figure


def row_wire(row: VarianceRow) -> dict[str, object]:
    """A row by column, money as decimal text, instants as RFC 3339."""
    found: dict[str, object] = {}
    for name in _COLUMNS:
        value = getattr(row, name)
        if value is not None and name in _COSTS:
            value = text_from_grains(value)
        found[name.rstrip("_")] = rfc3339(value) if name in _INSTANTS else value
    return found


def _page(request: Request, rows: int) -> int:
    text = request.query_params.get("page", "")
    page = int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else 1
    return max(1, min(page, -(-rows // PAGE_ROWS) or 1))


def _aside(run: Reconciliation) -> list[str]:
    """What two sources of one layer both say: counted once."""
    return [
        f"{money(one.amount, run.currency, 2)} on {count(one.lines)} lines of {one.source} say what {one.for_source} says already"
        for one in run.set_aside
    ]


def _record(run: Reconciliation) -> list[tuple[str, Figure]]:
    """What the month comes to, by who has the word."""
    words = {"invoiced": "as invoiced", "reported": "as reported", "metered": "metered, on no bill yet"}
    parts = [(words.get(name, name), grains) for name, grains in run.shares.items() if grains]
    whole = [*parts, ("cost of record", run.record)]
    return [(name, Figure(money(grains, run.currency, 2), exact(grains))) for name, grains in whole]


def _tail(run: Reconciliation) -> str:
    _, mark, of = month_href(month_key(run), run.account, run.currency).partition("?")
    return mark + of


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace('"', "'").replace("/", "-")
