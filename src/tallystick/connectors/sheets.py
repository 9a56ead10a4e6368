"""Rows of a cloud's export, whatever it was written as: CSV, JSON lines or Parquet. Pure.

Cells of CSV are texts, so that no id loses its zeros; numbers of JSON are decimals, never
floats. A row that cannot be read is rejected with its place; the rest goes on.
"""

import csv
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tallystick.bills.model import Rejected

Row = Mapping[str, Any]
PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_MOST_RAW = 2000
_MOST_BYTES = 2 * 1024**3
# One cell holds at most a resource's tags; a broken quote must not swallow the file.
_LONGEST_CELL = 1024 * 1024


class Unreadable(ValueError):
    """Bytes that are not what they should be; the message says what was found."""


def unpack(body: bytes) -> bytes:
    """The bytes of a file, decompressed where they are gzip.

    Raises:
        Unreadable: Cut off, broken, or larger than 2 GiB.
    """
    parts: list[bytes] = []
    if not body.startswith(_GZIP):
        return body
    size = 0
    while body:
        one = zlib.decompressobj(wbits=31)
        try:
            part = one.decompress(body, _MOST_BYTES - size + 1)
        except zlib.error as error:
            raise Unreadable(f"its gzip is broken: {error}") from None
        size += len(part)
        if size > _MOST_BYTES:
            raise Unreadable("unpacked it is larger than 2 GiB; let the export write smaller parts")
        if not one.eof:
            raise Unreadable("its gzip is cut off")
        parts.append(part)
        body = one.unused_data
    return b"".join(parts)


def read_rows(body: bytes) -> Iterator[tuple[int, Row | Rejected]]:
    """Each row with its place from 1; a page that is none at all is one rejection at place 0."""
    try:
        yield from _rows(body)
    except (Unreadable, UnicodeDecodeError, csv.Error, pa.ArrowException, OSError, ValueError) as error:
        raw = body[:200].decode("utf-8", "replace")
        yield 0, Rejected(0, f"the file cannot be read to its end: {str(error)[:200]}", raw)


def is_cut_off(body: bytes) -> bool:
    """Whether an unpacked text ends in the middle of its last row; a cut between two rows cannot be told."""
    last = body.rstrip().rpartition(b"\n")[2].decode("utf-8", "replace")
    if body.startswith(PARQUET) or not last:
        return False
    if body.lstrip().removeprefix(b"\xef\xbb\xbf")[:1] in (b"{", b"["):
        return _parsed(last) is None and _parsed(body.decode("utf-8-sig", "replace")) is None
    try:
        first = next(csv.reader([body.partition(b"\n")[0].decode("utf-8-sig", "replace")]))
        return not body.endswith(b"\n") and len(next(csv.reader([last], strict=True))) < len(first)
    except (csv.Error, StopIteration):
        return not body.endswith(b"\n")


def _rows(body: bytes) -> Iterator[tuple[int, Row | Rejected]]:
    if body.startswith(PARQUET):
        return _parquet(body)
    text = body.decode("utf-8-sig")
    first = text.lstrip()[:1]
    return (_json(text) if first == "[" else _json_lines(text)) if first in {"{", "["} else _csv(text)


def _parquet(body: bytes) -> Iterator[tuple[int, Row | Rejected]]:
    number = 0
    for batch in pq.ParquetFile(pa.BufferReader(body)).iter_batches(batch_size=8192):
        for row in batch.to_pylist(maps_as_pydicts="lossy"):
            number += 1
            yield number, row


def _json(text: str) -> Iterator[tuple[int, Row | Rejected]]:
    """A list of objects, or one object, as people save them: over many lines."""
    found = _parsed(text)
    if found is None:
        raise Unreadable("it is no JSON; it may have been cut off")
    for number, one in enumerate(found if isinstance(found, list) else [found], start=1):
        words = "the entry is no JSON object"
        yield (
            number,
            one if isinstance(one, dict) else Rejected(number, words, json.dumps(one, default=str)[:_MOST_RAW]),
        )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _json_lines(text: str) -> Iterator[tuple[int, Row | Rejected]]:
    if not isinstance(_parsed(text.lstrip().partition("\n")[0]), dict) and isinstance(_parsed(text), dict):
        yield from _json(text)
        return
    lines = (line for line in text.split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        found = _parsed(line)
        if isinstance(found, dict):
            yield number, found
        else:
            yield number, Rejected(number, "the line is no JSON object; it may have been cut off", line[:_MOST_RAW])


def _refuse(name: str) -> object:
    raise ValueError(name)


def _csv(text: str) -> Iterator[tuple[int, Row | Rejected]]:
    csv.field_size_limit(_LONGEST_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    names = [name.strip() for name in next(lines, [])]
    if not any(names):
        raise Unreadable("it is empty, and has not even a header")
    if len(set(names)) != len(names):
        raise Unreadable(f"two columns have one name: {sorted({one for one in names if names.count(one) > 1})[0]!r}")
    number = 0
    for cells in lines:
        if not cells:
            continue
        number += 1
        if len(cells) == len(names):
            yield number, dict(zip(names, cells, strict=True))
        else:
            words = f"the row has {len(cells)} cells and the header {len(names)}; it may have been cut off"
            yield number, Rejected(number, words, ",".join(cells)[:_MOST_RAW])


def raw_of(row: Row) -> str:
    """A row as it stood, for whoever mends it."""
    given = {name: value for name, value in row.items() if value not in (None, "")}
    return json.dumps(given, default=str, ensure_ascii=False)[:_MOST_RAW]
