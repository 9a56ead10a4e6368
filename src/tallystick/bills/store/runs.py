"""Reconciliations: rows under a run, and the run that names them."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tallystick.bills.columns import TRUE_UP_COLUMNS, VARIANCE_COLUMNS
from tallystick.bills.filed import grains
from tallystick.bills.reconciliation import ClassTotal, Reconciliation, SetAside, VarianceRow
from tallystick.bills.store.tables import TRUE_UPS, VARIANCES
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Engine


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


_INSTANTS = frozenset(column.name for column in VARIANCE_COLUMNS if column.kind == "instant")


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
