"""Reconciled months: all of them, one of them, the rows behind a figure, and what a claim stands on."""

import csv
import io
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tallystick.bills.reconciliation import FIGURE_COLUMNS, Reconciliation, VarianceRow
from tallystick.charts.format import count, money
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
        writer.writerow([month_key(run), _safe(run.account), run.currency, *texts, run.grade, word, run.run_id])
    name = "tallystick-demo-reconcile.csv" if site.context.demo else "tallystick-reconcile.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


_SUMS = ("metered", "reported", "invoiced", "billed", "difference", "record", "pending", "residual", "own")


def serve_month(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10``: one account's month, and the others to switch to."""
    context, at = site.context, now_us()
    month_named(period)
    runs = list_reconciliations(context)
    mine = accounts_of(runs, period)
    run = chosen(mine, request)
    before, after = neighbours(period)
    around: dict[str, Any] = {
        "period": period,
        "month": month_words(period),
        "accounts": [(one.account, month_href(period, one.account, one.currency), one is run) for one in mine],
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
    return render(
        request, site, "reconcile_month.html", heading=f"{run.account}, {month_words(period)}", run=run, tiles=tiles(run),
        steps=steps(run), sentence=sentence(run), state=month_row(run, at), aside=_aside(run), record=_record(run),
        made=dates.clock(run.created_at, context.zone), csv=f"/reconcile/{period}/rows.csv{_tail(run)}&figure=difference",
        json=f"/api/v1/reconciliations/{period}{_tail(run)}", **around,
    )  # fmt: skip


def serve_rows(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows``: the rows that sum to a figure, by pages; the sum is that of all of them."""
    context, at = site.context, now_us()
    run, figure = _asked(request, site, period)
    column = FIGURE_COLUMNS[figure]
    rows = lines_of(context, run.run_id, figure, limit=MOST_ROWS)
    page = _page(request, len(rows))
    shown = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    total = sum(getattr(one, column) or 0 for one in rows)
    here = rows_href(run, figure)
    return render(
        request, site, "reconcile_rows.html", heading=f"{TITLES[figure]}: {run.account}, {month_words(period)}",
        title=TITLES[figure], run=run, month=month_words(period), back=month_href(period, run.account, run.currency),
        rows=[variance_line(run, one, column) for one in shown], count=count(len(rows)), whole=len(rows) < MOST_ROWS,
        total=Figure(money(total, run.currency, 2, sign=column == "amount"), exact(total)),
        page=page, last=max(1, -(-len(rows) // PAGE_ROWS)), here=here,
        csv=here.replace("/rows?", "/rows.csv?"), json=here.replace("/rows?", "/rows.json?"),
        facts=facts(None, read_freshness(context, site.principal(request)), at, context.zone),
    )  # fmt: skip


def serve_rows_csv(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows.csv``: the same rows, all of them."""
    run, figure = _asked(request, site, period)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([one.rstrip("_") for one in _COLUMNS])
    for row in lines_of(site.context, run.run_id, figure, limit=MOST_ROWS):
        writer.writerow(["" if cell is None else _safe(str(cell)) for cell in row_wire(row).values()])
    demo = "demo-" if site.context.demo else ""
    name = f"tallystick-{demo}{run.account}-{period}-{figure}.csv"
    return Response(
        file.getvalue(), media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{_ascii(name)}"'}
    )  # fmt: skip


def serve_rows_json(request: Request, site: Site, period: str) -> Response:
    """``/reconcile/2026-10/rows.json``: the same rows, all of them."""
    run, figure = _asked(request, site, period)
    rows = lines_of(site.context, run.run_id, figure, limit=MOST_ROWS)
    return JSONResponse(
        {"account": run.account, "period": period, "figure": figure, "column": FIGURE_COLUMNS[figure].rstrip("_"),
         "currency": run.currency, "demo": bool(site.context.demo), "rows": [row_wire(one) for one in rows]}
    )  # fmt: skip


def serve_claim(request: Request, site: Site) -> Response:
    """``/reconcile/2026-10/claims/{claim}``: the lines of the source that a claim stands on."""
    period, claim = request.path_params["period"], request.path_params["claim"]
    run = _run(request, site, period)
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


def chosen(runs: Any, request: Request) -> Reconciliation | None:
    """The account that the address names, else the one that most wants a look."""
    account, currency = request.query_params.get("account", ""), request.query_params.get("currency", "USD")
    if account:
        return next((one for one in runs if (one.account, one.currency) == (account, currency)), None)
    wrong = [one for one in runs if month_row(one, now_us()).tone == "bad"]
    return next(iter(sorted(wrong, key=_unexplained, reverse=True)), next(iter(runs), None))


def _unexplained(run: Reconciliation) -> int:
    return sum(
        abs(one.amount) for one in run.classes if one.name in {"residual", "price_drift", "missing_calls", "unknown"}
    )


def _run(request: Request, site: Site, period: str) -> Reconciliation:
    month_named(period)
    run = chosen(accounts_of(list_reconciliations(site.context), period), request)
    if run is None:
        raise NotFound(
            f"nothing is reconciled for this account in {period[:20]}",
            next_steps=["see what is at /reconcile", "bring a bill with `tally import FILE`, then `tally reconcile`"],
        )
    return run


def _asked(request: Request, site: Site, period: str) -> tuple[Reconciliation, str]:
    run, figure = _run(request, site, period), request.query_params.get("figure", "difference")
    if figure not in FIGURE_COLUMNS:
        raise UsageError(
            f'"{figure[:40]}" is no figure', where="figure", next_steps=[f"one of {', '.join(FIGURE_COLUMNS)}"]
        )
    return run, figure


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
    return "?" + month_href(month_key(run), run.account, run.currency).partition("?")[2]


def _safe(text: str) -> str:
    """No cell that a spreadsheet takes for a formula; numbers stay as they are."""
    risky = text[:1] in {"=", "+", "@", "\t", "\r"} or (text[:1] == "-" and not text[1:2].isdigit())
    return f"'{text}" if risky else text


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace('"', "'").replace("/", "-")
