"""Where exports lie: a folder, or a Blob container that a SAS address opens."""

import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from tallystick.connectors.azure.away import ask_azure
from tallystick.connectors.azure.runs import Stored
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, Request
from tallystick.transport.patience import Patience

_BLOB = re.compile(r"<Blob>(.*?)</Blob>", re.DOTALL)
_NAME = re.compile(r"<Name>(.*?)</Name>", re.DOTALL)
_MODIFIED = re.compile(r"<Last-Modified>(.*?)</Last-Modified>", re.DOTALL)
_NEXT = re.compile(r"<NextMarker>(.*?)</NextMarker>", re.DOTALL)
_MOST_PAGES = 1000
_MOST_BYTES = 2 * 1024**3


class Shelf(Protocol):
    """Files by name."""

    def names(self) -> list[Stored]:
        """All of them."""

    def read(self, name: str) -> bytes:
        """One, as it is stored."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of a folder of this machine, at any depth; links that lead out of it are not followed."""

    path: Path

    def names(self) -> list[Stored]:
        if not self.path.is_dir():
            raise SourceFailed(f"{str(self.path)!r} is no folder; check the path of the export")
        root = self.path.resolve()
        found = (one for one in root.rglob("*") if one.is_file() and one.resolve().is_relative_to(root))
        return sorted(Stored(one.stat().st_mtime, one.relative_to(root).as_posix()) for one in found)

    def read(self, name: str) -> bytes:
        root = self.path.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise SourceFailed(f"{name!r} lies outside of the folder of the export")
        try:
            return path.read_bytes()
        except OSError as error:
            raise SourceFailed(f"{name!r} cannot be read: {error.strerror}", retry_seconds=900.0) from None


@dataclass(frozen=True, slots=True)
class Container:
    """Blobs of a container.

    Attributes:
        sas_url: Of the container, `https://<account>.blob.core.windows.net/<container>?<signature>`; a secret.
        prefix: Only blobs below it.
    """

    sas_url: str = field(repr=False)
    prefix: str
    patience: Patience

    def names(self) -> list[Stored]:
        found: list[Stored] = []
        marker = ""
        for _ in range(_MOST_PAGES):
            query = f"restype=container&comp=list&prefix={quote(self.prefix, safe='')}"
            body = self._get("", query + (f"&marker={quote(marker, safe='')}" if marker else "")).body
            page = body.decode("utf-8-sig", "replace")
            if "<EnumerationResults" not in page or "</EnumerationResults>" not in page:
                raise SourceFailed("the container answers with no list of blobs; check sas_url", retry_seconds=900.0)
            found += [_stored(blob) for blob in _BLOB.findall(page)]
            following = _NEXT.search(page)
            last, marker = marker, html.unescape(following[1]) if following else ""
            if not marker:
                return sorted(found)
            if marker == last:
                break
        raise SourceFailed("the container's list of blobs leads back to itself", retry_seconds=900.0)

    def read(self, name: str) -> bytes:
        return self._get(f"/{quote(name, safe='/')}", "").body

    def _get(self, path: str, query: str) -> Answer:
        parts = urlsplit(self.sas_url)
        if not parts.query or not parts.path.strip("/"):
            raise SourceFailed("sas_url is no address of a container with its signature (https://…/container?sv=…)")
        both = "&".join(one for one in (query, parts.query) if one)
        url = urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}{path}", both, ""))
        headers = {"x-ms-version": "2021-08-06"}
        answer = ask_azure(Request("GET", url, headers, most_bytes=_MOST_BYTES), "Blob storage", self.patience)
        if answer.status == 200:
            return answer
        meaning = {
            403: "refuses the signature: it has expired, or lacks the rights to read and list; make a new sas_url",
            404: "does not know the container or file; check sas_url and the path",
        }.get(answer.status, "does not answer as it should; check sas_url")
        later = 900.0 if answer.status == 404 and path else None
        raise SourceFailed(f"Blob storage {meaning} (status {answer.status})", retry_seconds=later)


def _stored(blob: str) -> Stored:
    name, at = _NAME.search(blob), _MODIFIED.search(blob)
    if name is None or at is None:
        raise SourceFailed("a blob is listed without name or time; the API may have changed", retry_seconds=900.0)
    try:
        found: datetime = parsedate_to_datetime(at[1])
    except ValueError:
        raise SourceFailed("a blob is listed with a time that is none", retry_seconds=900.0) from None
    return Stored(found.timestamp(), html.unescape(name[1]))
