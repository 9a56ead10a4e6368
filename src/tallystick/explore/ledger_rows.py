"""The rows of the ledger as they are: metered charges, and what bills add to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tallystick.explore.model import Query
from tallystick.explore.statement import Scope, Snapshot, Statement, condition_sql, within
from tallystick.kernel.errors import QueryError
from tallystick.usage.dimensions import CHARGE_DIMENSIONS

# metered: of calls. duplicate: takes back calls that another gateway's log brought too. covered: what a bill adds to a metered charge. residual: billed and never
# metered. own: tax, credit, purchase, adjustment.
Kind = Literal["metered", "duplicate", "covered", "residual", "own"]
KINDS: tuple[Kind, ...] = ("metered", "duplicate", "covered", "residual", "own")
_OF_CHARGES = frozenset({"metered", "duplicate"})
BASES = ("metered", "reported", "invoiced")
COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
TOKENS = ("calls", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row. Costs are grains, None where the row has none of that kind.

    Attributes:
        at: Begin of its charge period, microseconds UTC.
        effective: Of a `covered` row what is added to the metered charge, so that all rows sum to the cost of record.
        claim: Of the bill that it comes from; empty for metered charges.
    """

    at: int
    kind: Kind
    dimensions: dict[str, str]
    basis: str
    currency: str
    charge_category: str
    service_name: str
    claim: str
    run_id: str
    calls: int | None
    input_tokens: int | None
    output_tokens: int | None
    list_cost: int | None
    contracted_cost: int | None
    effective_cost: int | None
    billed_cost: int | None


@dataclass(frozen=True, slots=True)
class LedgerSums:
    """Of all rows that a question finds, whatever page is shown."""

    rows: int
    list_cost: int | None
    contracted_cost: int | None
    effective_cost: int | None
    billed_cost: int | None


@dataclass(frozen=True, slots=True)
class LedgerAsked:
    """Which rows are wanted.

    Attributes:
        kinds, bases: Any of these; empty for all.
        claim: Only rows that stand on this claim; a row may stand on several.
        runs: Reconciliations that count.
    """

    query: Query
    snapshot: Snapshot
    runs: tuple[str, ...]
    teams: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    bases: tuple[str, ...] = ()
    claim: str = ""
    limit: int = 100
    offset: int = 0
    charges: tuple[str, ...] = field(default=CHARGE_DIMENSIONS)


def check_dimensions(query: Query) -> None:
    """A filter must be on what the ledger keeps.

    Raises:
        QueryError: It is on a dimension that only single calls have.
    """
    for one in query.filters:
        if one.dimension not in CHARGE_DIMENSIONS:
            raise QueryError(
                f'the ledger keeps no "{one.dimension}"', where=one.dimension,
                next_steps=["ask /requests or `tally costs` for it", f"the ledger keeps {', '.join(CHARGE_DIMENSIONS)}"],
            )  # fmt: skip


def rows_sql(statement: Statement, asked: LedgerAsked) -> str:
    """The select of a page of rows, the newest first."""
    micros = statement.speech.micros("charge_period_start")
    dims = ", ".join(f'"{name}"' for name in asked.charges)
    order = f"charge_period_start DESC, kind, {dims}, claim, effective_cost"
    about = "basis, currency, charge_category, service_name, claim, run_id"
    figures = ", ".join((*TOKENS, *COSTS))
    limit, offset = statement.bind(asked.limit), statement.bind(asked.offset)
    return (
        f"SELECT {micros}, kind, {dims}, {about}, {figures} FROM ({_all(statement, asked)}) AS rows "  # noqa: S608 - names of ours
        f"ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    )


def sums_sql(statement: Statement, asked: LedgerAsked) -> str:
    """The select of what all rows come to."""
    sums = ", ".join(f"sum({name})" for name in COSTS)
    return f"SELECT count(*), {sums} FROM ({_all(statement, asked)}) AS rows"  # noqa: S608 - names of ours


def _all(statement: Statement, asked: LedgerAsked) -> str:
    parts = []
    wanted = {*(asked.kinds or KINDS)}
    if not asked.claim and wanted & _OF_CHARGES:
        parts.append(_charges(statement, asked, wanted))
    if wanted - _OF_CHARGES:
        parts.append(_true_ups(statement, asked))
    return " UNION ALL ".join(parts or [_true_ups(statement, asked)])


def _charges(statement: Statement, asked: LedgerAsked, wanted: set[Kind]) -> str:
    dims = ", ".join(f'"{name}"' for name in asked.charges)
    nothing = "nullIf(list_cost, list_cost)"
    mark = statement.bind(asked.snapshot.mark)
    # The two kinds of charges are told apart by their basis; both are metered.
    (*missing,) = _OF_CHARGES - wanted
    only = f" AND kind <> '{missing[0]}'" if missing else ""
    dims_of = f"basis AS kind, {dims}, 'metered' AS basis"
    charge = "SELECT charge_period_start, batch_seq, currency, calls, input_tokens, output_tokens, list_cost, effective_cost, "
    return (
        f"SELECT charge_period_start, kind, {dims}, basis, currency, 'Usage' AS charge_category, "  # noqa: S608
        f"'' AS service_name, '' AS claim, '' AS run_id, calls, input_tokens, output_tokens, list_cost, "
        f"{nothing} AS contracted_cost, effective_cost, {nothing} AS billed_cost FROM ({charge}{dims_of} FROM charge) AS c "
        f"WHERE batch_seq <= {mark} AND {_where(statement, asked)}{only}"
    )


def _true_ups(statement: Statement, asked: LedgerAsked) -> str:
    dims = ", ".join(f'"{name}"' for name in asked.charges)
    parts = [statement.speech.one_of("run_id", statement.bind(list(asked.runs))), "ai", _where(statement, asked)]
    if asked.kinds:
        parts.append(statement.speech.one_of("part", statement.bind(list(asked.kinds))))
    if asked.claim:
        parts.append(f"position({statement.bind(asked.claim)} IN claim) > 0")
    calls = "nullIf(input_tokens, input_tokens)"
    return (
        f"SELECT charge_period_start, part AS kind, {dims}, basis, currency, charge_category, service_name, claim, "  # noqa: S608
        f"run_id, {calls} AS calls, input_tokens, output_tokens, {', '.join(COSTS)} FROM true_up WHERE {' AND '.join(parts)}"
    )


def _where(statement: Statement, asked: LedgerAsked) -> str:
    scope = Scope(asked.query, asked.snapshot, teams=asked.teams)
    parts = [within(statement, "charge_period_start", asked.query.period), condition_sql(statement, scope)]
    if asked.bases:
        parts.append(statement.speech.one_of("basis", statement.bind(list(asked.bases))))
    return " AND ".join(parts)


def choices(text: str, allowed: Sequence[str], where: str) -> tuple[str, ...]:
    """``residual|own`` as its words.

    Raises:
        QueryError: One is not among those allowed.
    """
    words = tuple(word.strip().lower() for word in text.replace(",", "|").split("|") if word.strip())
    for word in words:
        if word not in allowed:
            raise QueryError(f'"{word[:40]}" is no {where}', where=where, next_steps=[f"one of {', '.join(allowed)}"])
    return words
