"""Bedrock's model invocation logs: who called which model, with how many tokens, and never what was said.

A log record holds the prompt and the answer. They are dropped as the file is read, before anything is kept: what is
kept of a record is a list of fields below, and everything else is gone, whatever its name. Lines are sums by hour,
caller and model, for a day may have millions of calls.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from tallystick.connectors.aws.places import Place
from tallystick.kernel.period import Period, moment
from tallystick.ports import Page, SourceFailed

_MIB = 1024 * 1024
_MOST_LINE = 128 * _MIB
_MOST_PAGE = 8 * _MIB
_TEXTS = (
    "schemaType", "schemaVersion", "timestamp", "accountId", "region", "inferenceRegion", "requestId", "operation",
    "modelId", "errorCode", "serviceTier",
)  # fmt: skip
_COUNTS = ("inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount", "outputTokenCount")
_WRITES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_LONGEST = 512


def fetch_logs(place: Place, asked: tuple[str, Period, str], cursor: str, number: int) -> Iterator[Page]:
    """The pages of a day: its files one after the other, without what was said.

    A cursor is the last file that was read: files of a past hour do not change, and later ones sort behind.

    Args:
        asked: Stream, window, account.

    Raises:
        SourceFailed: The place cannot be read, or a file is broken off.
    """
    stream, window, account = asked
    lines: list[bytes] = []
    size, last = 0, cursor
    for found in _files(place, window):
        if found.key <= cursor:
            continue
        if size > _MOST_PAGE:
            yield Page(stream, window, number, cursor, last, b"".join(lines), account)
            lines, size, cursor, number = [], 0, last, number + 1
        with place.open(found) as file:
            for line in _stripped(file, f"{found.key} in {place.name}"):
                lines.append(line)
                size += len(line)
        last = found.key
    yield Page(stream, window, number, cursor, "", b"".join(lines), account)


def _files(place: Place, window: Period) -> Iterator[Any]:
    """`AWSLogs/<account>/BedrockModelInvocationLogs/<region>/2026/11/02/08/….json.gz`, sorted by account and region."""
    day = f"{moment(window.start_us):%Y/%m/%d}"
    for account in place.folders("AWSLogs/"):
        base = f"AWSLogs/{account}/BedrockModelInvocationLogs/"
        for region in place.folders(base):
            for found in place.files(f"{base}{region}/{day}/"):
                # `data/` holds the bodies that were too large for the log: nothing but what was said.
                if "/data/" not in found.key and found.key.endswith((".json.gz", ".json", ".jsonl", ".jsonl.gz")):
                    yield found


def _stripped(file: IO[bytes], name: str) -> Iterator[bytes]:
    head = file.read(2)
    file.seek(0)
    plain: Any = gzip.GzipFile(fileobj=file) if head == b"\x1f\x8b" else file
    try:
        while line := plain.readline(_MOST_LINE):
            if line.strip():
                yield strip(line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceFailed(f"{name} is broken off or damaged: {error}", retry_seconds=900.0) from None


def strip(line: bytes) -> bytes:
    """A record's line with what may be kept of it; of a line that is no record only that it was one, and its length."""
    try:
        record = json.loads(line)
        kept = _kept(record) if isinstance(record, dict) else {"unreadable": len(line)}
    except (ValueError, RecursionError):
        kept = {"unreadable": len(line)}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: record[name][:_LONGEST] for name in _TEXTS if isinstance(record.get(name), str)}
    arn = _member(record, "identity").get("arn")
    if isinstance(arn, str):
        kept["identity"] = {"arn": arn[:_LONGEST]}
    said = _member(record, "requestMetadata")
    # What the caller wrote to be found by: short texts, as AWS itself bounds them.
    metadata = {str(name)[:256]: value[:256] for name, value in said.items() if isinstance(value, str)}
    if metadata:
        kept["requestMetadata"] = metadata
    for side in ("input", "output"):
        found = _member(record, side)
        counts = {name: _count(found[name]) for name in _COUNTS if found.get(name) is not None}
        if counts:
            kept[side] = counts
    usage = _member(_member(_member(record, "output"), "outputBodyJson"), "usage")
    writes = _member(usage, "cache_creation")
    split = {name: writes[name] for name in _WRITES if isinstance(writes.get(name), int)}
    if split:
        kept["cache_creation"] = split
    return kept


def _count(value: object) -> object:
    """A number as it is; of anything else only what it is, so that it is rejected and never kept."""
    return value if isinstance(value, int | float) else type(value).__name__


def _member(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}
