"""AWS in the contract of connectors: reports in every form from a bucket, logs of calls, Cost Explorer; one row a page."""

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence

import botocore.session
from botocore.auth import SigV4Auth
from botocore.validate import ParamValidator

from tallystick.connectors.aws.kind import KIND
from tallystick.kernel.period import DAY_US, Period
from tests.connectors.aws.reports import parquet_of
from tests.connectors.aws.test_cost_explorer import day as day_of
from tests.connectors.aws.test_cost_explorer import metrics
from tests.connectors.aws.test_focus_rows import BASE as FOCUS_ROW
from tests.connectors.aws.test_focus_rows import S3 as FOCUS_DISK
from tests.connectors.aws.test_focus_rows import csv_of as focus_csv_of
from tests.connectors.aws.test_invocation_logs import record
from tests.contracts.s3_bucket import KEY_ID, SECRET, Objects, bucket, error, is_signed
from tests.contracts.source_case import Case, Facts, Reply, Request
from tests.pricing.sample import day

OCTOBER = Period(day("2026-10-01"), day("2026-11-01"))
REPORT, MONTH = "reports/daily", "reports/daily/data/BILLING_PERIOD=2026-10/"
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


def _report(files: Callable[[str], Mapping[str, bytes]]) -> Callable[[str], Objects]:
    """Files of a month with the manifest that names them."""

    def objects(edition: str) -> Objects:
        found = {f"{MONTH}{name}": body for name, body in files(edition).items()}
        named = [f"s3://bills/{name}" for name in found]
        return found | {MANIFEST: json.dumps({"executionId": edition, "dataFiles": named}).encode()}

    return objects


def _as_csv(edition: str) -> Mapping[str, bytes]:
    return {f"daily-{n:05d}.csv": f"{HEAD}\n{row}\n".encode() for n, row in enumerate(DATA[edition], 1)}


def _as_parquet(edition: str) -> Mapping[str, bytes]:
    rows = [dict(zip(HEAD.split(","), next(csv.reader([row])), strict=True)) for row in DATA[edition]]
    return {f"daily-{n:05d}.snappy.parquet": parquet_of(row) for n, row in enumerate(rows, 1)}


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


def _of_bucket(
    name: str,
    stream: str,
    objects: Callable[[str], Objects],
    first: Sequence[Facts],
    revised: Sequence[Facts],
    *,
    options: Mapping[str, str],
    window: Period = OCTOBER,
    limits: Mapping[str, object] | None = None,
) -> Case:
    return Case(
        name=name,
        kind=KIND,
        stream=stream,
        window=window,
        answer=bucket(objects),
        options=lambda url: {"endpoint": url, "access_key_id": KEY_ID, **options},
        secrets={"secret_access_key": SECRET},
        first=first,
        revised=revised,
        refused=error(403, "ExpiredToken"),
        limits=limits or {},
    )


_CUR = {"cur": f"s3://bills/{REPORT}", "tags": "team=user:team"}


def _focus() -> Case:
    """Packed CSV, an hour of cached reads twice and a disk; then one hour of them, dearer."""
    times = {"BillingPeriodStart": "2026-10-01T00:00:00Z", "BillingPeriodEnd": "2026-11-01T00:00:00Z",
             "ChargePeriodStart": "2026-10-02T08:00:00Z", "ChargePeriodEnd": "2026-10-02T09:00:00Z"}  # fmt: skip
    tokens = {**FOCUS_ROW, **times}
    disk = {**tokens, **FOCUS_DISK, "BilledCost": "0.25"}
    rows = {"first": [tokens, tokens, disk], "revised": [{**tokens, "BilledCost": "1.2"}]}

    def files(edition: str) -> Mapping[str, bytes]:
        return {
            f"daily-{n:05d}.csv.gz": gzip.compress(focus_csv_of(row), mtime=0) for n, row in enumerate(rows[edition], 1)
        }

    reads = {
        "slice_key": "111111111111/2026-10", "charge_period_start": day("2026-10-02") + 8 * 3600 * 10**6,
        "raw_model": "global.anthropic.claude-sonnet-4-6", "meter": "cache_read", "service_tier": "flex",
        "quantity": 1_460_500, "billed_cost": 1_168_400_000_000, "ai": True, "provider": "aws.bedrock",
        "dimensions": {"team": "search"},
    }  # fmt: skip
    kept = reads | {"raw_model": "", "meter": "", "service_tier": "", "quantity": None, "billed_cost": 250_000_000_000,
                    "ai": False, "provider": ""}  # fmt: skip
    return _of_bucket(
        "aws-focus", "focus", _report(files), [reads, reads, kept], [reads | {"billed_cost": 1_200_000_000_000}],
        options={"focus": f"s3://bills/{REPORT}", "tags": "team=user:team"},
    )  # fmt: skip


