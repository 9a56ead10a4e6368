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
# before it is made, when only what was asked for is known, and a caller may bring a key of its own.
_COLUMNS: dict[str, str] = {
    "model": "request_model",
    "service_tier": "requested_service_tier",
    "key": "CASE WHEN \"key\" <> '' THEN \"key\" WHEN key_fingerprint <> '' THEN concat('pk_', key_fingerprint) "
    "ELSE '' END",
}
# Money in nano-units, each call rounded up: as counters are settled, call by call.
_NANO = "coalesce(ceil(coalesce(effective_cost, bound_cost) * 1000000000), 0)"
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
        nano: Money in 1e-9 of the currency, each call rounded up; of a call of unknown cost its bound.
        tokens: Input and output, as far as known.
        requests: Attempts that reached a provider.
        unknown: Attempts whose tokens nobody knows.
    """

    values: tuple[str, ...]
    span: int
    nano: int
    tokens: int
    requests: int
    unknown: int = 0


def can_be_summed(dimension: str) -> bool:
    """Whether the ledger knows a dimension of budgets; a request's own fingerprint it does not."""
    return dimension in GROUPABLE


def column_of(dimension: str) -> str:
    """The expression over events that holds what budgets mean by a dimension."""
    return _COLUMNS.get(dimension, f'"{dimension}"')


def sums_statement(dialect: Speaks, table: str, wanted: Wanted, where: str) -> str:
    """Groups with their sums, of the rows that `where` lets through besides.

    Takes the parameters of `sums_params`.
    """
    groups = [column_of(name) for name in wanted.dimensions]
    later = [f"CASE WHEN occurred_at >= {dialect.instant(f'$start{n}')} THEN 1 ELSE 0 END" for n in _rest(wanted)]
    span = " + ".join(later) or "0"
    until = f"AND occurred_at < {dialect.instant('$end')} " if wanted.end_us else ""
    names = [f"g{number}" for number in range(len(groups))]
    columns = [f"{text} AS {name}" for text, name in zip(groups, names, strict=True)]
    keys = ", ".join([*names, "span"])
    inner = ", ".join([*columns, f"{span} AS span", f"{_NANO} AS nano", f"{_TOKENS} AS tokens", f"{_BLIND} AS blind"])
    return (
        f"SELECT {keys}, sum(nano), sum(tokens), count(*), sum(blind) FROM (SELECT {inner} "
        f"FROM {dialect.final(table)} WHERE occurred_at >= {dialect.instant('$start0')} {until}"
        f"AND attempt >= 1 AND {dialect.one_of('source', '$sources')} AND {where}) AS used GROUP BY {keys}"
    )


_BLIND = "CASE WHEN input_tokens IS NULL AND output_tokens IS NULL THEN 1 ELSE 0 END"


def sums_params(wanted: Wanted) -> dict[str, int | Sequence[str]]:
    """The parameters of `sums_statement`."""
    starts = {f"start{number}": start for number, start in enumerate(wanted.starts)}
    return {**starts, "sources": list(wanted.sources), **({"end": wanted.end_us} if wanted.end_us else {})}


def _rest(wanted: Wanted) -> range:
    return range(1, len(wanted.starts))
