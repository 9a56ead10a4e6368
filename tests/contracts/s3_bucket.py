"""A bucket as S3 speaks of it: lists of one key a page, objects by range, signatures checked by AWS's own signer."""

import hashlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.contracts.source_case import Reply, Request

KEY_ID, SECRET = "AKIDEXAMPLE", "planted-secret-key"
Objects = Mapping[str, bytes]
_LISTED = {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "encoding-type"}


def bucket(objects: Callable[[str], Objects]) -> Callable[[Request, str], Reply]:
    """ListObjectsV2 and GetObject of the bucket `bills`.

    Args:
        objects: Edition → keys and bodies.
    """

    def answer(request: Request, edition: str) -> Reply:
        if not is_signed(request, "s3", S3SigV4Auth):
            return error(403, "SignatureDoesNotMatch")
        name, _, key = unquote(request.path).removeprefix("/").partition("/")
        if name != "bills" or request.method != "GET":
            return error(404, "NoSuchBucket")
        query = dict(request.query)
        if key:
            return _object(request, objects(edition).get(key), query)
        if set(query) - _LISTED or query.get("list-type") != "2" or query.get("encoding-type") != "url":
            return error(400, "InvalidArgument")
        return _list(sorted(objects(edition).items()), query)

    return answer


def is_signed(request: Request, service: str, signing: type[SigV4Auth]) -> bool:
    """Whether AWS's own signer comes to the same signature."""
    found = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential={KEY_ID}/\d{{8}}/us-east-1/{service}/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if found is None:
        return False
    headers = {name: request.headers[name] for name in found[1].split(";")}
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in request.query)
    url = f"http://{request.headers['host']}{request.path}" + (f"?{query}" if query else "")
    asked = AWSRequest(request.method, url, data=request.body or None, headers=headers)
    asked.context["timestamp"] = headers["x-amz-date"]
    signer = signing(Credentials(KEY_ID, SECRET), service, "us-east-1")
    return str(signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked)) == found[2]


def error(status: int, code: str) -> Reply:
    """An error as S3 writes it."""
    return Reply(status, f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>".encode())


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _object(request: Request, body: bytes | None, query: dict[str, str]) -> Reply:
    if body is None or set(query) - {"response-content-encoding"}:
        return error(404 if body is None else 400, "NoSuchKey" if body is None else "InvalidArgument")
    if request.headers.get("if-match", f'"{_etag(body)}"') != f'"{_etag(body)}"':
        return error(412, "PreconditionFailed")
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
    assert found is not None
    return Reply(206, body[int(found[1]) : int(found[2]) + 1])


def _list(objects: list[tuple[str, bytes]], query: dict[str, str]) -> Reply:
    """One key a page, so that every list has to be gone on with."""
    prefix, delimiter = query["prefix"], query.get("delimiter", "")
    entries: dict[str, str] = {}
    for key, body in objects:
        if key.startswith(prefix):
            folder, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            name = prefix + folder + cut if cut else key
            entries[name] = (
                f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
                if cut
                else f"<Contents><Key>{escape(name)}</Key><LastModified>2026-10-20T00:00:00Z</LastModified>"
                f"<ETag>&quot;{_etag(body)}&quot;</ETag><Size>{len(body)}</Size></Contents>"
            )
    at = int(query.get("continuation-token", "0"))
    more = at + 1 < len(entries)
    going_on = f"<NextContinuationToken>{at + 1}</NextContinuationToken>" if more else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{going_on}{''.join(list(entries.values())[at : at + 1])}"
        "</ListBucketResult>"
    )
    return Reply(200, body.encode())
