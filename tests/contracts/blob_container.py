"""A Blob container behind a SAS address: lists of one blob a page, strict about what is asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from gzip import compress
from urllib.parse import unquote
from xml.sax.saxutils import escape

from tests.contracts.source_case import Reply, Request

SAS = "{url}/costs?sv=2021&sig=planted%26sig"
_SUBMITTED = {"first": "2026-10-05T04:00:00Z", "revised": "2026-10-06T04:00:00.5Z"}
Blobs = Mapping[str, bytes]


def container(blobs: Callable[[str], Blobs]) -> Callable[[Request, str], Reply]:
    """List Blobs and Get Blob of the container `costs`.

    Args:
        blobs: Edition → names and bodies.
    """

    def answer(request: Request, edition: str) -> Reply:
        query = dict(request.query)
        if query.pop("sig", "") != "planted&sig" or query.pop("sv", "") != "2021":
            return _error(403, "AuthenticationFailed")
        held = blobs(edition)
        name = unquote(request.path).removeprefix("/costs").lstrip("/")
        if name:
            return Reply(200, held[name]) if name in held and not query else _error(404, "BlobNotFound")
        if (query.pop("restype", ""), query.pop("comp", "")) != ("container", "list"):
            return _error(400, "InvalidQueryParameterValue")
        prefix, at = query.pop("prefix", ""), int(query.pop("marker", "0"))
        if query or request.method != "GET":
            return _error(400, "InvalidQueryParameterValue")
        return _list([one for one in sorted(held) if one.startswith(prefix)], at)

    return answer


def runs(export: str, kind: str, sheets: Mapping[str, Sequence[bytes]]) -> Callable[[str], Blobs]:
    """A run of an export in each edition, with its manifest; the run of the first stays beside the later one.

    Args:
        export: Its folder.
        kind: `ActualCost`, `AmortizedCost`, `FocusCost`.
        sheets: Edition → files of a run.
    """

    def blobs(edition: str) -> Blobs:
        found: dict[str, bytes] = {}
        for run in ("first", "revised")[: 1 if edition == "first" else 2]:
            folder = f"{export}/20261001-20261031/{run}"
            parts = {f"part_0_{n:04d}.csv.gz": compress(body, mtime=0) for n, body in enumerate(sheets[run], 1)}
            told = {"manifestVersion": "2024-04-01", "exportConfig": {"exportName": export, "type": kind},
                    "runInfo": {"submittedTime": _SUBMITTED[run], "runId": run},
                    "blobs": [{"blobName": f"{folder}/{name}"} for name in parts]}  # fmt: skip
            found |= {f"{folder}/{name}": body for name, body in parts.items()}
            found[f"{folder}/manifest.json"] = json.dumps(told).encode()
        return found

    return blobs


def _list(names: Sequence[str], at: int) -> Reply:
    blob = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>Mon, 05 Oct 2026 04:00:00 GMT</Last-Modified>"
        "</Properties></Blob>"
        for name in names[at : at + 1]
    )
    marker = str(at + 1) if at + 1 < len(names) else ""
    body = (
        f"<?xml version='1.0'?><EnumerationResults><Blobs>{blob}</Blobs><NextMarker>{marker}</NextMarker>"
        "</EnumerationResults>"
    )
    return Reply(200, body.encode())


def _error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code></Error>".encode(), {"x-ms-error-code": code})
