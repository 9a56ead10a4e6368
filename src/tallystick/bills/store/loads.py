"""Loads: which lines count, and whose place they took."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

import json
from collections.abc import Sequence
from typing import Any

from tallystick.bills.model import Brought, Load
from tallystick.storage.config_db import ConfigDb

_LOAD_FIELDS = tuple(Load.__slots__)


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
