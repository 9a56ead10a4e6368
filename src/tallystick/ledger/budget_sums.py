"""What budgets would have counted, as SQL over events: text only, `ledger.store` runs it.

One statement answers all budgets that look at the same dimensions over the same spans
of time; which group counts for which budget is told afterwards, by the budgets' rules.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tallystick.usage.dimensions import GROUPABLE

# Where a budget's word for a dimension is not a column of the same name: budgets look at a call
# before it is made, when only what is asked for is known, and a caller may bring a key of its own.
_COLUMNS: dict[str, str] = {
    "request_model": "CASE WHEN sent_model <> '' THEN sent_model ELSE request_model END",
    "service_tier": "requested_service_tier",
    "key": "CASE WHEN \"key\" <> '' THEN \"key\" ELSE concat('pk_', key_fingerprint) END",
}
# The model that prices are looked up under is told from provider and `request_model`, by the price book.
_ELSEWHERE = frozenset({"model", "response_model", "source", "outcome", "verdict", "served_from"})
# A call that broke off may have been billed for more than it said.
_GUESSED = "usage_state <> 'reported' AND outcome IN ('cut', 'client_gone', 'interrupted', 'error')"
# The one currency that limits and bounds are in. A cost in another is not known in it: budgets know no rates.
CURRENCY = "USD"
FOREIGN = f"currency <> '{CURRENCY}' AND effective_cost IS NOT NULL"
# Money in nano-units, each call rounded up: as counters are settled, call by call. What is bound to cost
# nothing is paid otherwise; what is not known for certain counts with its bound.
_NANO = (
    "coalesce(ceil(CASE WHEN bound_cost = 0 THEN 0 "
    f"WHEN bound_cost IS NOT NULL AND (effective_cost IS NULL OR {_GUESSED} OR {FOREIGN}) THEN bound_cost "
    f"WHEN {FOREIGN} THEN NULL ELSE effective_cost END * 1000000000), 0)"
)
_UNKNOWN = f"input_tokens IS NULL OR output_tokens IS NULL OR ({_GUESSED})"
# An adjustment of what a call costs is no request of its own.
_REQUEST = "CASE WHEN source_key = 'rerate' THEN 0 ELSE 1 END"
_TOKENS = "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)"


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    def instant(self, param: str) -> str: ...

    def one_of(self, expression: str, param: str) -> str: ...

    def final(self, table: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sums are wanted.

    Attributes:
        dimensions: What groups are told apart by, in the order of `Sum.values`.
        starts: Beginnings of adjoining spans, ascending, in microseconds.
        end_us: First instant out of the last span; 0 takes all there is.
        sources: Sources of events that passed through counters.
    """

    dimensions: tuple[str, ...]
    starts: tuple[int, ...]
    end_us: int
    sources: tuple[str, ...] = ("gateway",)


@dataclass(frozen=True, slots=True)
class Sum:
    """What one group used in one span.

    Attributes:
        values: One for each dimension, "" where it is not known.
        span: Index into `Wanted.starts`.
        nano: Money in 1e-9 of `CURRENCY`, each call rounded up; of a call of unknown cost its bound.
        tokens: Input and output, as far as they were reported or guessed.
        requests: Attempts that reached a provider.
        unknown: Attempts whose tokens are not known for certain.
        foreign: Rows whose cost is in another currency: `nano` holds the bound of each, and nothing where it has none.
    """

    values: tuple[str, ...]
    span: int
    nano: int
    tokens: int
    requests: int
    unknown: int = 0
    foreign: int = 0


def can_be_summed(dimension: str) -> bool:
    """Whether the ledger knows a dimension of budgets; a request's own fingerprint it does not."""
    return dimension in GROUPABLE and dimension not in _ELSEWHERE


def column_of(dimension: str) -> str:
    """The expression over events that holds what budgets mean by a dimension."""
    return _COLUMNS.get(dimension, f'"{dimension}"')


def sums_statement(dialect: Speaks, table: str, wanted: Wanted, where: str) -> str:
    """Groups with their sums, of the rows that `where` lets through besides.

    Takes the parameters of `sums_params`.
    """
    names = [f"g{number}" for number in range(len(wanted.dimensions))]
    columns = [f"{column_of(one)} AS {name}" for one, name in zip(wanted.dimensions, names, strict=True)]
    columns += [f"{_span(dialect, wanted)} AS span", f"{_NANO} AS nano", f"{_TOKENS} AS tokens"]
    columns += [f"CASE WHEN {_UNKNOWN} THEN 1 ELSE 0 END AS blind", f"{_REQUEST} AS request"]
    columns += [f"CASE WHEN {FOREIGN} THEN 1 ELSE 0 END AS abroad"]
    keys = ", ".join([*names, "span"])
    return (
        f"SELECT {keys}, sum(nano), sum(tokens), sum(request), sum(blind), sum(abroad) FROM (SELECT {', '.join(columns)} "
        f"FROM {dialect.final(table)} WHERE {_rows(dialect, wanted)} AND {where}) AS used GROUP BY {keys}"
    )


def unknown_statement(dialect: Speaks, table: str, wanted: Wanted, where: str) -> str:
    """Attempts whose tokens are not known for certain, one a row: group, span, what is known, decision."""
    groups = [f"{column_of(name)} AS g{number}" for number, name in enumerate(wanted.dimensions)]
    return (
        f"SELECT {', '.join([*groups, f'{_span(dialect, wanted)} AS span', _TOKENS, 'decision'])} "
        f"FROM {dialect.final(table)} WHERE {_rows(dialect, wanted)} AND ({_UNKNOWN}) AND decision <> '' AND {where}"
    )


def _span(dialect: Speaks, wanted: Wanted) -> str:
    later = range(1, len(wanted.starts))
    parts = [f"CASE WHEN occurred_at >= {dialect.instant(f'$start{n}')} THEN 1 ELSE 0 END" for n in later]
    return " + ".join(parts) or "0"


def _rows(dialect: Speaks, wanted: Wanted) -> str:
    until = f" AND occurred_at < {dialect.instant('$end')}" if wanted.end_us else ""
    since = f"occurred_at >= {dialect.instant('$start0')}{until}"
    return f"{since} AND attempt >= 1 AND {dialect.one_of('source', '$sources')}"


def sums_params(wanted: Wanted) -> dict[str, int | Sequence[str]]:
    """The parameters of `sums_statement`."""
    starts = {f"start{number}": start for number, start in enumerate(wanted.starts)}
    return {**starts, "sources": list(wanted.sources), **({"end": wanted.end_us} if wanted.end_us else {})}
