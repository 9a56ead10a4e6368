"""Spend of people and keys through the gateway and past it, as SQL over events: text only."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from dataclasses import dataclass
from typing import Literal, Protocol

from tallystick.ledger.budget_sums import FOREIGN

Who = Literal["user", "team", "key_fingerprint"]
WHO: tuple[Who, ...] = ("user", "team", "key_fingerprint")
# As budgets would have counted it.
_COST = f"CASE WHEN {FOREIGN} THEN bound_cost ELSE effective_cost END"


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    def instant(self, param: str) -> str: ...

    def one_of(self, expression: str, param: str) -> str: ...

    def final(self, table: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What one person, team or provider key spent that a budget did not see, before and after an instant.

    Attributes:
        source: Where the rows are from; ``gateway`` is other keys of ours.
        before, after: Grains of US dollars; of rows without a price nothing is known, and rows in another
            currency count with the bound they were held to, where they have one.
    """

    who: str
    source: str
    before: int
    after: int


def elsewhere_statement(dialect: Speaks, table: str, who: Who) -> str:
    """Spend by value and source around an instant: parameters `from`, `at`, `to`, `values`, `keys`.

    Of the gateway's rows only those of other keys count; all rows of other sources do.
    """
    at = dialect.instant("$at")
    return (
        f'SELECT "{who}", source, coalesce(sum(CASE WHEN occurred_at < {at} THEN {_COST} END), 0), '
        f"coalesce(sum(CASE WHEN occurred_at >= {at} THEN {_COST} END), 0) FROM {dialect.final(table)} "
        f"WHERE occurred_at >= {dialect.instant('$from')} AND occurred_at < {dialect.instant('$to')} "
        f"AND {dialect.one_of(chr(34) + who + chr(34), '$values')} "
        f"AND (source <> 'gateway' OR NOT {dialect.one_of(chr(34) + 'key' + chr(34), '$keys')}) "
        f'GROUP BY "{who}", source ORDER BY 1, 2'
    )
