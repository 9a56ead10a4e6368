"""An open file as batches of columns, for bills of millions of rows.

Each good row has a digest of its content, so that the same rows are known again in
whatever order and parts they come.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain, islice
from typing import Any

from tallystick.bills.model import Rejected
from tallystick.connectors.files.model import Raw
from tallystick.connectors.files.reading import Lists, OpenFile

_BATCH = 8192


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows of a file.

    Attributes:
        columns: One after the other, in the order of `names`.
        lines: Line (or number) of each row in its file.
        digests: Of the content of each row, names of columns included.
        broken: Rows that are no rows: too few fields, no object, half a character.
    """

    names: tuple[str, ...]
    columns: Sequence[Sequence[object]]
    lines: Sequence[int]
    digests: Sequence[int]
    broken: list[Rejected] = field(default_factory=list)


def tables(file: OpenFile, first: Raw | None = None) -> Iterator[Table]:
    """The rows of a file in batches; `first` is the record that was already taken from a JSON file."""
    if file.rows is not None:
        yield from _of_lists(file.rows, file.columns)
    elif file.batches is not None:
        yield from _of_arrow(file.batches, file.columns)
    else:
        yield from _of_records(chain([first] if first else [], file.records))


def _of_lists(chunks: Iterator[Lists], names: tuple[str, ...]) -> Iterator[Table]:
    width, digest_of = len(names), _digests(names)
    for lines, rows in chunks:
        try:
            digests = [digest_of("\x1f".join(row).encode()) for row in rows]
            odd = any(len(row) != width for row in rows)
        except UnicodeEncodeError:
            odd = True
        if not odd:
            yield Table(names, list(zip(*rows, strict=True)), lines, digests)
            continue
        broken = [(line, row, _fault(row, width)) for line, row in zip(lines, rows, strict=True) if row]
        good = [(line, row) for line, row, fault in broken if not fault]
        yield Table(
            names,
            list(zip(*(row for _, row in good), strict=True)) if good else [()] * width,
            [line for line, _ in good],
            [digest_of("\x1f".join(row).encode()) for _, row in good],
            [Rejected(line, fault, ascii(list(row))[:2000]) for line, row, fault in broken if fault],
        )


def _fault(row: Sequence[str], width: int) -> str:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return "not valid UTF-8"
    return "" if len(row) == width else f"{len(row)} fields where the first line names {width}"


def _of_arrow(batches: Iterator[Any], names: tuple[str, ...]) -> Iterator[Table]:
    digest_of, done = _digests(names), 0
    for batch in batches:
        columns = [_values(column) for column in batch.columns]
        lines = range(done + 1, done + batch.num_rows + 1)
        done += batch.num_rows
        yield Table(names, columns, lines, [digest_of(repr(row).encode()) for row in zip(*columns, strict=True)])


def _values(column: Any) -> list[object]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values: list[object] = column.to_pylist()
    return values


def _of_records(records: Iterator[Raw]) -> Iterator[Table]:
    while found := list(islice(records, _BATCH)):
        good = [one for one in found if not one.problem]
        names = tuple(dict.fromkeys(name for one in good for name in one.record))
        digest_of = _digests(())
        yield Table(
            names,
            [[one.record.get(name) for one in good] for name in names],
            [one.line for one in good],
            [digest_of(json.dumps(one.record, sort_keys=True, default=str).encode()) for one in good],
            [Rejected(one.line, one.problem, str(dict(one.record))[:2000]) for one in found if one.problem],
        )


def _digests(names: Sequence[str]) -> Callable[[bytes], int]:
    key = blake2b("\x1f".join(names).encode("utf-8", "replace"), digest_size=16).digest()

    def digest(content: bytes) -> int:
        return int.from_bytes(blake2b(content, digest_size=16, key=key).digest(), "little")

    return digest
