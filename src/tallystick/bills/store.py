"""The SQL of bill lines: loads in, each slice once; lines out, of the loads that count."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tallystick.bills import statements
from tallystick.bills.cells import Cell, KeyOf
from tallystick.bills.columns import LINE_COLUMNS, LINE_FIELDS, TRUE_UP_COLUMNS, VARIANCE_COLUMNS
from tallystick.bills.filed import grains, to_cell, to_items, to_said
from tallystick.bills.id_costs import BY, Found, to_found
from tallystick.bills.model import BillLine, Brought, Load
from tallystick.bills.reconciliation import ClassTotal, Reconciliation, SetAside, VarianceRow
from tallystick.bills.said import Copied, Item, Said
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.table import Repeated
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Engine
from tallystick.usage.dimensions import ATTRIBUTION

LINES, TRUE_UPS, VARIANCES = "bill_line", "true_up", "variance"
_LOAD_FIELDS = tuple(Load.__slots__)


def ensure_tables(engine: Engine) -> None:
    """Create the tables, or add the columns that a newer version knows."""
    engine.ensure_table(LINES, LINE_COLUMNS, order_by=("charge_period_start", "load_id"))
    engine.ensure_table(TRUE_UPS, TRUE_UP_COLUMNS, order_by=("charge_period_start", "run_id"))
    engine.ensure_table(VARIANCES, VARIANCE_COLUMNS, order_by=("run_id", "charge_period_start"))


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


def list_loads(config_db: ConfigDb, source: str = "", *, all_of_them: bool = False) -> list[Load]:
    """The loads that count, of one source or of all, oldest first; with `all_of_them` superseded ones too."""
    where = "1 = 1" if all_of_them else "superseded_at IS NULL"
    rows = config_db.rows(
        f"SELECT {', '.join(_LOAD_FIELDS)} FROM bill_load WHERE {where} AND (:source = '' OR source = :source) "
        "ORDER BY loaded_at, load_id",
        {"source": source},
    )
    return [_load(row) for row in rows]


def list_brought(config_db: ConfigDb) -> list[Brought]:
    """What each source has brought, by name; of the loads that count."""
    rows = config_db.rows(
        "SELECT source, json_group_array(DISTINCT provider_account), sum(rows), sum(rejected), min(first_at), max(last_at), "
        "max(loaded_at), (SELECT file FROM bill_load n WHERE n.source = b.source AND n.superseded_at IS NULL "
        "ORDER BY loaded_at DESC, last_at DESC LIMIT 1) FROM bill_load b WHERE superseded_at IS NULL GROUP BY source "
        "ORDER BY source"
    )
    return [
        Brought(
            str(source), tuple(sorted(filter(None, json.loads(str(accounts))))), int(str(lines)), int(str(rejected)),
            _instant(first), _instant(last), int(str(loaded)), str(file),
        )
        for source, accounts, lines, rejected, first, last, loaded, file in rows
    ]  # fmt: skip


def _instant(value: object) -> int | None:
    return None if value is None else int(str(value))


def _load(row: Sequence[Any]) -> Load:
    values = dict(zip(_LOAD_FIELDS, row, strict=True))
    values["sums"] = {name: int(text) for name, text in json.loads(values["sums"]).items()}
    return Load(**values)


def append_loads(config_db: ConfigDb, loads: Sequence[Load], gone: Sequence[Load] = ()) -> None:
    """Name loads, and supersede those that held their slices: the commit of their lines.

    Args:
        config_db: The row database.
        loads: What counts from now on.
        gone: Loads of other datasets that say the same as what counts now, with the instant they are superseded at.
    """
    with config_db.transaction():
        for other in gone:
            config_db.execute(
                "UPDATE bill_load SET superseded_at = :at WHERE load_id = :load_id AND superseded_at IS NULL",
                {"at": other.superseded_at, "load_id": other.load_id},
            )
        for load in loads:
            config_db.execute(
                "UPDATE bill_load SET superseded_at = :at WHERE source = :source AND dataset = :dataset "
                "AND slice_key = :slice_key AND superseded_at IS NULL",
                {"at": load.loaded_at, "source": load.source, "dataset": load.dataset, "slice_key": load.slice_key},
            )
            values: dict[str, Any] = {name: getattr(load, name) for name in _LOAD_FIELDS}
            values["sums"] = json.dumps({name: str(grains) for name, grains in load.sums.items()})
            names = ", ".join(_LOAD_FIELDS)
            marks = ", ".join(f":{name}" for name in _LOAD_FIELDS)
            config_db.execute(f"INSERT INTO bill_load ({names}) VALUES ({marks})", values)


def clear_principals(engine: Engine, names: Sequence[str]) -> list[tuple[str, int]]:
    """Empty what leads to people in the lines that name one of them; amounts stay. (page_id, lines) of each page.

    Args:
        engine: The ledger.
        names: Ids of a person at providers, and their name as the user dimension of a line.
    """
    found = list_principal_pages(engine, names)
    if found:
        columns = [one for one in LINE_COLUMNS if one.name in _PERSONAL]
        with engine.transaction():
            engine.execute(engine.dialect.clear(LINES, columns, _named(engine)), {"names": list(names)})
    return found


def list_principal_pages(engine: Engine, names: Sequence[str]) -> list[tuple[str, int]]:
    """The pages of lines that name one of these people, with the number of those lines."""
    rows = engine.rows(
        f"SELECT page_id, count(*) FROM {LINES} WHERE {_named(engine)} GROUP BY page_id ORDER BY page_id",
        {"names": list(names)},
    )
    return [(str(page), int(str(count))) for page, count in rows]


def _named(engine: Engine) -> str:
    return " OR ".join(engine.dialect.one_of(column, "$names") for column in ("principal", "d_user"))


# What a line tells of one person, directly or through an id that leads back to them.
_PERSONAL = frozenset(
    {"principal", "tags", "extra", "d_user", "d_customer", "d_conversation", "d_run", "d_pull_request"}
)


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


def append_true_ups(engine: Engine, data: Mapping[str, Sequence[object]]) -> None:
    """Append rows of a run that is not named yet."""
    if data and data["run_id"]:
        engine.append(TRUE_UPS, TRUE_UP_COLUMNS, data)


def append_variances(engine: Engine, run_id: str, rows: Sequence[VarianceRow]) -> None:
    """Append the steps and classes of a run that is not named yet."""
    if not rows:
        return
    names = [column.name for column in VARIANCE_COLUMNS if column.name != "run_id"]
    data: dict[str, Sequence[object]] = {
        name: [getattr(row, "class_" if name == "class" else name) for row in rows] for name in names
    }
    engine.append(VARIANCES, VARIANCE_COLUMNS, {"run_id": [run_id] * len(rows), **data})


def drop_runs(engine: Engine, run_ids: Sequence[str]) -> None:
    """Delete the rows of runs that will not be named, or that nobody opens any more."""
    where = engine.dialect.one_of("run_id", "$runs")
    for table in (TRUE_UPS, VARIANCES):
        engine.execute(f"DELETE FROM {table} WHERE {where}", {"runs": list(run_ids)})


def drop_unnamed_runs(engine: Engine, named: Sequence[str]) -> None:
    """Delete rows of runs that were never named."""
    for table in (TRUE_UPS, VARIANCES):
        where = f"NOT {engine.dialect.one_of('run_id', '$named')}"
        ((count,),) = engine.rows(f"SELECT count(*) FROM {table} WHERE {where}", {"named": list(named)})
        if count:
            engine.execute(f"DELETE FROM {table} WHERE {where}", {"named": list(named)})


def append_run(config_db: ConfigDb, run: Reconciliation) -> None:
    """Name a run, and supersede that of the same account, currency and month: the commit of its rows."""
    body = {name: value for name, value in asdict(run).items() if name not in _RUN_COLUMNS}
    values: dict[str, Any] = {
        "run_id": run.run_id, "account": run.account, "currency": run.currency, "start": run.period_start,
        "end": run.period_end, "body": json.dumps(body), "at": run.created_at,
    }  # fmt: skip
    with config_db.transaction():
        config_db.execute(
            "UPDATE reconcile_run SET superseded_at = :at WHERE provider_account = :account AND currency = :currency "
            "AND period_start = :start AND superseded_at IS NULL",
            {name: values[name] for name in ("at", "account", "currency", "start")},
        )
        config_db.execute(
            "INSERT INTO reconcile_run (run_id, provider_account, currency, period_start, period_end, body, created_at) "
            "VALUES (:run_id, :account, :currency, :start, :end, :body, :at)",
            values,
        )


_RUN_COLUMNS = frozenset({"run_id", "account", "currency", "period_start", "period_end", "created_at", "superseded_at"})


def list_runs(config_db: ConfigDb, *, all_of_them: bool = False) -> list[Reconciliation]:
    """The runs that count, the newest month first; with `all_of_them` superseded ones too."""
    where = "1 = 1" if all_of_them else "superseded_at IS NULL"
    rows = config_db.rows(
        "SELECT run_id, provider_account, currency, period_start, period_end, created_at, superseded_at, body "
        f"FROM reconcile_run WHERE {where} ORDER BY period_start DESC, provider_account, currency, created_at DESC"
    )
    return [_run(row) for row in rows]


def _run(row: Sequence[Any]) -> Reconciliation:
    body = json.loads(row[7])
    for name, kind in (("classes", ClassTotal), ("set_aside", SetAside)):
        body[name] = tuple(kind(**one) for one in body[name])
    body["loads"] = tuple(body["loads"])
    run_id, account, currency, start, end, created_at, superseded_at = row[:7]
    return Reconciliation(
        run_id=run_id, account=account, currency=currency, period_start=start, period_end=end, created_at=created_at,
        superseded_at=superseded_at, **body,
    )  # fmt: skip


def list_run_ids(config_db: ConfigDb, *, all_of_them: bool = False) -> tuple[str, ...]:
    """The ids of the runs that count, or of all that were ever named."""
    where = "1 = 1" if all_of_them else "superseded_at IS NULL"
    return tuple(
        str(name) for (name,) in config_db.rows(f"SELECT run_id FROM reconcile_run WHERE {where} ORDER BY run_id")
    )


def list_variances(engine: Engine, run_id: str, where: Mapping[str, str], page: tuple[int, int]) -> list[VarianceRow]:
    """Rows of a run, the largest amounts first.

    Args:
        engine: The ledger.
        run_id: Of the run.
        where: Column to the text it must have: `class`, `claim`; or `known` to the column that must not be NULL.
        page: Limit and offset.
    """
    names = [column.name for column in VARIANCE_COLUMNS if column.name != "run_id"]
    params: dict[str, Any] = {"run": run_id}
    parts = ["run_id = $run"]
    for name, text in where.items():
        if name == "known":
            parts.append(f"{text} IS NOT NULL")
        else:
            params[f"w_{name}"] = text
            parts.append(f'"{name}" = $w_{name}')
    chosen = ", ".join(engine.dialect.micros(name) if name in _INSTANTS else f'"{name}"' for name in names)
    rows = engine.rows(
        f"SELECT {chosen} FROM {VARIANCES} WHERE {' AND '.join(parts)} "
        f'ORDER BY abs(amount) DESC, charge_period_start, claim, "class" LIMIT {int(page[0])} OFFSET {int(page[1])}',
        params,
    )
    return list(_variances(names, rows))


def _variances(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[VarianceRow]:
    money = {column.name for column in VARIANCE_COLUMNS if column.kind == "money"}
    for row in rows:
        values: dict[str, Any] = {
            "class_" if name == "class" else name: grains(value) if name in money else value
            for name, value in zip(names, row, strict=True)
        }
        yield VarianceRow(**values)
