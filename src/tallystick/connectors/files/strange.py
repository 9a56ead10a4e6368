"""What a file is that we do not read, told by its first bytes, so that its owner knows what to do about it. Pure."""

from dataclasses import dataclass

_EXPORT = "export the usage as CSV, JSON lines or Parquet"
_UNPACK = "unpack it and import what is inside"
_UTF8 = "save it as UTF-8"
# Beginnings of files → what they are and what to do.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive inside another", _UNPACK),
    (b"\x1f\x8b", "a gzip file inside another", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file inside another", _UNPACK),
    (b"PAR1", "a Parquet file inside another", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document (XLS)", "save it as CSV"),
    (b"%PDF-", "a PDF", _EXPORT),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"ORC", "an ORC file", _EXPORT),
    (b"\xff\xfe\0\0", "a text in UTF-32", _UTF8),
    (b"\0\0\xfe\xff", "a text in UTF-32", _UTF8),
)
_TAR_MARK = slice(257, 262)
# One in so many zeros is a damaged text; more is none.
_FEWEST_TEXT_PER_ZERO = 100


@dataclass(frozen=True, slots=True)
class Strange:
    """What it is, and what to do about it."""

    what: str
    next_step: str


def strange(head: bytes) -> Strange | None:
    """What the beginning of a file says it is, where it is nothing that holds rows; None for a text.

    Args:
        head: The first bytes after unpacking, up to 64 KiB.
    """
    for beginning, what, step in _BEGINNINGS:
        if head.startswith(beginning):
            return Strange(what, step)
    if head[_TAR_MARK] == b"ustar":
        return Strange("a tar archive", _UNPACK)
    return _page(head) or _no_text(head)


def _page(head: bytes) -> Strange | None:
    """A web page or XML: what a sign-in or an error answers with where a download was expected."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1000].lower()
    if not start.startswith(b"<"):
        return None
    html = start.startswith(b"<!doctype html") or b"<html" in start
    what = "a web page (HTML), not an export" if html else "XML, not an export"
    return Strange(what, "open it and look: it may be a sign-in page or an error; then download the export again")


def _no_text(head: bytes) -> Strange | None:
    zeros = head.count(b"\0")
    if not zeros or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None
    if max(head[::2].count(b"\0"), head[1::2].count(b"\0")) * 5 > len(head) * 2 and zeros * 3 < len(head) * 2:
        return Strange("a text in UTF-16 without a mark at its beginning", _UTF8)
    if b"\0" not in head.partition(b"\n")[0] and zeros * _FEWEST_TEXT_PER_ZERO < len(head):
        return None  # the rows with them are bad, the others are not
    return Strange("a binary file; not CSV, JSON or Parquet", _EXPORT)
