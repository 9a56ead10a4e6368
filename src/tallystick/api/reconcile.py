"""Months of accounts held against their bills, the rows behind each figure, and what a claim stands on."""

from dataclasses import fields
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from tallystick.api.params import check_params, whole
from tallystick.api.routes import Asked
from tallystick.api.wire import money
from tallystick.bills.reconciliation import CLASS_TITLES, FIGURE_COLUMNS, Reconciliation, VarianceRow
from tallystick.bills.said import Match
from tallystick.kernel.errors import NotFound
from tallystick.kernel.period import local_day, rfc3339
from tallystick.operations.reconcile import (
    change_match,
    lines_of,
    list_reconciliations,
    read_match,
    reconcile,
    reconcile_all,
)
from tallystick.operations.reconcile_month import month_named
from tallystick.operations.tell_unreconciled import tell_unreconciled
from tallystick.operations.trace_claim import Trace, Traced, trace_claim

router = APIRouter(prefix="/api/v1", tags=["reconcile"])

_CURRENCY = "USD"
_MONEY = ("metered", "reported", "invoiced", "billed", "difference", "record", "pending", "residual", "own")
_ROW_MONEY = frozenset({"metered_cost", "reported_cost", "invoiced_cost", "amount"})
_INSTANTS = frozenset({"charge_period_start", "charge_period_end"})


class NewReconcile(BaseModel):
    """Which month (`2026-10`), account and currency; without them all that a bill speaks of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    period: str = ""
    account: str = ""
    currency: str = ""


@router.get("/reconciliations")
def get_reconciliations(asked: Asked) -> dict[str, Any]:
    """Every month of every account that is reconciled, the newest first."""
    check_params(asked.request, ["account"])
    runs = list_reconciliations(asked.context, asked.request.query_params.get("account", ""))
    return {"reconciliations": [run_wire(one) for one in runs], "demo": bool(asked.context.demo)}


@router.post("/reconciliations")
def post_reconciliations(asked: Asked, new: NewReconcile) -> dict[str, Any]:
    """Reconcile now; what has not changed stays as it is. Answers with the months as they stand, or why there is none."""
    check_params(asked.request, [])
    with asked.services.writing():
        if new.period:
            period = month_named(new.period)
            made = [reconcile(asked.context, account, period, currency) for account, currency in _pairs(asked, new)]
            runs = [one for one in made if one.run_id]
        else:
            reconcile_all(asked.context)
            runs = [one for one in list_reconciliations(asked.context, new.account) if _is_in(one, new.currency)]
    wanted = (new.period, new.account, new.currency or _CURRENCY)
    return {**_runs_wire(asked, runs, wanted), "demo": bool(asked.context.demo)}


def _runs_wire(asked: Asked, runs: list[Reconciliation], wanted: tuple[str, str, str]) -> dict[str, Any]:
    """The months; where there are none, why and what to do."""
    told = None if runs else tell_unreconciled(asked.context, *wanted)
    nothing = None if told is None else {"why": told.why, "next_steps": list(told.next_steps)}
    return {"reconciliations": [run_wire(one) for one in runs], "nothing": nothing}


def _pairs(asked: Asked, new: NewReconcile) -> list[tuple[str, str]]:
    """Account and currency where both are named, else those with a run in the month, after one look at everything.

    An account that is named is looked at where nothing but calls speak of it, too.
    """
    if new.account and new.currency:
        return [(new.account, new.currency)]
    reconcile_all(asked.context)
    start = month_named(new.period).start_us
    runs = [one for one in list_reconciliations(asked.context, new.account) if one.period_start == start]
    found = {(one.account, one.currency) for one in runs if _is_in(one, new.currency)}
    return sorted(found | ({(new.account, _CURRENCY)} if new.account else set()))


def _is_in(run: Reconciliation, currency: str) -> bool:
    return currency in {"", run.currency}


@router.get("/reconciliations/{period}")
def get_reconciliation(asked: Asked, period: str) -> dict[str, Any]:
    """The accounts of a month (`2026-10`), or one of them, or those of a `currency`; `nothing` says why there is none."""
    check_params(asked.request, ["account", "currency"])
    start, params = month_named(period).start_us, asked.request.query_params
    account, currency = params.get("account", ""), params.get("currency", "")
    runs = [one for one in list_reconciliations(asked.context, account) if one.period_start == start]
    runs = [one for one in runs if _is_in(one, currency)]
    wanted = (period, account, currency or _CURRENCY)
    return {"period": period, **_runs_wire(asked, runs, wanted), "demo": bool(asked.context.demo)}


@router.get("/reconciliations/{period}/lines")
def get_lines(asked: Asked, period: str) -> dict[str, Any]:
    """The rows that sum to a figure of an account's month, the largest first."""
    check_params(asked.request, ["account", "currency", "figure", "claim", "limit", "offset"])
    params = asked.request.query_params
    wanted = (params.get("account", ""), params.get("currency", _CURRENCY), month_named(period).start_us)
    runs = [
        one for one in list_reconciliations(asked.context) if (one.account, one.currency, one.period_start) == wanted
    ]
    if not runs:
        raise NotFound(
            f'nothing is reconciled for the account "{wanted[0][:60]}" in {period[:20]}',
            next_steps=["GET /api/v1/reconciliations lists what is", "POST /api/v1/reconciliations makes it"],
        )
    figure, limit = params.get("figure", "difference"), whole(asked.request, "limit", 100, most=100_000)
    offset = whole(asked.request, "offset", 1, most=10_000_000) if params.get("offset") not in {None, "", "0"} else 0
    rows = lines_of(asked.context, runs[0].run_id, figure, claim=params.get("claim", ""), limit=limit, offset=offset)
    column = FIGURE_COLUMNS[figure]
    return {"run_id": runs[0].run_id, "figure": figure, "column": column, "rows": [row_wire(one) for one in rows]}


