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
from tallystick.connectors.files.reading import OpenFile
from tallystick.connectors.files.separated import Lists, fault_of, first_line, unclosed_fault

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
        yield from _of_columns(file.batches, file.columns)
    else:
        yield from _of_records(chain([first] if first else [], file.records))


def _of_lists(chunks: Iterator[Lists], names: tuple[str, ...]) -> Iterator[Table]:
    width, digest_of = len(names), _digests(names)
    for chunk in chunks:
        lines, rows = chunk.lines, chunk.rows
        try:
            contents = ["\x1f".join(row).encode() for row in rows]
            odd = chunk.unclosed or any(len(row) != width for row in rows) or any(b"\0" in one for one in contents)
        except UnicodeEncodeError:
            odd = True
        if odd:
            yield _sorted_out(chunk, names, digest_of)
        else:
            yield Table(names, list(zip(*rows, strict=True)), lines, list(map(digest_of, contents)))


def _sorted_out(chunk: Lists, names: tuple[str, ...], digest_of: Callable[[bytes], int]) -> Table:
    """The good rows, and the others with their faults."""
    width = len(names)
    judged = [(line, row, fault_of(row, width)) for line, row in zip(chunk.lines, chunk.rows, strict=True)]
    if chunk.unclosed:
        line, row, _ = judged[-1]
        judged[-1] = first_line(row, line), row, unclosed_fault(row)
    good = [(line, row) for line, row, fault in judged if row and not fault]
    return Table(
        names,
        list(zip(*(row for _, row in good), strict=True)) if good else [()] * width,
        [line for line, _ in good],
        [digest_of("\x1f".join(row).encode()) for _, row in good],
        [Rejected(line, fault, ascii(list(row))[:2000]) for line, row, fault in judged if row and fault],
    )


def _of_columns(batches: Iterator[list[list[Any]]], names: tuple[str, ...]) -> Iterator[Table]:
    digest_of, done = _digests(names), 0
    for columns in batches:
        digests = [digest_of(repr(row).encode("utf-8", "replace")) for row in zip(*columns, strict=True)]
        lines = range(done + 1, done + len(digests) + 1)
        done += len(digests)
        yield Table(names, columns, lines, digests)


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
