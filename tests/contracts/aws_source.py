"""A bucket of S3 with a Cost and Usage Report, for the contract of connectors: a row a file, signatures checked."""

import hashlib
import json
import re
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tallystick.connectors.aws.kind import KIND
from tallystick.kernel.period import Period
from tests.contracts.source_case import Case, Reply, Request
from tests.pricing.sample import day

KEY_ID, SECRET = "AKIDEXAMPLE", "planted-secret-key"
MONTH = "reports/daily/data/BILLING_PERIOD=2026-10/"
MANIFEST = "reports/daily/metadata/BILLING_PERIOD=2026-10/daily-Manifest.json"
HEAD = (
    "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,"
    "line_item_usage_end_date,line_item_product_code,line_item_usage_type,line_item_usage_amount,pricing_unit,"
    "line_item_unblended_cost,line_item_currency_code,tags"
)
TOKENS = (
    "111111111111,2026-10-01T00:00:00Z,Usage,2026-10-02T08:00:00Z,2026-10-02T09:00:00Z,AmazonBedrock,"
    'USE1-NovaPro-input-tokens,1460.5,1K tokens,1.1684,USD,"{""resourceTags/user:team"":""search""}"'
)
DISK = (
    "111111111111,2026-10-01T00:00:00Z,Usage,2026-10-03T00:00:00Z,2026-10-03T01:00:00Z,AmazonS3,"
    "EUC1-TimedStorage-ByteHrs,3,GB-Mo,0.25,USD,{}"
)
CREDIT = "111111111111,2026-10-01T00:00:00Z,Credit,2026-10-01T00:00:00Z,,AmazonBedrock,,0,,-0.5,USD,"
DATA = {"first": [TOKENS, TOKENS, DISK], "revised": [TOKENS, CREDIT]}


def _objects(edition: str) -> dict[str, bytes]:
    files = {f"{MONTH}daily-{n:05d}.csv": f"{HEAD}\n{row}\n".encode() for n, row in enumerate(DATA[edition], 1)}
    named = [f"s3://bills/{name}" for name in files]
    return files | {MANIFEST: json.dumps({"executionId": edition, "dataFiles": named}).encode()}


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def answer(request: Request, edition: str) -> Reply:
    """ListObjectsV2 and GetObject of one bucket."""
    if not _is_signed(request):
        return _error(403, "SignatureDoesNotMatch")
    bucket, _, key = unquote(request.path).removeprefix("/").partition("/")
    if bucket != "bills" or request.method != "GET":
        return _error(404, "NoSuchBucket")
    query = dict(request.query)
    if key:
        return _object(request, _objects(edition).get(key), query)
    strange = set(query) - {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "encoding-type"}
    if strange or query.get("list-type") != "2" or query.get("encoding-type") != "url":
        return _error(400, "InvalidArgument")
    return _list(sorted(_objects(edition).items()), query)


def _is_signed(request: Request) -> bool:
    """Whether AWS's own signer comes to the same signature."""
    found = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential={KEY_ID}/\d{{8}}/us-east-1/s3/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if found is None:
        return False
    headers = {name: request.headers[name] for name in found[1].split(";")}
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in request.query)
    url = f"http://{request.headers['host']}{request.path}" + (f"?{query}" if query else "")
    asked = AWSRequest(request.method, url, headers=headers)
    asked.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", "us-east-1")
    return signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked) == found[2]


def _object(request: Request, body: bytes | None, query: dict[str, str]) -> Reply:
    if body is None or set(query) - {"response-content-encoding"}:
        return _error(404 if body is None else 400, "NoSuchKey" if body is None else "InvalidArgument")
    if request.headers.get("if-match", f'"{_etag(body)}"') != f'"{_etag(body)}"':
        return _error(412, "PreconditionFailed")
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


def _error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>".encode())


# 1,460.5 thousands of tokens for 1.1684 dollars, of the hour from 8 on; the disk is kept though it is no AI.
_TOKENS = {
    "slice_key": "111111111111/2026-10", "charge_period_start": day("2026-10-02") + 8 * 3600 * 10**6,
    "raw_model": "amazon.nova-pro", "meter": "uncached_input", "quantity": 1_460_500,
    "billed_cost": 1_168_400_000_000, "ai": True, "provider": "aws.bedrock", "provider_account": "acct",
    "charge_category": "Usage", "dimensions": {"team": "search"},
}  # fmt: skip
_DISK = _TOKENS | {
    "charge_period_start": day("2026-10-03"), "raw_model": "", "meter": "", "quantity": None,
    "billed_cost": 250_000_000_000, "ai": False, "provider": "", "dimensions": {},
}  # fmt: skip
_CREDIT = _TOKENS | {
    "charge_period_start": day("2026-10-01"), "raw_model": "", "meter": "", "quantity": None,
    "billed_cost": -500_000_000_000, "charge_category": "Credit", "dimensions": {},
}  # fmt: skip

CASE = Case(
    name="aws",
    kind=KIND,
    stream="cur2",
    window=Period(day("2026-10-01"), day("2026-11-01")),
    answer=answer,
    options=lambda url: {
        "cur": "s3://bills/reports/daily", "endpoint": url, "access_key_id": KEY_ID, "tags": "team=user:team",
    },
    secrets={"secret_access_key": SECRET},
    first=[_TOKENS, _TOKENS, _DISK],
    revised=[_TOKENS, _CREDIT],
    refused=_error(403, "ExpiredToken"),
)  # fmt: skip

CASES = [CASE]
