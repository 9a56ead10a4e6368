"""A month of an account, as its reconciliation reads it: what was metered and what lines say of it."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.bills import statements
from tallystick.bills.cells import Cell, KeyOf
from tallystick.bills.filed import grains, to_cell, to_items, to_said
from tallystick.bills.id_costs import BY, Found, to_found
from tallystick.bills.said import Copied, Item, Said
from tallystick.bills.store.tables import LINES
from tallystick.storage.engine import Engine


@dataclass(frozen=True, slots=True)
class Month:
    """One account, currency and stretch of time, at one state of the ledger.

    Attributes:
        mark: Highest ingest number that is in charges.
    """

    account: str
    currency: str
    start: int
    end: int
    mark: int

    def params(self, start: int | None = None, end: int | None = None) -> dict[str, Any]:
        """For the statements, of the whole or of a part of it."""
        return {
            "account": self.account,
            "currency": self.currency,
            "mark": self.mark,
            "from": self.start if start is None else start,
            "to": self.end if end is None else end,
        }


def read_stamp(engine: Engine, month: Month) -> str:
    """A text that changes whenever charges of the month do."""
    return repr(engine.rows(statements.stamp(engine.dialect), month.params()))


def list_used_meters(engine: Engine, month: Month) -> tuple[str, ...]:
    """The meters that the month's charges have quantities or costs of."""
    (row,) = engine.rows(statements.used_meters(engine.dialect), month.params())
    figures = zip(statements.METER_NAMES, row[::2], row[1::2], strict=True)
    return tuple(name for name, quantity, costed in figures if quantity or costed)


def sum_items(
    engine: Engine, month: Month, meters: Sequence[str], facts: frozenset[str], key_of: KeyOf
) -> tuple[list[Item], int]:
    """Metered charges per UTC day and key, and the tokens without a price."""
    rows = engine.rows(statements.metered_items(engine.dialect, meters), month.params())
    return to_items(rows, meters, facts, key_of)


def sum_cells(
    engine: Engine, month: Month, day: tuple[int, int], meters: Sequence[str], facts: frozenset[str]
) -> list[Cell]:
    """Metered charges of a day per charge period and all dimensions, always in the same order."""
    rows = engine.rows(statements.metered_cells(engine.dialect, meters), month.params(*day))
    return [to_cell(row, meters, facts) for row in rows]


def sum_said(engine: Engine, month: Month, load_ids: Sequence[str], digits: int, *, matched: bool) -> list[Said]:
    """What the lines of these loads say of the month."""
    params = {**month.params(), "loads": list(load_ids)}
    rows = engine.rows(statements.said(engine.dialect, digits), params)
    return [to_said(row, matched=matched) for row in rows]


def sum_copied(engine: Engine, month: Month) -> list[Copied]:
    """Calls of the month that another capture brought too, by day."""
    params = {name: value for name, value in month.params().items() if name != "mark"}
    rows = engine.rows(statements.copied(engine.dialect), params)
    values: list[Sequence[Any]] = [(int(str(row[0])), *row[1:7], int(str(row[7])), grains(row[8]) or 0) for row in rows]
    return [Copied(*one) for one in values]


def list_claimed_months(engine: Engine, load_ids: Sequence[str]) -> list[tuple[str, str, int]]:
    """Account, currency and an instant of every day that lines of these loads begin on."""
    dialect = engine.dialect
    day = dialect.bucket("charge_period_start", 86_400)
    rows = engine.rows(
        f"SELECT DISTINCT provider_account, currency, {dialect.micros('day')} FROM (SELECT provider_account, currency, "
        f"{day} AS day FROM {LINES} WHERE {dialect.one_of('load_id', '$loads')}) AS line",
        {"loads": list(load_ids)},
    )
    return [(str(account), str(currency), int(str(at))) for account, currency, at in rows]


def sum_by_id(engine: Engine, load_ids: Sequence[str], period: tuple[int, int], by: str) -> list[Found]:
    """What lines of these loads come to by one of `id_costs.BY`, apart for each name an id has had."""
    params: dict[str, Any] = {"loads": list(load_ids), "from": period[0], "to": period[1]}
    return [to_found(row) for row in engine.rows(statements.id_costs(engine.dialect, *BY[by]), params)]
