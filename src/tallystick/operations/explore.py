"""Answer the one question: what was spent on what, over when, compared with when."""

from collections.abc import Iterator
from dataclasses import replace

from tallystick.bills.grade import grade, millionths
from tallystick.bills.store import list_brought, list_run_ids
from tallystick.explore.assemble import assemble
from tallystick.explore.conditions import matches
from tallystick.explore.model import Breakdown, Freshness, Quality, Query, SourceFresh
from tallystick.explore.statement import Scope, Snapshot, can_charges_answer
from tallystick.explore.store import (
    known_values,
    list_currencies,
    list_import_runs,
    read_extent,
    sum_by_basis,
    sum_groups,
    sum_series,
)
from tallystick.ledger.post import bucket_seconds
from tallystick.ledger.store import read_last_seq, read_mark
from tallystick.operations.context import Context, now_us
from tallystick.operations.convert_costs import convert_costs
from tallystick.org.model import Principal
from tallystick.usage.dimensions import CHARGE_DIMENSIONS


def explore(context: Context, query: Query, principal: Principal, *, raw: bool = False) -> Breakdown:
    """The breakdown of a query, of the rows this principal may see.

    Args:
        context: The instance.
        query: From `explore.parse.parse_query`.
        principal: Its teams restrict every figure; none of them means all.
        raw: Sum events although charges could answer: the same figures, slower. For tests and benchmarks.
    """
    engine = context.ledger
    scope = read_scope(context, query, principal, raw=raw)
    if query.convert:
        return convert_costs(context, scope, read_freshness(context, principal))
    groups = sum_groups(engine, scope)
    series = sum_series(engine, scope, groups)
    answer = assemble(query, groups, series, read_freshness(context, principal))
    return replace(answer, quality=_quality(context, scope, answer))


def currencies_of(context: Context, query: Query, principal: Principal) -> tuple[str, ...]:
    """The currencies of the rows that a query's filters and periods find, whatever currency it asks for."""
    return list_currencies(context.ledger, read_scope(context, query, principal))


def other_currencies(context: Context, query: Query, principal: Principal) -> tuple[str, ...]:
    """The currencies of rows that a query leaves out, because it is of another one; none where it converts."""
    if query.convert:
        return ()
    return tuple(code for code in currencies_of(context, query, principal) if code != query.currency)


def _quality(context: Context, scope: Scope, answer: Breakdown) -> Quality:
    """What the answer's money rests on: bills by their basis, the rest is metered."""
    shares = {"metered": 0, "reported": 0, "invoiced": 0}
    shares |= sum_by_basis(context.ledger, scope) if scope.query.basis != "metered" else {}
    billed = shares["reported"] + shares["invoiced"]
    shares["metered"] = (_effective(context, scope, answer) or 0) - billed
    letter, why = grade(shares, answer.total.now.unpriced_tokens)
    return Quality(shares, millionths(billed, sum(shares.values())), letter, why)


def _effective(context: Context, scope: Scope, answer: Breakdown) -> int | None:
    if answer.query.measure == "effective":
        return answer.total.now.cost
    query = replace(scope.query, measure="effective", group_by=(), grain=None, previous=None)
    return sum_groups(context.ledger, replace(scope, query=query)).total.now.cost


def read_scope(context: Context, query: Query, principal: Principal, *, raw: bool = False) -> Scope:
    """The query as this principal may ask it, at this state of the ledger."""
    seconds = read_mark(context.ledger, "charge_seconds") or bucket_seconds(context.zone)
    # The mark first: what is posted in between is then read as an event, not twice.
    mark = read_mark(context.ledger)
    runs = list_run_ids(context.config_db) if query.basis != "metered" else ()
    snapshot = Snapshot(mark=mark, last=max(mark, read_last_seq(context.ledger)), seconds=seconds, runs=runs)
    charged = not raw and can_charges_answer(query, seconds, bucket_seconds(query.zone))
    exact = {
        one: tuple(
            value for value in known_values(context.ledger, query, snapshot, one.dimension) if matches(one, value)
        )
        for one in query.filters
        if one.dimension in CHARGE_DIMENSIONS
    }
    return Scope(query, snapshot, teams=principal.teams, charged=charged, exact=exact)


def read_freshness(context: Context, principal: Principal | None = None) -> Freshness:
    """How far the ledger has come; for a principal who is not kept to teams, also each import and source of bills."""
    first, last = read_extent(context.ledger) or (None, None)
    sources = tuple(_sources(context)) if principal is not None and not principal.teams else ()
    return Freshness(last_event_at=last, ledger_at=now_us(), first_event_at=first, sources=sources)


def _sources(context: Context) -> Iterator[SourceFresh]:
    for run in list_import_runs(context.config_db):
        yield SourceFresh(run.source, "calls", None, run.ended_at)
    for one in list_brought(context.config_db):
        yield SourceFresh(one.source, "bills", one.last_at, one.loaded_at)
