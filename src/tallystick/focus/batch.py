"""FOCUS records column by column: the same lines as `convert`, for millions of rows.

A column is read by a memory of its cells: bills repeat nearly all of them. Rows are put
together only where they must be (what is AI, which slice), by keys that repeat as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import Rejected
from tallystick.focus.ai import Facts
from tallystick.focus.cells import Bad, read_grains, read_instant, read_text
from tallystick.focus.columns import COSTS
from tallystick.focus.convert import reader_of
from tallystick.focus.judge import (
    CUSTOM_HINTS,
    HINTS,
    account_of,
    note_of,
    problem_of,
    quantity_of,
    raw_of,
    read_extra,
    slice_of,
    tell_from,
)
from tallystick.focus.layout import lay_out
from tallystick.focus.place import Place
from tallystick.focus.tags import dimensions_of, read_tags
from tallystick.kernel.table import Repeated
from tallystick.usage.dimensions import ATTRIBUTION

_REMEMBERED = 100_000
Columns = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows as columns of the table of bill lines, and the bad ones.

    Attributes:
        data: Every column that a line has of its own (`load_id`, `page_id` and `source` are the loader's),
            money and quantities in grains.
        kept: Place of each good row among the rows given.
    """

    data: dict[str, Sequence[Any]]
    kept: list[int]
    rejected: list[Rejected]


