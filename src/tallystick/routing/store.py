"""Rules in the row database: one row each, deleted ones too, so that gateways hear of it."""

import json
from dataclasses import replace

from tallystick.routing.model import Rule
from tallystick.routing.wire import from_wire, to_wire
from tallystick.storage.config_db import ConfigDb, Value

_RULE = "SELECT rule_id, name, body, created_at, deleted_at, version FROM routing_rule"
_ALL = _RULE + " WHERE deleted_at IS NULL ORDER BY name"
_SINCE = _RULE + " WHERE version > :version ORDER BY version"
_NAMED = _RULE + " WHERE name = :name AND deleted_at IS NULL"


def write_rule(db: ConfigDb, rule: Rule) -> None:
    """Add a rule, or put it in the place of the one of its id.

    Its version comes from `ConfigDb.next_version` in the same transaction.
    """
    db.execute(
        "INSERT INTO routing_rule (rule_id, name, body, created_at, deleted_at, version)"
        " VALUES (:rule_id, :name, :body, :created_at, :deleted_at, :version)"
        " ON CONFLICT (rule_id) DO UPDATE SET name = excluded.name, body = excluded.body,"
        " deleted_at = excluded.deleted_at, version = excluded.version",
        {
            "rule_id": rule.rule_id,
            "name": rule.name,
            "body": json.dumps(to_wire(rule)),
            "created_at": rule.created_at,
            "deleted_at": rule.deleted_at,
            "version": rule.version,
        },
    )


def list_rules(db: ConfigDb) -> list[Rule]:
    """Those in use, by name."""
    return [_to_rule(row) for row in db.rows(_ALL)]


def list_rules_since(db: ConfigDb, version: int) -> list[Rule]:
    """Rules made, changed or deleted after a version, oldest change first."""
    return [_to_rule(row) for row in db.rows(_SINCE, {"version": version})]


def find_rule(db: ConfigDb, name: str) -> Rule | None:
    """The one in use of a name."""
    rows = db.rows(_NAMED, {"name": name})
    return _to_rule(rows[0]) if rows else None


def _to_rule(row: tuple[Value, ...]) -> Rule:
    rule_id, _, body, created_at, deleted_at, version = row
    return replace(
        from_wire(json.loads(str(body))),
        rule_id=str(rule_id),
        created_at=int(str(created_at)),
        deleted_at=None if deleted_at is None else int(str(deleted_at)),
        version=int(str(version)),
    )
