"""The rows of the ledger."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import all_params, whole
from tallystick.api.routes import Asked
from tallystick.api.wire import money
from tallystick.explore.ledger_rows import BASES, KINDS, LedgerRow, choices
from tallystick.explore.parse import parse_query
from tallystick.kernel.period import rfc3339
from tallystick.operations.context import now_us
from tallystick.operations.list_ledger import LedgerWish, list_ledger

router = APIRouter(prefix="/api/v1", tags=["ledger"])

_OWN = ("kind", "basis", "claim", "page", "limit")
_COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")


@router.get("/ledger")
def get_ledger(asked: Asked) -> dict[str, Any]:
    """Rows of a range, newest first: metered charges, true-ups and rows of bills. Range and filters as in explore;
    `kind` and `basis` choose rows, `claim` those of one claim; `page` from 1, `limit` rows a page.
    """
    params = asked.request.query_params
    query = parse_query(all_params(asked.request, _OWN), now_us=now_us(), zone=asked.context.zone)
    limit = whole(asked.request, "limit", 100, most=10_000)
    page = whole(asked.request, "page", 1, most=1_000_000)
    wish = LedgerWish(
        choices(params.get("kind", ""), KINDS, "kind"), choices(params.get("basis", ""), BASES, "basis"),
        params.get("claim", ""), limit, (page - 1) * limit,
    )  # fmt: skip
    found = list_ledger(asked.context, query, asked.principal, wish)
    return {
        "from": rfc3339(query.period.start_us),
        "to": rfc3339(query.period.end_us),
        "currency": query.currency,
        "zone": query.zone,
        "demo": bool(asked.context.demo),
        "page": page,
        "count": found.sums.rows,
        "sums": {name: money(getattr(found.sums, name)) for name in _COSTS},
        "rows": [row_wire(one) for one in found.rows],
    }


def row_wire(row: LedgerRow) -> dict[str, Any]:
    """A row by column: money as decimal text, the instant as RFC 3339."""
    return {
        "charge_period_start": rfc3339(row.at), "kind": row.kind, **row.dimensions, "basis": row.basis,
        "currency": row.currency, "charge_category": row.charge_category, "service_name": row.service_name,
        "claim": row.claim, "run_id": row.run_id, "calls": row.calls, "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens, **{name: money(getattr(row, name)) for name in _COSTS},
    }  # fmt: skip
