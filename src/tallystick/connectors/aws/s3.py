"""A bucket of S3, or of what speaks like it: objects listed page by page, and read in ranges.

Only two operations are used, so the right to list one prefix and to get what is below it suffices.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree as ET

from tallystick.connectors.aws.places import Found
from tallystick.connectors.aws.signed import Signer, code_of, failed
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, Patience

_RANGE = 8 * 1024 * 1024
_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bucket is.

    Attributes:
        prefix: Empty, or ends with `/`.
        endpoint: Of another service than AWS's own; the bucket is then a part of the path.
    """

    bucket: str
    prefix: str
    region: str
    endpoint: str = ""

    def url(self, key: str, query: str = "") -> str:
        path = quote(key, safe="/-._~")
        # A dot in a bucket's name does not fit the certificate of AWS's hosts.
        if self.endpoint or "." in self.bucket:
            base = self.endpoint.rstrip("/") or f"https://s3.{self.region}.{_domain(self.region)}"
            path = f"{self.bucket}/{path}"
        else:
            base = f"https://{self.bucket}.s3.{self.region}.{_domain(self.region)}"
        return f"{base}/{path}" + (f"?{query}" if query else "")


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Objects below a prefix.

    Attributes:
        page_keys: The most that are listed at once; 1,000 is the most that S3 gives.
    """

    address: Address
    signer: Signer = field(repr=False)
    patience: Patience = field(default_factory=Patience, repr=False)
    page_keys: int = 1000

    @property
    def name(self) -> str:
        return f"s3://{self.address.bucket}/{self.address.prefix}"

    def files(self, below: str) -> Iterator[Found]:
        skip = len(self.address.prefix)
        for page in self._list(below, delimiter=""):
            for one in page.iterfind("{*}Contents"):
                key = unquote_plus(one.findtext("{*}Key") or "")
                if not key.endswith("/"):
                    size, version = one.findtext("{*}Size") or "0", (one.findtext("{*}ETag") or "").strip('"')
                    yield Found(key[skip:], int(size), version, one.findtext("{*}LastModified") or "")

    def folders(self, below: str) -> list[str]:
        start = len(self.address.prefix) + len(below)
        names = [
            unquote_plus(one.text or "")[start:].rstrip("/")
            for page in self._list(below, delimiter="/")
            for one in page.iterfind("{*}CommonPrefixes/{*}Prefix")
        ]
        return sorted(names)

    def open(self, found: Found) -> IO[bytes]:
        return io.BufferedReader(_Object(self, found), _RANGE)

    def _list(self, below: str, *, delimiter: str) -> Iterator[ET.Element]:
        token = ""
        while True:
            asked = {"encoding-type": "url", "list-type": "2", "prefix": self.address.prefix + below}
            asked |= {"max-keys": str(self.page_keys)}
            asked |= {"continuation-token": token} if token else {}
            asked |= {"delimiter": delimiter} if delimiter else {}
            query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(asked.items()))
            page = self._xml(self.get("", _EMPTY, query))
            yield page
            token = page.findtext("{*}NextContinuationToken") or ""
            if page.findtext("{*}IsTruncated") != "true":
                return
            if not token:
                raise SourceFailed(
                    f"{self.name} breaks off its list without saying how it goes on", retry_seconds=600.0
                )

    def _xml(self, answer: Answer) -> ET.Element:
        try:
            if b"<!DOCTYPE" in answer.body[:4096]:
                raise ET.ParseError
            return ET.fromstring(answer.body)  # noqa: S314 - nothing of it declares entities, see above
        except ET.ParseError:
            raise SourceFailed(f"{self.name} answers with something else than a list: is it S3?") from None

    def get(self, key: str, headers: Mapping[str, str], query: str = "") -> Answer:
        """One object, or with a query the list.

        Raises:
            SourceFailed: It was refused, or no answer came.
        """
        answer = self.signer.send("GET", self.address.url(key, query), headers, b"", self.patience)
        if answer.status in {200, 206}:
            return answer
        if answer.status == 412:
            words = f"{key} in {self.name} was written anew while it was read"
            raise SourceFailed(words, retry_seconds=300.0)
        where = answer.headers.get("x-amz-bucket-region", "")
        if answer.status in {301, 307, 400} and where and where != self.address.region:
            raise SourceFailed(f'{self.name} is in {where}: set region = "{where}"')
        raise failed(self.name, answer, code_of(answer))


class _Object(io.RawIOBase):
    """An object as a file: each read asks for a range of exactly the version that was found."""

    def __init__(self, bucket: Bucket, found: Found) -> None:
        self._bucket, self._found, self._at = bucket, found, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._found.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._found.size)
        if end <= self._at:
            return 0
        # What is stored with a content encoding must come as it is stored: ranges of it unpack to nothing.
        headers = {"range": f"bytes={self._at}-{end - 1}", "if-match": f'"{self._found.version}"'}
        key = self._bucket.address.prefix + self._found.key
        body = self._bucket.get(key, headers, "response-content-encoding=identity").body
        if len(body) != end - self._at:
            words = (
                f"{self._found.key} in {self._bucket.name} gives {len(body)} bytes where {end - self._at} were asked"
            )
            raise SourceFailed(words, retry_seconds=600.0)
        buffer[: len(body)] = body
        self._at = end
        return len(body)


def parse_location(text: str) -> tuple[str, str] | None:
    """Bucket and prefix of `s3://bucket/prefix`; None for anything else, which is a folder."""
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc:
        return None
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""
