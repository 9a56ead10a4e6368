"""People whom lines name: found, and taken out."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence

from tallystick.bills.columns import LINE_COLUMNS
from tallystick.bills.store.tables import LINES
from tallystick.storage.engine import Engine


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
