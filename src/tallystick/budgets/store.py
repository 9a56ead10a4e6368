"""Budgets in the row database: one row each, deleted ones too, so that gateways hear of it."""

import json
from dataclasses import asdict, replace
from typing import Any

from tallystick.budgets.history import Change, Drift
from tallystick.budgets.model import Budget
from tallystick.budgets.wire import from_wire, to_wire
from tallystick.storage.config_db import ConfigDb, Value

_BUDGET = "SELECT budget_id, name, body, created_at, deleted_at, version FROM budget"
_ALL = _BUDGET + " WHERE deleted_at IS NULL ORDER BY name, budget_id"
_SINCE = _BUDGET + " WHERE version > :version ORDER BY version"
_NAMED = _BUDGET + " WHERE name = :name AND deleted_at IS NULL"
_MOST_CHANGES = 100
_IDENTIFIED = _BUDGET + " WHERE budget_id = :budget_id"


def write_budget(db: ConfigDb, budget: Budget, change: Change | None = None) -> None:
    """Add a budget, or put it in the place of the one of its id; its changes so far are kept.

    Its version comes from `ConfigDb.next_version` in the same transaction.
    """
    changes = [*list_changes(db, budget.budget_id), *([change] if change else [])][-_MOST_CHANGES:]
    db.execute(
        "INSERT INTO budget (budget_id, name, body, created_at, deleted_at, version)"
        " VALUES (:budget_id, :name, :body, :created_at, :deleted_at, :version)"
        " ON CONFLICT (budget_id) DO UPDATE SET name = excluded.name, body = excluded.body,"
        " deleted_at = excluded.deleted_at, version = excluded.version",
        {
            "budget_id": budget.budget_id,
            "name": budget.name,
            "body": json.dumps({"budget": to_wire(budget), "changes": [asdict(one) for one in changes]}),
            "created_at": budget.created_at,
            "deleted_at": budget.deleted_at,
            "version": budget.version,
        },
    )


def list_budgets(db: ConfigDb) -> list[Budget]:
    """Those in force, by name."""
    return [_to_budget(row) for row in db.rows(_ALL)]


def list_budgets_since(db: ConfigDb, version: int) -> list[Budget]:
    """Budgets made, changed or deleted after a version, oldest change first."""
    return [_to_budget(row) for row in db.rows(_SINCE, {"version": version})]


def find_budget(db: ConfigDb, name: str) -> Budget | None:
    """The one in force of a name."""
    rows = db.rows(_NAMED, {"name": name})
    return _to_budget(rows[0]) if rows else None


def read_budget(db: ConfigDb, budget_id: str) -> Budget | None:
    """One budget by its id, deleted or not."""
    rows = db.rows(_IDENTIFIED, {"budget_id": budget_id})
    return _to_budget(rows[0]) if rows else None


def list_changes(db: ConfigDb, budget_id: str) -> list[Change]:
    """The changes of a budget, oldest first, its making included; only so many are kept."""
    rows = db.rows("SELECT body FROM budget WHERE budget_id = :budget_id", {"budget_id": budget_id})
    return [Change(**one) for one in json.loads(str(rows[0][0]))["changes"]] if rows else []


def append_drift(db: ConfigDb, drift: Drift) -> None:
    """Keep what a repair has changed."""
    db.execute(
        "INSERT INTO counter_drift (at, budget_id, counter, before, after, reason)"
        " VALUES (:at, :budget_id, :counter, :before, :after, :reason)",
        {
            "at": drift.at,
            "budget_id": drift.budget_id,
            "counter": drift.counter,
            "before": drift.before,
            "after": drift.after,
            "reason": drift.reason,
        },
    )


def list_drift(db: ConfigDb, limit: int) -> list[Drift]:
    """The latest repairs, newest first."""
    rows = db.rows(
        "SELECT at, budget_id, counter, before, after, reason FROM counter_drift"
        " ORDER BY at DESC, rowid DESC LIMIT :limit",
        {"limit": limit},
    )
    return [
        Drift(_number(at), str(budget_id), str(counter), _number(before), _number(after), str(reason))
        for at, budget_id, counter, before, after, reason in rows
    ]


def _to_budget(row: tuple[Value, ...]) -> Budget:
    budget_id, name, body, created_at, deleted_at, version = row
    found: dict[str, Any] = json.loads(str(body))
    return replace(
        from_wire(found["budget"]),
        budget_id=str(budget_id),
        name=str(name),
        created_at=_number(created_at),
        deleted_at=None if deleted_at is None else _number(deleted_at),
        version=_number(version),
    )


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database holds {value!r} where a number belongs")
    return value
