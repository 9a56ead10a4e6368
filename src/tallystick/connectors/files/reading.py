"""Open a file by what is in it and read its records one by one, within bounds.

Compressed files are read as a stream. A file that unpacks to far more than its size,
a line without end and a binary file are refused; a line that is broken is handed on as
a record with a problem.
"""

import csv
import gzip
import importlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from tallystick.connectors.files.model import Raw
from tallystick.kernel.errors import DataError

MAX_RATIO = 250
_ALWAYS_ALLOWED = 64 * 1024 * 1024
_MAX_LINE = 16 * 1024 * 1024
_MAX_DOCUMENT = 512 * 1024 * 1024
_HEAD = 64 * 1024
_ROWS = 20_000
_ZSTD_PIECE = 1024
_DELIMITERS = ",;\t|"
_PARQUET, _GZIP, _ZSTD, _ZIP = b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


def _load_zstd() -> Any:
    """The standard library's module from Python 3.14 on, else the package."""
    try:
        return importlib.import_module("compression.zstd")
    except ModuleNotFoundError:
        return importlib.import_module("zstandard")


_ZSTANDARD = _load_zstd()
_DAMAGED: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error, zipfile.BadZipFile, _ZSTANDARD.ZstdError)
_DAMAGED_ZIP: tuple[type[Exception], ...] = (
    NotImplementedError,
    RuntimeError,
    *_DAMAGED,
)  # an unknown way of packing, a password