class _Memory(dict[Any, Any]):
    """What was read from a cell before; forgets everything when it is full."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.read = read
        self.bad = False

    def __missing__(self, cell: Any) -> Any:
        value = self.read(cell)
        self.bad = self.bad or isinstance(value, Bad)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[cell] = value
        return value


class FocusReader:
    """Reads the batches of one file.

    Args:
        names: Its columns, in order.
        place: As of `line_from_focus`; its `line_no` does not count.
    """

    def __init__(self, names: Sequence[str], place: Place) -> None:
        self._layout = lay_out(tuple(names))
        self._place = place
        self._memories: dict[object, _Memory] = {}
        self._facts = _Memory(lambda key: tell_from(key[: len(HINTS)], self._custom(key[len(HINTS) :])))
        self._accounts = _Memory(lambda key: account_of(place.account, *key))
        self._slices = _Memory(lambda key: slice_of(key[0], key[1], key[2], place.suffix))

    def read(self, cells: Columns, lines: Sequence[int]) -> Batch:
        """The rows of a batch; `cells` holds one column after the other, `lines` the place of each row."""
        values: dict[str, Sequence[Any]] = {}
        problems: dict[int, str] = {}
        layout = self._layout
        parts = ((layout.money, read_grains), (layout.quantities, read_grains), (layout.instants, read_instant))
        for part, read in parts:
            for attribute, (at, name) in part.items():
                values[attribute] = found = self._column(read, cells[at], read)
                if self._is_bad(read):
                    for row, value in enumerate(found):
                        if isinstance(value, Bad):
                            problems.setdefault(row, f"{name}: {value.reason}")
        self._check(values, problems, len(lines))
        if not problems:
            return Batch(self._lines(values, cells, lines), list(range(len(lines))), [])
        kept = [row for row in range(len(lines)) if row not in problems]
        rejected = [
            Rejected(lines[row], problems[row], raw_of(layout.names, [column[row] for column in cells]))
            for row in sorted(problems)
        ]
        values = {name: [column[row] for row in kept] for name, column in values.items()}
        cells = [[column[row] for row in kept] for column in cells]
        return Batch(self._lines(values, cells, [lines[row] for row in kept]), kept, rejected)

    def _column(self, name: object, cells: Sequence[object], read: Callable[[Any], Any]) -> Sequence[Any]:
        first = cells[0] if cells else None
        if (first is None or type(first) is str) and cells.count(first) == len(cells):
            return Repeated(self._memory((name, str), read)[first], len(cells))
        kinds = set(map(type, cells))
        kinds.discard(type(None))
        if len(kinds) > 1 or kinds & {list, dict, tuple, set}:  # 1 and True are one key
            memory = self._memory((name, None), read)
            found = [read(cell) for cell in cells]
            memory.bad = memory.bad or any(isinstance(value, Bad) for value in found)
            return found
        memory = self._memory((name, next(iter(kinds), str)), read)
        return list(map(memory.__getitem__, cells))

    def _memory(self, key: object, read: Callable[[Any], Any]) -> _Memory:
        found = self._memories.get(key)
        if found is None:
            found = self._memories[key] = _Memory(read)
        return found

    def _is_bad(self, read: object) -> bool:
        return any(one.bad for key, one in self._memories.items() if isinstance(key, tuple) and key[0] == read)

    def _check(self, values: dict[str, Sequence[Any]], problems: dict[int, str], rows: int) -> None:
        nothing = Repeated(None, rows)
        starts, ends = (values.get(name, nothing) for name in ("charge_period_start", "charge_period_end"))
        costs = [values.get(name, nothing) for name in COSTS if self._place.needs_cost]
        for row, (start, end, *amounts) in enumerate(zip(starts, ends, *costs, strict=True)):
            if row in problems:
                continue
            if start is None or end is None or end < start or (amounts and amounts.count(None) == len(amounts)):
                problems[row] = problem_of(start, end, amounts)

    def _lines(
        self, values: dict[str, Sequence[Any]], cells: Columns, lines: Sequence[int]
    ) -> dict[str, Sequence[Any]]:
        rows = len(lines)
        data = dict(values)
        for attribute, (at, name) in self._layout.texts.items():
            data[attribute] = self._column((name, "text"), cells[at], reader_of(attribute))
            self._note(name, data[attribute])
        data.setdefault("charge_category", Repeated("Usage", rows))
        self._tags(data, cells, rows)
        self._tell(data, cells, rows)
        data["line_no"] = list(lines)
        data["layer"] = Repeated(self._place.layer, rows)
        data["dataset"] = Repeated(self._place.dataset, rows)
        for name in LINE_FIELDS:
            if name not in data:
                data[name] = Repeated(None if name in _UNKNOWN else "", rows)
        return data

    def _note(self, name: str, texts: Sequence[str]) -> None:
        distinct = {texts.value} if isinstance(texts, Repeated) and texts else set(texts)
        for text in distinct if len(self._place.notes) < _MOST_NOTES else ():
            note = note_of(name, text)
            if note:
                self._place.notes.add(note)

    def _tags(self, data: dict[str, Sequence[Any]], cells: Columns, rows: int) -> None:
        """Tags, the attribution they name, and everything else that no attribute holds."""
        layout = self._layout
        columns = [(name, self._column((name, "extra"), cells[at], read_extra)) for at, name in layout.extras]
        given = [(name, column) for name, column in columns if any(column)]
        extra = _together(given, rows)
        read: Sequence[Any] = (
            Repeated(({}, {}), rows)
            if layout.tags is None
            else self._column(("Tags", "tags"), cells[layout.tags], _tags_and_owners)
        )
        for row, one in enumerate(read):
            if one is None and layout.tags is not None:
                extra[row] = {**extra[row], "Tags": read_extra(cells[layout.tags][row])}
        data["extra"] = extra
        untagged: dict[str, str] = {}
        data["tags"] = [one[0] if one else untagged for one in read]
        named = {name for one in read if one for name in one[1]}
        for name in ATTRIBUTION:
            data[f"d_{name}"] = (
                [one[1].get(name, "") if one else "" for one in read] if name in named else Repeated("", rows)
            )

    def _custom(self, texts: Sequence[str]) -> list[list[str]]:
        rest = iter(texts)
        return [[next(rest) for _ in self._layout.hints[name]] for name in CUSTOM_HINTS]

    def _tell(self, data: dict[str, Sequence[Any]], cells: Columns, rows: int) -> None:
        """What is AI and whose, by which account and slice each row counts."""
        empty = Repeated("", rows)
        hints = [data.get(name, empty) for name in HINTS]
        hints += [
            self._column((at, "hint"), cells[at], read_text) for name in CUSTOM_HINTS for at in self._layout.hints[name]
        ]
        facts: list[Facts] = [self._facts[key] for key in zip(*hints, strict=True)]
        own = self._place.provider
        data["provider"] = [((own or one.provider) if one.ai else "") for one in facts]
        for name in ("ai", "raw_model", "meter", "service_tier", "context"):
            data[name] = [getattr(one, name) for one in facts]
        nothing = Repeated(None, rows)
        quantities = zip(
            facts, data.get("consumed_quantity", nothing), data.get("pricing_quantity", nothing), strict=True
        )
        data["quantity"] = [
            quantity_of(one, consumed, pricing) if one.meter else None for one, consumed, pricing in quantities
        ]
        billing = data.get("billing_account_id", empty)
        sellers = [
            issuer or seller
            for issuer, seller in zip(
                data.get("invoice_issuer_name", empty), data.get("service_provider_name", empty), strict=True
            )
        ]
        data["provider_account"] = [self._accounts[key] for key in zip(data["provider"], billing, sellers, strict=True)]
        starts = data["charge_period_start"]
        billed = data.get("billing_period_start", nothing)
        months = [start if one is None else one for start, one in zip(starts, billed, strict=True)]
        data["slice_key"] = [self._slices[key] for key in zip(billing, sellers, months, strict=True)]


def _together(columns: Sequence[tuple[str, Sequence[str]]], rows: int) -> list[dict[str, str]]:
    """What each row has in these columns by name; rows that say the same share one mapping, never changed."""
    names = [name for name, _ in columns]
    found = _Memory(lambda texts: {name: text for name, text in zip(names, texts, strict=True) if text})
    if not columns:
        return [found[()]] * rows
    return list(map(found.__getitem__, zip(*(column for _, column in columns), strict=True)))


_MOST_NOTES = 50
_UNKNOWN = frozenset({
    "billing_period_start", "billing_period_end", "quantity", "consumed_quantity", "pricing_quantity",
    "pricing_currency_cost", "list_unit_price", "contracted_unit_price", *COSTS,
})  # fmt: skip


def _tags_and_owners(cell: object) -> tuple[dict[str, str], dict[str, str]] | None:
    tags = read_tags(cell)
    return None if tags is None else (tags, dimensions_of(tags))
