"""A file of a report cut into parts that can each be kept and read alone: a header, and no more than 50,000 rows.

A CSV's part is its header line and the lines as they came. A Parquet file that has no more rows than that is its
own part, byte for byte; a larger one is written anew piece by piece, with the same columns, types and values.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tallystick.connectors.aws.sheet import PARQUET, Unreadable
from tallystick.ports import SourceFailed

ROWS = 50_000
_MIB = 1024 * 1024
_MOST_PART = 48 * _MIB
_MOST_RECORD = 4 * _MIB
_MOST_VERBATIM = 32 * _MIB
# No report that was really written shrinks to less.
_MOST_RATIO = 250


class Lines(Protocol):
    """What lines can be read from."""

    def readline(self, size: int, /) -> bytes:
        """The next one, cut at `size` bytes."""


def cut(file: IO[bytes], size: int, name: str, rows: int = ROWS) -> Iterator[bytes]:
    """The parts of a file.

    Raises:
        SourceFailed: It is broken off, or packed beyond all measure; also whatever reading raises.
        Unreadable: It is no report.
    """
    head = file.read(4)
    file.seek(0)
    try:
        if head == PARQUET:
            yield from _cut_parquet(file, size, rows)
        elif head[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as plain:
                yield from _cut_lines(plain, size * _MOST_RATIO, rows, name)
        elif head == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive, archive.open(_only(archive, name)) as plain:
                yield from _cut_lines(plain, size * _MOST_RATIO, rows, name)
        else:
            yield from _cut_lines(file, size, rows, name)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise SourceFailed(f"{name} is broken off or damaged: {error}", retry_seconds=900.0) from None
    except pa.ArrowException as error:
        raise Unreadable(f"it cannot be read as Parquet: {str(error)[:200]}") from None


def _only(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    inside = [one for one in archive.infolist() if not one.is_dir()]
    if len(inside) != 1:
        raise SourceFailed(f"{name} holds {len(inside)} files, where a report has one")
    return inside[0]


def _cut_lines(file: Lines, most: int, rows: int, name: str) -> Iterator[bytes]:
    header = file.readline(_MOST_RECORD)
    if not header.strip():
        return
    if not header.endswith(b"\n"):
        header += b"\n"
    taken, lines, length = len(header), [header], len(header)
    record = b""
    for record in _records(file):
        taken += len(record)
        if taken > most + _MIB:
            raise SourceFailed(f"{name} unpacks to more than {_MOST_RATIO} times its size: it is no report")
        lines.append(record)
        length += len(record)
        if len(lines) > rows or length > _MOST_PART:
            yield b"".join(lines)
            lines, length = [header], len(header)
    if _is_cut_off(record, header):
        raise SourceFailed(f"{name} ends in the middle of a row: is it still being written?", retry_seconds=900.0)
    if len(lines) > 1 or taken == len(header):
        yield b"".join(lines)


def _is_cut_off(last: bytes, header: bytes) -> bool:
    """Whether the last row has no end and fewer cells than the header; a cut between two rows cannot be told."""
    if not last.strip() or last.endswith(b"\n"):
        return False
    try:
        cells = [next(csv.reader([one.decode("utf-8", "replace")], strict=True)) for one in (last, header)]
    except csv.Error:
        return True
    return len(cells[0]) < len(cells[1])


def _records(file: Lines) -> Iterator[bytes]:
    """Lines, joined where a quoted cell goes on in the next one."""
    held = b""
    while line := file.readline(_MOST_RECORD):
        held = held + line if held else line
        if held.count(b'"') % 2 and len(held) < _MOST_RECORD:
            continue
        yield held
        held = b""
    if held:
        yield held


def _cut_parquet(file: IO[bytes], size: int, rows: int) -> Iterator[bytes]:
    parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
    if parquet.metadata.num_rows <= rows and size <= _MOST_VERBATIM:
        file.seek(0)
        yield file.read()
        return
    for batch in parquet.iter_batches(batch_size=rows):
        yield _written(pa.Table.from_batches([batch]))


def _written(table: Any) -> bytes:
    into = io.BytesIO()
    pq.write_table(table, into, compression="zstd")
    return into.getvalue()