# Lines and rows.
Lists = tuple[Sequence[int], list[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file whose format is known.

    Attributes:
        format: ``CSV``, ``JSON``, ``JSON lines`` or ``Parquet``.
        columns: In the file's order; empty for JSON.
        records: To be read once.
        position: Bytes of the file on disk read so far.
        rows: Of a CSV file, many rows at a time with the line each ends on, instead of `records`.
        batches: Of a Parquet file, its Arrow batches, instead of `records`.
    """

    format: str
    columns: tuple[str, ...]
    records: Iterator[Raw]
    position: Callable[[], int]
    rows: Iterator[Lists] | None = None
    batches: Iterator[Any] | None = None


def open_file(path: Path, closing: ExitStack) -> OpenFile:
    """Open a file by its first bytes; its name does not count.

    Args:
        path: The file.
        closing: Closes it, when the records have been read.

    Raises:
        DataError: It is not there, empty, or of no format we read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        # Opening a pipe waits for its writer, for ever where the server reads and not the shell.
        raise DataError(
            "a pipe or device; only files are imported", where=str(path), next_steps=["write it to a file first"]
        )
    try:
        disk = closing.enter_context(path.open("rb"))
        head = disk.read(4)
        disk.seek(0)
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
    if head == _PARQUET:
        return _open_parquet(path, closing)
    if head == _ZIP:
        return _open_zip(path, disk, closing)
    plain = io.BufferedReader(_Bounded(_decompressed(disk, head), path), _HEAD)
    try:
        return _open_text(plain, path, disk.tell)
    except _DAMAGED as error:
        raise DataError(f"the compressed file is damaged: {error}", where=str(path)) from None


def _open_zip(path: Path, disk: IO[bytes], closing: ExitStack) -> OpenFile:
    """The one text file in an archive, as portals pack their exports."""
    try:
        archive = closing.enter_context(zipfile.ZipFile(disk))
        names = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX/")]
        if "[Content_Types].xml" in names:
            raise DataError("a spreadsheet (XLSX), whatever its name", where=str(path), next_steps=["save it as CSV"])
        if len(names) != 1:
            raise DataError(f"a ZIP archive of {len(names)} files", where=str(path), next_steps=["unpack it"])
        inner = closing.enter_context(archive.open(names[0]))
        plain = io.BufferedReader(_Bounded(inner, path), _HEAD)
        if plain.peek(4)[:4] == _PARQUET:
            raise DataError("a Parquet file in a ZIP archive", where=str(path), next_steps=["unpack it"])
        return _open_text(plain, path, disk.tell)
    except _DAMAGED_ZIP as error:
        raise DataError(f"the ZIP archive is damaged or locked: {error}", where=str(path)) from None


class _Bounded(io.RawIOBase):
    """Passes bytes on until they are far more than the file's size can honestly hold."""

    def __init__(self, inner: IO[bytes], path: Path) -> None:
        self._inner = inner
        self._path = path
        self._left = max(_ALWAYS_ALLOWED, path.stat().st_size * MAX_RATIO)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read(len(buffer))
        except _DAMAGED as error:
            raise DataError(f"the compressed file is damaged: {error}", where=str(self._path)) from None
        self._left -= len(data)
        if self._left < 0:
            raise _too_much(self._path)
        buffer[: len(data)] = data
        return len(data)


def _too_much(path: Path) -> DataError:
    return DataError(
        f"the file unpacks to more than {MAX_RATIO} times its size",
        where=str(path),
        next_steps=["unpack it yourself and import the result if you trust it"],
    )


class _ZstdStream:
    """Frames of zstd one after the other; unlike the package's own reader it notices a missing end."""

    def __init__(self, disk: IO[bytes]) -> None:
        self._disk = disk
        self._frame: Any = None
        self._input = b""
        self._output = b""

    def read(self, size: int) -> bytes:
        while not self._output and self._step():
            pass
        taken, self._output = self._output[:size], self._output[size:]
        return taken

    def _step(self) -> bool:
        """Unpack the next piece; small ones, for each may hold thousands of times its size."""
        self._input = self._input or self._disk.read(_ZSTD_PIECE)
        if not self._input:
            if self._frame is not None:
                raise EOFError("it ends in the middle")
            return False
        if self._frame is None:
            self._frame = _ZSTANDARD.ZstdDecompressor().decompressobj()
        self._output = self._frame.decompress(self._input)
        self._input = b""
        if self._frame.eof:
            self._input, self._frame = self._frame.unused_data, None
        return True


def _decompressed(disk: IO[bytes], head: bytes) -> IO[bytes]:
    if head.startswith(_GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=disk))
    if head == _ZSTD:
        new = hasattr(_ZSTANDARD, "ZstdFile")
        return cast("IO[bytes]", _ZSTANDARD.ZstdFile(disk) if new else _ZstdStream(disk))
    return disk


def _open_text(plain: Any, path: Path, position: Callable[[], int]) -> OpenFile:
    head = plain.peek(_HEAD)
    if not head.strip():
        raise DataError("the file is empty", where=str(path))
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in head and encoding != "utf-16":
        raise DataError(
            "a binary file; not CSV, JSON or Parquet",
            where=str(path),
            next_steps=["export the usage as CSV, JSON lines or Parquet"],
        )
    text = io.TextIOWrapper(plain, encoding=encoding, errors="surrogateescape", newline="")
    first = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")[:1]
    if first in "{[":
        return _open_json(text, path, position, is_array=first == "[")
    return _open_csv(text, path, position)


def _open_json(text: io.TextIOWrapper, path: Path, position: Callable[[], int], *, is_array: bool) -> OpenFile:
    line, number = "", 0
    while not line.strip():
        line, number = _line(text, path), number + 1
    first = None if is_array else _decoded(line)
    if isinstance(first, Mapping):
        return OpenFile("JSON lines", (), _json_lines(text, line, number, path), position)
    body = line + text.read(_MAX_DOCUMENT)
    if len(body) >= _MAX_DOCUMENT:
        raise DataError("too large for one JSON document", where=str(path), next_steps=["write it as JSON lines"])
    try:
        document = msgspec.json.decode(body.lstrip("\ufeff"))
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise DataError(f"not valid JSON: {error}", where=str(path)) from None
    return OpenFile("JSON", (), _items(document), position)


def _line(text: io.TextIOWrapper, path: Path) -> str:
    line = text.readline(_MAX_LINE)
    if len(line) >= _MAX_LINE:
        raise DataError("a line of more than 16 MiB", where=str(path))
    return line


def _decoded(line: str) -> object:
    try:
        found: object = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return found


def _json_lines(text: io.TextIOWrapper, line: str, number: int, path: Path) -> Iterator[Raw]:
    while line:
        stripped = line.strip()
        if stripped:
            record = _decoded(stripped)
            content = stripped.encode("utf-8", "surrogateescape")
            if isinstance(record, dict):
                yield Raw(number, record, content)
            else:
                yield Raw(number, {"line": stripped[:2000]}, content, "not a JSON object")
        line, number = _line(text, path), number + 1


def _items(document: object) -> Iterator[Raw]:
    """The items of an array, or the one object."""
    for number, item in enumerate(document if isinstance(document, list) else [document], start=1):
        content = msgspec.json.encode(item, order="sorted")
        if isinstance(item, dict):
            yield Raw(number, item, content)
        else:
            yield Raw(number, {"item": str(item)[:2000]}, content, "not a JSON object")


def _open_csv(text: io.TextIOWrapper, path: Path, position: Callable[[], int]) -> OpenFile:
    csv.field_size_limit(_MAX_LINE)
    heading = _line(text, path)
    while not heading.strip():
        heading = _line(text, path)
    delimiter = max(_DELIMITERS, key=heading.count)
    reader = csv.reader(chain([heading], text), delimiter=delimiter, strict=False)
    names = tuple(name.strip() for name in next(reader))
    if len(names) < 2 or len(set(names)) != len(names) or not all(name.isprintable() for name in names):
        raise DataError(
            "no table: the first line should name at least two columns, each once",
            where=f"{path}:1",
            next_steps=[f"found: {', '.join(names)[:200]}"],
        )
    return OpenFile("CSV", names, _csv_rows(reader, names, path), position, rows=_csv_lists(reader, path))


def _csv_rows(reader: Any, names: tuple[str, ...], path: Path) -> Iterator[Raw]:
    width = len(names)
    try:
        for row in reader:
            if len(row) == width:
                content = "\x1f".join(row).encode("utf-8", "surrogateescape")
                yield Raw(reader.line_num, dict(zip(names, row, strict=True)), content)
            elif row:
                content = "\x1f".join(row).encode("utf-8", "surrogateescape")
                problem = f"{len(row)} fields where the first line names {width}"
                yield Raw(reader.line_num, dict(zip(names, row, strict=False)), content, problem)
    except csv.Error as error:
        raise DataError(f"not readable as CSV: {error}", where=f"{path}:{reader.line_num}") from None


def _csv_lists(reader: Any, path: Path) -> Iterator[Lists]:
    """Many rows at a time; a cell may hold line ends, so that a row's line is that of its end."""
    before = reader.line_num
    try:
        while rows := list(map(tuple, islice(reader, _ROWS))):  # tuples of texts are no work for the collector
            lines: Sequence[int] = range(before + 1, before + 1 + len(rows))
            if reader.line_num - before != len(rows):
                lines = list(accumulate((1 + sum(cell.count("\n") for cell in row) for row in rows), initial=before))[
                    1:
                ]
            before = reader.line_num
            yield lines, rows
    except csv.Error as error:
        raise DataError(f"not readable as CSV: {error}", where=f"{path}:{reader.line_num}") from None


def _open_parquet(path: Path, closing: ExitStack) -> OpenFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = closing.enter_context(pq.ParquetFile(path))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"a damaged Parquet file: {error}", where=str(path)) from None
    names = tuple(file.schema_arrow.names)
    done = [0]
    size = path.stat().st_size
    total = max(1, file.metadata.num_rows)
    if sum(file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)) > max(
        _ALWAYS_ALLOWED, size * MAX_RATIO
    ):
        raise _too_much(path)
    return OpenFile(
        "Parquet",
        names,
        _parquet_rows(file, names, done, path),
        lambda: size * done[0] // total,
        batches=_parquet_batches(file, done, path),
    )


def _parquet_batches(file: Any, done: list[int], path: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=8192):
            done[0] += batch.num_rows
            yield batch
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"a damaged Parquet file: {error}", where=str(path)) from None


def _parquet_rows(file: Any, names: tuple[str, ...], done: list[int], path: Path) -> Iterator[Raw]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=8192):
            columns = [_plain_values(column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                done[0] += 1
                content = "\x1f".join(map(str, values)).encode("utf-8", "surrogateescape")
                yield Raw(done[0], dict(zip(names, values, strict=True)), content)
    except pa.ArrowException as error:
        raise DataError(f"a damaged Parquet file: {error}", where=str(path)) from None


def _plain_values(column: Any) -> list[object]:
    """Python values; nanoseconds are cut to the microseconds that the ledger keeps."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[object] = column.to_pylist()
    return values
