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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from tallystick.connectors.files.bounds import MAX_LINE, most_unpacked, too_much
from tallystick.connectors.files.columnar import columnar_batches, columnar_rows, open_columnar
from tallystick.connectors.files.model import Raw
from tallystick.connectors.files.separated import Lines, Lists, csv_lists, csv_rows, fault_of, not_decoded
from tallystick.connectors.files.strange import strange
from tallystick.kernel.errors import DataError

_MAX_DOCUMENT = 512 * 1024 * 1024
_HEAD = 64 * 1024
_CHECKED_FIRST = 16 * 1024 * 1024
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


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file whose format is known.

    Attributes:
        format: ``CSV``, ``JSON``, ``JSON lines`` or ``Parquet``.
        columns: In the file's order; empty for JSON.
        records: To be read once.
        position: Bytes of the file on disk read so far.
        rows: Of a CSV file, many rows at a time with the line each ends on, instead of `records`.
        batches: Of a Parquet file, the columns of many rows at a time, instead of `records`.
    """

    format: str
    columns: tuple[str, ...]
    records: Iterator[Raw]
    position: Callable[[], int]
    rows: Iterator[Lists] | None = None
    batches: Iterator[list[list[Any]]] | None = None


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
        raise _unopened(error, path) from None
    if head == _PARQUET:
        return _open_parquet(path, closing)
    if head == _ZIP:
        return _open_zip(path, disk, closing)
    plain = io.BufferedReader(_Bounded(_decompressed(disk, head), path), _HEAD)
    try:
        return _open_text(plain, path, disk.tell)
    except _DAMAGED as error:
        raise _damaged(error, path) from None


def check_packed(path: Path) -> None:
    """Unpack a small compressed file once from end to end, so that a bomb or a cut-off one brings nothing at all.

    Raises:
        DataError: It is damaged, or unpacks to far more than its size.
    """
    if path.stat().st_size > _CHECKED_FIRST:
        return
    with ExitStack() as closing:
        disk = closing.enter_context(path.open("rb"))
        head = disk.read(4)
        disk.seek(0)
        if head.startswith(_GZIP) or head == _ZSTD:
            inner = _decompressed(disk, head)
        elif head == _ZIP:
            archive = closing.enter_context(zipfile.ZipFile(disk))
            inner = closing.enter_context(archive.open(next(_members(archive))))
        else:
            return
        whole = io.BufferedReader(_Bounded(inner, path), _HEAD)
        while whole.read(_HEAD):
            pass


def _members(archive: zipfile.ZipFile) -> Iterator[str]:
    """Names of the files in an archive; what a Mac adds is none."""
    names = archive.namelist()
    return (one for one in names if not one.endswith("/") and not one.startswith("__MACOSX/"))


def _unopened(error: OSError, path: Path) -> DataError:
    """Why a file cannot be opened; a running server reads it, not the shell that names it."""
    steps = {
        IsADirectoryError: "name its files: tally import DIRECTORY/*.csv",
        PermissionError: "let the user that runs tally (or its server) read it: chmod o+r FILE",
        FileNotFoundError: "check the path; a running server reads it on its own machine",
    }
    step = steps.get(type(error))
    return DataError(f"the file cannot be read: {error.strerror}", where=str(path), next_steps=[step] if step else [])


def _open_zip(path: Path, disk: IO[bytes], closing: ExitStack) -> OpenFile:
    """The one text file in an archive, as portals pack their exports."""
    try:
        archive = closing.enter_context(zipfile.ZipFile(disk))
        names = list(_members(archive))
        if "[Content_Types].xml" in names:
            raise DataError("a spreadsheet (XLSX), whatever its name", where=str(path), next_steps=["save it as CSV"])
        if len(names) != 1:
            raise DataError(f"a ZIP archive of {len(names)} files", where=str(path), next_steps=["unpack it"])
        inner = closing.enter_context(archive.open(names[0]))
        plain = io.BufferedReader(_Bounded(inner, path), _HEAD)
        return _open_text(plain, path, disk.tell)
    except _DAMAGED_ZIP as error:
        raise DataError(f"the ZIP archive is damaged or locked: {error}", where=str(path)) from None


class _Bounded(io.RawIOBase):
    """Passes bytes on until they are far more than the file's size can honestly hold."""

    def __init__(self, inner: IO[bytes], path: Path) -> None:
        self._inner = inner
        self._path = path
        self._left = most_unpacked(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read(len(buffer))
        except _DAMAGED as error:
            raise _damaged(error, self._path) from None
        self._left -= len(data)
        if self._left < 0:
            raise too_much(self._path)
        buffer[: len(data)] = data
        return len(data)


def _damaged(error: Exception, path: Path) -> DataError:
    what = f"the compressed file is damaged: {error}"
    return DataError(what, where=str(path), next_steps=["export or download it again: it may have been cut off"])


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
    other = strange(head)
    if other is not None:
        raise DataError(other.what, where=str(path), next_steps=[other.next_step])
    utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if utf16 else "utf-8-sig"
    # What is no character stays one that cannot be written, by which its row is known.
    errors = "surrogatepass" if utf16 else "surrogateescape"
    text = io.TextIOWrapper(plain, encoding=encoding, errors=errors, newline="")
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
    try:
        body = line + text.read(_MAX_DOCUMENT)
    except UnicodeDecodeError as error:
        raise not_decoded(error, str(path)) from None
    if len(body) >= _MAX_DOCUMENT:
        raise DataError("too large for one JSON document", where=str(path), next_steps=["write it as JSON lines"])
    try:
        document = msgspec.json.decode(body.lstrip("\ufeff"))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        words = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        step = "export or download it again: it may have been cut off"
        raise DataError(f"not valid JSON: {words}", where=str(path), next_steps=[step]) from None
    return OpenFile("JSON", (), _items(document), position)


def _line(text: io.TextIOWrapper, path: Path) -> str:
    try:
        line = text.readline(MAX_LINE)
    except UnicodeDecodeError as error:
        raise not_decoded(error, str(path)) from None
    if len(line) >= MAX_LINE:
        raise DataError("a line of more than 16 MiB", where=str(path))
    return line


def _decoded(line: str) -> object:
    try:
        found: object = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
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
                yield Raw(number, {"line": stripped[:2000]}, content, fault_of([stripped], 1) or "not a JSON object")
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
    csv.field_size_limit(MAX_LINE)
    heading = _line(text, path)
    while not heading.strip():
        heading = _line(text, path)
    delimiter = max(_DELIMITERS, key=heading.count)
    lines = Lines(heading, text, path)
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    names = tuple(name.strip() for name in next(reader))
    if len(names) < 2 or len(set(names)) != len(names) or not all(name.isprintable() for name in names):
        raise DataError(
            "no table: the first line should name at least two columns, each once",
            where=f"{path}:1",
            next_steps=[f"found: {', '.join(names)[:200]}"],
        )
    return OpenFile("CSV", names, csv_rows(reader, lines, names, path), position, rows=csv_lists(reader, lines, path))


def _open_parquet(path: Path, closing: ExitStack) -> OpenFile:
    opened = open_columnar(path)
    closing.callback(opened.file.close)
    size, total = path.stat().st_size, max(1, opened.rows)
    return OpenFile(
        "Parquet",
        opened.names,
        columnar_rows(opened),
        lambda: size * opened.done // total,
        batches=columnar_batches(opened),
    )
