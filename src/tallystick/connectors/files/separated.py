"""Rows of a CSV file, one by one or many at a time, and what is wrong with those that are none."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any

from tallystick.connectors.files.bounds import MAX_LINE
from tallystick.connectors.files.model import Raw
from tallystick.kernel.errors import DataError

_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Lists:
    """Many rows at a time.

    Attributes:
        lines: On which each ends.
        rows: Of whatever width.
        unclosed: The last row goes on to the end of the file, for nothing closes its quote.
    """

    lines: Sequence[int]
    rows: list[tuple[str, ...]]
    unclosed: bool = False


class Lines:
    """The lines of a text, and how often more of them were asked for than there are.

    The parser asks for the line after the last one to finish a row only where a quote is open.
    """

    def __init__(self, first: str, text: Iterator[str], path: Path) -> None:
        self._text = chain([first], text)
        self._path = path
        self.ends = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        try:
            return next(self._text)
        except StopIteration:
            self.ends += 1
            raise
        except UnicodeDecodeError as error:
            raise not_decoded(error, str(self._path)) from None


def not_decoded(error: UnicodeDecodeError, where: str) -> DataError:
    """The error for a text that is not what its mark says."""
    what = f"not readable as {error.encoding.upper()}: {error.reason}"
    return DataError(what, where=where, next_steps=["export it again, or save it as UTF-8"])


def fault_of(row: Sequence[str], width: int) -> str:
    """Why a row cannot be used; empty where it can."""
    joined = "".join(row)
    if "\0" in joined:
        return "holds a NUL byte"
    try:
        joined.encode()
    except UnicodeEncodeError:
        return "not valid UTF-8; save the file as UTF-8 (iconv -f latin1 -t utf-8 FILE)"
    if len(row) == width:
        return ""
    words = f"{len(row)} fields where the first line names {width}"
    lines = joined.count("\n")
    return f"{words}; it goes over {lines + 1:,} lines: is a quote not closed?" if lines else words


def unclosed_fault(row: Sequence[str]) -> str:
    """Why a row cannot be used whose last quote nothing closes."""
    lines = _lines_in(row)
    inside = f"; the last {lines:,} lines of the file are inside it" if lines > 1 else ""
    return f"a quote in this line is not closed{inside}: close it and import the file again"


def first_line(row: Sequence[str], last: int) -> int:
    """The line that an unclosed row begins on."""
    return last - _lines_in(row) + 1


def _lines_in(row: Sequence[str]) -> int:
    joined = "".join(row)
    return joined.count("\n") + (not joined.endswith("\n"))


def csv_rows(reader: Any, lines: Lines, names: tuple[str, ...], path: Path) -> Iterator[Raw]:
    """Row after row, the bad ones with their problem."""
    width, before = len(names), reader.line_num
    try:
        for row in reader:
            if lines.ends:
                at = first_line(row, reader.line_num)
                yield Raw(at, dict(zip(names, row, strict=False)), _packed(row), unclosed_fault(row))
            elif row:
                content = _packed(row)
                problem = "" if len(row) == width and _clean(content) else fault_of(row, width)
                yield Raw(reader.line_num, dict(zip(names, row, strict=False)), content, problem)
            before = reader.line_num
    except csv.Error as error:
        raise _unreadable(error, path, before + 1, reader.line_num) from None


def _packed(row: Sequence[str]) -> bytes:
    return "\x1f".join(row).encode("utf-8", "surrogateescape")


def _clean(content: bytes) -> bool:
    if content.isascii():
        return b"\0" not in content
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def csv_lists(reader: Any, lines: Lines, path: Path) -> Iterator[Lists]:
    """Many rows at a time; a cell may hold line ends, so that a row's line is that of its end."""
    before = reader.line_num
    try:
        while rows := list(map(tuple, islice(reader, _ROWS))):  # tuples of texts are no work for the collector
            ends: Sequence[int] = range(before + 1, before + 1 + len(rows))
            if reader.line_num - before != len(rows):
                counts = (1 + sum(cell.count("\n") for cell in row) for row in rows)
                ends = list(accumulate(counts, initial=before))[1:]
            before, unclosed = reader.line_num, lines.ends > (len(rows) < _ROWS)
            if unclosed:
                ends = [*ends[:-1], before]  # its last line end is in the cell
            yield Lists(ends, rows, unclosed)
    except csv.Error as error:
        raise _unreadable(error, path, before + 1, reader.line_num) from None


def _unreadable(error: csv.Error, path: Path, begun: int, line: int) -> DataError:
    """The error for what the parser gives up on."""
    if "field larger" not in str(error):
        return DataError(f"not readable as CSV: {error}", where=f"{path}:{line}")
    what = f"a cell of more than {MAX_LINE >> 20} MiB in lines {begun:,} to {line:,}"
    return DataError(what, where=f"{path}:{begun}", next_steps=["close the quote that it begins with"])
