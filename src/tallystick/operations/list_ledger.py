"""The rows of the ledger: what was metered, and what bills add to it, by pages."""

from dataclasses import dataclass, replace

from tallystick.explore.ledger_rows import LedgerAsked, LedgerRow, LedgerSums, check_dimensions
from tallystick.explore.model import Query
from tallystick.explore.store import list_ledger_rows, sum_ledger_rows
from tallystick.kernel.errors import QueryError
from tallystick.operations.context import Context
from tallystick.operations.explore import read_scope
from tallystick.operations.reconcile import list_reconciliations
from tallystick.org.model import Principal


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Some rows, and what all of them come to."""

    rows: tuple[LedgerRow, ...]
    sums: LedgerSums


@dataclass(frozen=True, slots=True)
class LedgerWish:
    """What is asked beside a query.

    Attributes:
        kinds: Of `explore.ledger_rows.KINDS`; empty for all.
        bases: `metered`, `reported`, `invoiced`; empty for all.
        claim: Only the rows of one claim; empty for all.
    """

    kinds: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    claim: str = ""
    limit: int = 100
    offset: int = 0


def list_ledger(context: Context, query: Query, principal: Principal, wish: LedgerWish) -> LedgerPage:
    """Rows of a query's period that its filters let through, the newest first; with all of them summed.

    Calls of the last minute that are not posted yet are in no row.

    Raises:
        QueryError: A filter is on a dimension that the ledger does not keep, or the rows are to be converted.
    """
    check_dimensions(query)
    if query.convert:
        raise QueryError(
            "rows of the ledger stay in the currency they were charged in", where="convert",
            next_steps=[f"currency={query.convert} shows the rows in it", "convert sums: /explore or `tally costs`"],
        )  # fmt: skip
    scope = read_scope(context, replace(query, group_by=(), grain=None, previous=None), principal)
    asked = LedgerAsked(
        query, scope.snapshot, tuple(one.run_id for one in list_reconciliations(context)), principal.teams,
        wish.kinds, wish.bases, wish.claim, wish.limit, wish.offset,  # type: ignore[arg-type]
    )  # fmt: skip
    return LedgerPage(tuple(list_ledger_rows(context.ledger, asked)), sum_ledger_rows(context.ledger, asked))