@router.get("/claims/{claim}")
def get_claim(asked: Asked, claim: str) -> dict[str, Any]:
    """What a claim says, why it differs, and the lines of the source that it stands on."""
    check_params(asked.request, ["run"])
    return trace_wire(trace_claim(asked.context, claim, asked.request.query_params.get("run", "")))


class NewMatch(BaseModel):
    """Provider's id → our project or key; an empty text forgets one. What is not named stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    projects: dict[str, str] = {}
    keys: dict[str, str] = {}


@router.get("/matches/{account}")
def get_match(asked: Asked, account: str) -> dict[str, Any]:
    """Which of our projects and keys the ids on an account's bills mean."""
    check_params(asked.request, [])
    return match_wire(account, read_match(asked.context, account))


@router.patch("/matches/{account}")
def patch_match(asked: Asked, account: str, new: NewMatch) -> dict[str, Any]:
    """Say what some ids mean; the next reconciliation of its months heeds it."""
    check_params(asked.request, [])
    with asked.services.writing():
        match = change_match(asked.context, account, Match(new.projects, new.keys), asked.principal.name)
    return match_wire(account, match)


def match_wire(account: str, match: Match) -> dict[str, Any]:
    """What the ids of an account mean."""
    return {"account": account, "projects": dict(match.projects), "keys": dict(match.keys)}


def run_wire(run: Reconciliation) -> dict[str, Any]:
    """A month: money as decimal text, null where unknown."""
    return {
        "run_id": run.run_id,
        "period": f"{local_day(run.period_start):%Y-%m}",
        "account": run.account,
        "currency": run.currency,
        "reconciled_at": rfc3339(run.created_at),
        **{name: money(getattr(run, name)) for name in _MONEY},
        "classes": [
            {"class": one.name, "title": CLASS_TITLES[one.name], "amount": money(one.amount), "claims": one.claims}
            for one in run.classes
        ],
        "shares": {name: money(grains) for name, grains in run.shares.items()},
        "coverage_millionths": run.coverage,
        "grade": run.grade,
        "grade_why": run.grade_why,
        "unpriced_tokens": run.unpriced_tokens,
        "claims": run.claims,
        "lines": run.lines,
        "set_aside": [
            {"layer": one.layer, "source": one.source, "for": one.for_source, "lines": one.lines, "amount": money(one.amount)}
            for one in run.set_aside
        ],
        "loads": list(run.loads),
    }  # fmt: skip


def row_wire(row: VarianceRow) -> dict[str, Any]:
    """One row by column."""
    found: dict[str, Any] = {}
    for one in fields(VarianceRow):
        value = getattr(row, one.name)
        value = money(value) if one.name in _ROW_MONEY else rfc3339(value) if one.name in _INSTANTS else value
        found[one.name.rstrip("_")] = value
    return found


def trace_wire(trace: Trace) -> dict[str, Any]:
    """A claim with its steps, their classes and its lines."""
    return {
        "claim": trace.claim,
        "layer": trace.layer,
        "account": trace.run.account,
        "currency": trace.run.currency,
        "period": f"{local_day(trace.run.period_start):%Y-%m}",
        "run_id": trace.run.run_id,
        "steps": [row_wire(one) for one in trace.steps],
        "classes": [row_wire(one) for one in trace.parts],
        "lines": [_line_wire(one) for one in trace.lines],
        "copies": [
            {
                "event_id": one.event_id,
                "source": one.source,
                "counted_as": one.kept_id,
                "counted_source": one.kept_source,
                "at": rfc3339(one.occurred_at),
                "effective_cost": money(one.effective_cost),
            }
            for one in trace.copies
        ],
    }


def _line_wire(one: Traced) -> dict[str, Any]:
    line = one.line
    return {
        "source": one.source,
        "dataset": line.dataset,
        "slice": line.slice_key,
        "load_id": one.load.load_id if one.load else None,
        "loaded_at": rfc3339(one.load.loaded_at) if one.load else None,
        "file": one.load.file if one.load else "",
        "page_id": one.page_id,
        "line_no": line.line_no,
        "description": line.charge_description,
        "model": line.model,
        "meter": line.meter,
        "quantity": line.quantity,
        "billed_cost": money(line.billed_cost),
        "effective_cost": money(line.effective_cost),
        "list_cost": money(line.list_cost),
        "sub_account_id": line.sub_account_id,
        "sub_account_name": one.names.get("sub_account_id", line.sub_account_name),
        "credential_id": line.credential_id,
        "credential_name": one.names.get("credential_id", ""),
        "principal": line.principal,
        "principal_name": one.names.get("principal", ""),
        "invoice_id": line.invoice_id,
        "tags": dict(line.tags),
        "extra": dict(line.extra),
    }