def _logs() -> Case:
    """A file an hour; in the first edition one call at eight and one at nine, then two at eight."""
    eight = day("2026-11-02") + 8 * 3600 * 10**6
    late = record(requestId="r-2", timestamp="2026-11-02T09:00:00Z")
    again = record(requestId="r-3", timestamp="2026-11-02T08:59:59Z")
    hours = {"first": {"08": [record()], "09": [late]}, "revised": {"08": [record(), again]}}

    def objects(edition: str) -> Objects:
        base = "logs/AWSLogs/012345678901/BedrockModelInvocationLogs/us-east-1/2026/11/02"
        return {
            f"{base}/{hour}/a.json.gz": gzip.compress(b"\n".join(json.dumps(one).encode() for one in calls), mtime=0)
            for hour, calls in hours[edition].items()
        }

    def hour_of(at: int, calls: int) -> list[Facts]:
        classes = {"uncached_input": 1500, "cache_read": 12_000, "cache_write_unknown": 300, "plain_output": 500, "requests": 1}  # fmt: skip
        return [
            {"slice_key": "2026-11-02", "charge_period_start": at, "meter": meter, "quantity": number * calls,
             "raw_model": "us.anthropic.claude-sonnet-4-6", "billed_cost": None, "dimensions": {"team": "search"}}
            for meter, number in classes.items()
        ]  # fmt: skip

    return _of_bucket(
        "aws-invocation_logs", "invocation_logs", objects, [*hour_of(eight, 1), *hour_of(eight + 3600 * 10**6, 1)],
        hour_of(eight, 2), options={"invocation_logs": "s3://bills/logs", "tags": "team=team"},
        window=Period(day("2026-11-02"), day("2026-11-02") + DAY_US),
        limits={"tallystick.connectors.aws.invocation_logs._MOST_PAGE": 0},
    )  # fmt: skip


_ASKED = botocore.session.get_session().get_service_model("ce").operation_model("GetCostAndUsage")
_VALIDATOR = ParamValidator()


def _october(found: dict[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(found).replace("2026-11-0", "2026-10-0"))  # type: ignore[no-any-return]


_TOKENS_OF_DAY = ("Amazon Bedrock", "USE1-NovaPro-input-tokens")
_DAYS: Mapping[str, Mapping[str, Sequence[dict[str, object]]]] = {
    "first": {
        "USAGE_TYPE": [
            _october(day_of(1, (*_TOKENS_OF_DAY, metrics("1.1684", "1460.5", "1K tokens")))),
            _october(day_of(2, ("Amazon Simple Storage Service", "EUC1-TimedStorage-ByteHrs", metrics("0.25", "3", "GB-Mo")))),
        ],
        "RECORD_TYPE": [_october(day_of(2, ("Tax", "Tax", metrics("0.5"))))],
    },
    "revised": {
        "USAGE_TYPE": [_october(day_of(1, (*_TOKENS_OF_DAY, metrics("1.2", "1460.5", "1K tokens"))))],
        "RECORD_TYPE": [_october(day_of(3, ("Amazon Bedrock", "Credit", metrics("-2"))))],
    },
}  # fmt: skip


def _costs_answer(request: Request, edition: str) -> Reply:
    """Cost Explorer: takes what botocore's model of it takes, one day a page."""
    if not is_signed(request, "ce", SigV4Auth):
        return Reply(400, b'{"__type": "InvalidSignatureException"}')
    body = json.loads(request.body)
    if request.headers.get("x-amz-target") != "AWSInsightsIndexService.GetCostAndUsage" or request.query:
        return Reply(400, b'{"__type": "UnknownOperationException"}')
    if _VALIDATOR.validate(body, _ASKED.input_shape).has_errors():
        return Reply(400, b'{"__type": "ValidationException"}')
    days = _DAYS[edition][body["GroupBy"][1]["Key"]]
    at = int(body.get("NextPageToken", "t-0").removeprefix("t-"))
    found: dict[str, object] = {"ResultsByTime": [days[at]]}
    assert not _VALIDATOR.validate(found, _ASKED.output_shape).has_errors()
    return Reply(200, json.dumps(found | ({"NextPageToken": f"t-{at + 1}"} if at + 1 < len(days) else {})).encode())


def _costs() -> Case:
    tokens = {
        "slice_key": "2026-10", "charge_period_start": day("2026-10-01"), "raw_model": "amazon.nova-pro",
        "meter": "uncached_input", "quantity": 1_460_500, "billed_cost": 1_168_400_000_000, "ai": True,
        "charge_category": "Usage",
    }  # fmt: skip
    plain = tokens | {"raw_model": "", "meter": "", "quantity": None}
    disk = plain | {"charge_period_start": day("2026-10-02"), "billed_cost": 250_000_000_000, "ai": False}
    tax = disk | {"billed_cost": 500_000_000_000, "charge_category": "Tax"}
    credit = plain | {"charge_period_start": day("2026-10-03"), "billed_cost": -2_000_000_000_000, "charge_category": "Credit"}  # fmt: skip
    return Case(
        name="aws-cost_explorer",
        kind=KIND,
        stream="cost_explorer",
        window=OCTOBER,
        answer=_costs_answer,
        options=lambda url: {
            "cost_explorer": "on", "cost_explorer_endpoint": f"{url}/", "access_key_id": KEY_ID,
        },
        secrets={"secret_access_key": SECRET},
        first=[tokens, disk, tax],
        revised=[tokens | {"billed_cost": 1_200_000_000_000}, credit],
        refused=Reply(400, b'{"__type": "ExpiredTokenException", "message": "The security token is expired"}'),
        check_asks=False,
    )  # fmt: skip


CASES = [
    _of_bucket("aws", "cur2", _report(_as_csv), [_TOKENS, _TOKENS, _DISK], [_TOKENS, _CREDIT], options=_CUR),
    _of_bucket(
        "aws-parquet", "cur2", _report(_as_parquet), [_TOKENS, _TOKENS, _DISK], [_TOKENS, _CREDIT], options=_CUR
    ),
    _focus(),
    _logs(),
    _costs(),
]
