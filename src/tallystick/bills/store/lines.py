"""Lines: in under a load, out of the loads that are asked for."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from typing import Any

from tallystick.bills.columns import LINE_COLUMNS, LINE_FIELDS
from tallystick.bills.model import BillLine
from tallystick.bills.store.tables import LINES
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.table import Repeated
from tallystick.storage.engine import Engine
from tallystick.usage.dimensions import ATTRIBUTION


def append_lines(engine: Engine, source: str, load_id: str, page_id: str, lines: Sequence[BillLine]) -> None:
    """Append lines of a load that is not named yet: nobody reads them before `append_loads`."""
    if not lines:
        return
    data: dict[str, Sequence[object]] = {name: [_value(name, one) for one in lines] for name in LINE_FIELDS}
    for name in ATTRIBUTION:
        data[f"d_{name}"] = [one.dimensions.get(name, "") for one in lines]
    count = len(lines)
    data |= {"load_id": [load_id] * count, "page_id": [page_id] * count, "source": [source] * count}
    engine.append(LINES, LINE_COLUMNS, data)


def append_columns(
    engine: Engine,
    source: str,
    load_ids: Sequence[str],
    page_id: str | Sequence[str],
    data: Mapping[str, Sequence[object]],
) -> None:
    """As `append_lines`, for columns by name of the table: costs and quantities in grains, one load id a row.

    The page is one for all rows, or one a row.
    """
    count = len(load_ids)
    if count:
        whole: dict[str, Sequence[object]] = {
            "load_id": load_ids,
            "page_id": Repeated(page_id, count) if isinstance(page_id, str) else page_id,
            "source": Repeated(source, count),
        }
        engine.append(LINES, LINE_COLUMNS, {**data, **whole})


def _value(name: str, line: BillLine) -> object:
    value = getattr(line, name)
    if name in {"consumed_quantity", "pricing_quantity"}:
        return None if value is None else grains_from_decimal(value)
    return dict(value) if name in {"tags", "extra"} else value


def drop_lines(engine: Engine, load_ids: Sequence[str]) -> None:
    """Delete the lines of loads that came to nothing."""
    if load_ids:
        engine.execute(
            f"DELETE FROM {LINES} WHERE {engine.dialect.one_of('load_id', '$loads')}", {"loads": list(load_ids)}
        )


def drop_unnamed_lines(engine: Engine, named: Sequence[str]) -> int:
    """Delete lines of loads that were never named; how many there were."""
    ((count,),) = engine.rows(
        f"SELECT count(*) FROM {LINES} WHERE NOT {engine.dialect.one_of('load_id', '$named')}", {"named": list(named)}
    )
    if count:
        engine.execute(
            f"DELETE FROM {LINES} WHERE NOT {engine.dialect.one_of('load_id', '$named')}", {"named": list(named)}
        )
    return int(str(count))


def list_lines(engine: Engine, load_ids: Sequence[str], period: tuple[int, int]) -> list[tuple[str, str, BillLine]]:
    """Source, page and line of these loads, whose charge period begins within a stretch of time; in order."""
    dialect = engine.dialect
    names = [*LINE_FIELDS, *(f"d_{name}" for name in ATTRIBUTION)]
    chosen = ", ".join(dialect.micros(name) if name in _INSTANTS else f'"{name}"' for name in names)
    rows = engine.rows(
        f"SELECT source, page_id, {chosen} FROM {LINES} WHERE {dialect.one_of('load_id', '$loads')} "
        f"AND charge_period_start >= {dialect.instant('$from')} AND charge_period_start < {dialect.instant('$to')} "
        "ORDER BY charge_period_start, source, load_id, page_id, line_no",
        {"loads": list(load_ids), "from": period[0], "to": period[1]},
    )
    return [(str(row[0]), str(row[1]), _line(dict(zip(names, row[2:], strict=True)))) for row in rows]


_INSTANTS = frozenset(column.name for column in LINE_COLUMNS if column.kind == "instant")

_GRAINS = frozenset(column.name for column in LINE_COLUMNS if column.kind == "money") - {
    "consumed_quantity",
    "pricing_quantity",
}


def _line(row: Mapping[str, Any]) -> BillLine:
    values = {name: row[name] for name in LINE_FIELDS}
    for name in _GRAINS:
        values[name] = None if values[name] is None else grains_from_decimal(values[name])
    values |= {"tags": dict(row["tags"]), "extra": dict(row["extra"]), "ai": bool(row["ai"])}
    dimensions = {name: row[f"d_{name}"] for name in ATTRIBUTION if row[f"d_{name}"]}
    return BillLine(**values, dimensions=dimensions)
