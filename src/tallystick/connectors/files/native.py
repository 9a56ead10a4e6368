"""Native exports as tables of FOCUS's columns: columns renamed, a few of them worked out."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Column = Sequence[object]
Columns = dict[str, Column]


def folded(name: str) -> str:
    """A column's name in the form that all spellings of an export share.

    >>> folded("lineItem/UsageAccountId") == folded("line_item_usage_account_id")
    True
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True, slots=True)
class Native:
    """A kind of export.

    Attributes:
        renames: FOCUS name → folded names that mean it, of which the first that is there holds.
        work_out: More FOCUS columns, from all columns by folded name and the number of rows.
        is_tag: Whether a column is a tag, and of which name; empty when it is none.
        needs_cost: Whether a row without any cost is bad.
        slice_column: FOCUS name or own name of what a later file replaces, where that is no month of an account.
        alternative: Whether of two that mean the same the first that is *filled* holds, row by row.
    """

    title: str
    dataset: str
    renames: Mapping[str, Sequence[str]]
    work_out: Callable[[Mapping[str, Column], int], Columns] = lambda given, rows: {}
    is_tag: Callable[[str], str] = lambda name: ""
    needs_cost: bool = True
    slice_column: str = ""
    notes: tuple[str, ...] = field(default=())

    def to_focus(self, names: Sequence[str], columns: Sequence[Column], rows: int) -> Columns:
        """FOCUS's columns first, then the others by their own names."""
        names, columns = _flat(names, columns)
        given: Columns = {}
        for name, column in zip(names, columns, strict=True):
            given.setdefault(folded(name), column)
        found: Columns = {}
        used: set[str] = set()
        for focus, wanted in self.renames.items():
            present = [one for one in wanted if one in given]
            if present:
                found[focus] = first_filled([given[one] for one in present])
                used.update(present[:1])
        found |= self.work_out(given, rows)
        tags = {name: tag for name in names if (tag := self.is_tag(name))}
        if tags:
            found["Tags"] = _tags(dict(zip(names, columns, strict=True)), tags, found.get("Tags"), rows)
        for name, column in zip(names, columns, strict=True):
            if folded(name) not in used and name not in tags and name not in found:
                found[name] = column
        return found


def first_filled(columns: Sequence[Column]) -> Column:
    """Row by row the first cell that holds something."""
    if len(columns) == 1:
        return columns[0]
    return [next((cell for cell in cells if cell not in (None, "")), None) for cells in zip(*columns, strict=True)]


def _flat(names: Sequence[str], columns: Sequence[Column]) -> tuple[list[str], list[Column]]:
    """Records inside records as columns of their own: `service.description`."""
    flat_names: list[str] = []
    flat: list[Column] = []
    for name, column in zip(names, columns, strict=True):
        kinds = {type(cell) for cell in column} - {type(None)}
        if kinds != {dict}:
            flat_names.append(name)
            flat.append(column)
            continue
        keys = dict.fromkeys(key for cell in column if isinstance(cell, dict) for key in cell)
        for key in keys:
            flat_names.append(f"{name}.{key}")
            flat.append([cell.get(key) if isinstance(cell, dict) else None for cell in column])
        if not keys:
            flat_names.append(name)
            flat.append(column)
    return flat_names, flat


def _tags(columns: Mapping[str, Column], tags: Mapping[str, str], own: Column | None, rows: int) -> Column:
    """Columns that are one tag each, beside a column of tags where there is one."""
    filled = {tag: columns[name] for name, tag in tags.items() if any(cell not in (None, "") for cell in columns[name])}
    if not filled:
        return own if own is not None else [None] * rows
    return [
        {tag: str(cell) for tag, cell in zip(filled, cells, strict=True) if cell not in (None, "")}
        for cells in zip(*filled.values(), strict=True)
    ]
