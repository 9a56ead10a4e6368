"""Cost Explorer, against a server that takes what botocore's own model of it takes, and nothing else."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.kind import COSTS, connect
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Patience
from tests.connectors.aws.reports import NOVEMBER, setup_of

MODEL = botocore.session.get_session().get_service_model("ce").operation_model("GetCostAndUsage")
VALIDATOR = ParamValidator()
USD = 10**12


def metrics(cost, amount="0", unit="N/A", net=None):
    money = {name: {"Amount": cost, "Unit": "USD"} for name in ("UnblendedCost", "AmortizedCost")}
    nets = {f"Net{name}": {"Amount": net or cost, "Unit": "USD"} for name in money}
    return money | nets | {"UsageQuantity": {"Amount": amount, "Unit": unit}}


def day(number, *groups, estimated=True):
    period = {"Start": f"2026-11-{number:02d}", "End": f"2026-11-{number + 1:02d}"}
    return {
        "TimePeriod": period, "Total": {}, "Estimated": estimated,
        "Groups": [{"Keys": [service, second], "Metrics": found} for service, second, found in groups],
    }  # fmt: skip


USAGE = [
    {"ResultsByTime": [day(1,
        ("Amazon Bedrock", "USE1-NovaPro-input-tokens", metrics("4.3815", "1460.5", "1K tokens", net="4")),
        ("Claude Opus 5.5 (Amazon Bedrock Edition)", "USE1-MP:USE1_OutputTokenCount_Global-Units", metrics("0.5", "2")),
        estimated=False,
    )], "NextPageToken": "t-2"},
    {"ResultsByTime": [day(2,
        ("Amazon Simple Storage Service", "EUC1-TimedStorage-ByteHrs", metrics("0.25", "3", "GB-Mo")),
        ("Amazon Bedrock", "USE1-NovaPro-input-tokens", metrics("0")),
    )]},
]  # fmt: skip
REST = [{"ResultsByTime": [day(2,
    ("Tax", "Tax", metrics("1.1")), ("Amazon Bedrock", "Credit", metrics("-2")),
    ("Amazon Bedrock", "Enterprise Discount Program Discount", metrics("-0.3815", net="0.000001")),
)]}]  # fmt: skip


class Server:
    """Answers what it was given, page by page, and notes what it was asked."""

    def __init__(self):
        self.asked, self.refuse = [], []
        self.answers = {"USAGE_TYPE": USAGE, "RECORD_TYPE": REST}

    def answer(self, headers, body):
        assert headers["X-Amz-Target"] == "AWSInsightsIndexService.GetCostAndUsage"
        assert headers["Content-Type"] == "application/x-amz-json-1.1"
        assert "/us-east-1/ce/aws4_request" in headers["Authorization"]
        report = VALIDATOR.validate(body, MODEL.input_shape)
        if report.has_errors():
            return 400, {"__type": "ValidationException", "message": report.generate_report()}
        self.asked.append(body)
        if self.refuse:
            return self.refuse.pop(0)
        pages = self.answers[body["GroupBy"][1]["Key"]]
        token = body.get("NextPageToken", "")
        found = pages[int(token.partition("-")[2]) - 1 if token else 0]
        assert not VALIDATOR.validate(found, MODEL.output_shape).has_errors()
        return 200, found


@contextmanager
def serving(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = server.answer(self.headers, body)
            out = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def source(url, **options):
    return connect(setup_of(
        cost_explorer="on", cost_explorer_endpoint=url, access_key_id="AKID", **options
    ))  # fmt: skip


def read(server, cursor="", **options):
    with serving(server) as url:
        one = replace(source(url, **options), patience=Patience(tries=2, first_seconds=0.001))
        pages = list(one.fetch(COSTS, NOVEMBER, cursor))
        return pages, [line for page in pages for line in one.parse(page)]


def test_a_month_is_asked_for_once_as_usage_and_once_as_what_is_none():
    server = Server()
    pages, _ = read(server)

    assert [page.cursor for page in pages] == ["", "usage|t-2", "rest|"]
    assert [page.next_cursor for page in pages] == ["usage|t-2", "rest|", ""]
    first, second, rest = server.asked
    # Today is the 23rd: what is not yet over is asked for too, and what has not begun is not.
    assert first["TimePeriod"] == {"Start": "2026-11-01", "End": "2026-11-24"}
    assert first["Granularity"] == "DAILY"
    assert second["NextPageToken"] == "t-2"
    assert {one["Key"] for one in rest["GroupBy"]} == {"SERVICE", "RECORD_TYPE"}
    assert rest["Filter"] == {"Not": first["Filter"]}


def test_each_group_is_a_line_of_its_day():
    _, lines = read(Server(), market_unit="1M Tokens")

    assert all(isinstance(one, BillLine) for one in lines)
    second = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 1_000_000
    nova, claude, s3, tax, credit, discount = lines
    assert {(one.layer, one.slice_key, one.currency) for one in lines} == {("cost", "2026-11", "USD")}
    assert (nova.provider, nova.raw_model, nova.meter) == ("aws.bedrock", "amazon.nova-pro", "uncached_input")
    # Net of discounts; 1,460.5 thousand tokens.
    assert (nova.billed_cost, nova.effective_cost, nova.quantity) == (4 * USD, 4 * USD, 1_460_500)
    assert nova.extra["Estimated"] == "false"
    assert (claude.raw_model, claude.meter) == ("global.anthropic.claude-opus-5-5", "plain_output")
    # No unit was said at all, so not even the operator's word on "Units" tells how many.
    assert claude.quantity is None
    assert "no unit" in claude.extra["quantity_note"]
    assert (s3.ai, s3.provider, s3.region, s3.charge_period_start) == (False, "", "eu-central-1", second)
    assert (s3.extra["Estimated"], s3.consumed_unit) == ("true", "GB-Mo")
    assert [one.charge_category for one in (tax, credit, discount)] == ["Tax", "Credit", "Credit"]
    assert [one.billed_cost for one in (tax, credit, discount)] == [11 * USD // 10, -2 * USD, 10**6]


def test_a_month_goes_on_where_it_stopped_and_one_to_come_is_not_asked_for():
    server = Server()
    pages, _ = read(server, "rest|")

    assert [page.cursor for page in pages] == ["rest|"]
    with pytest.raises(SourceFailed, match="none of ours"):
        read(Server(), "elsewhere|x")
    one = source("http://127.0.0.1:9/")
    later = replace(NOVEMBER, start_us=NOVEMBER.end_us, end_us=NOVEMBER.end_us + 1)
    assert list(one.fetch(COSTS, later)) == []
    assert "costs a cent" in one.check()


REFUSED = [
    ((400, {"__type": "com.amazon#ExpiredTokenException"}), "temporary key has expired", False),
    ((400, {"__type": "AccessDeniedException"}), "the key may not do this", False),
    ((400, {"__type": "UnrecognizedClientException"}), "AWS does not know the key", False),
    ((400, {"__type": "LimitExceededException"}), "it throttles", True),
    ((400, {"__type": "Something<script>"}), "answers with status 400", False),
    ((200, {"ResultsByTime": None}), "something else than costs by day", True),
    ((200, ["surprise"]), "something else than costs by day", True),
]


@pytest.mark.parametrize(
    ("refusal", "reason", "again"), REFUSED, ids=[f"{n}-{one[1]}" for n, one in enumerate(REFUSED)]
)
def test_a_refusal_says_what_to_do_and_no_secret(refusal, reason, again):
    server = Server()
    server.refuse = [refusal]

    with pytest.raises(SourceFailed, match=reason) as caught:
        read(server)
    assert (caught.value.retry_seconds is not None) == again
    assert "planted" not in caught.value.reason
    assert "script" not in caught.value.reason


def test_a_storm_is_waited_for_and_ends():
    server = Server()
    server.refuse = [(429, {}), (503, {})]
    with pytest.raises(SourceFailed) as caught:
        read(server)
    assert caught.value.retry_seconds

    calm = Server()
    calm.refuse = [(429, {})]
    assert len(read(calm)[0]) == 3


def test_a_changed_group_is_rejected_and_the_rest_lands():
    good = ("Amazon Bedrock", "USE1-NovaPro-input-tokens", metrics("1", "1", "1K tokens"))
    one = source("http://127.0.0.1:9/")
    page = next(iter(read(Server())[0]))
    body = {"ResultsByTime": [day(1, good)]}
    groups = body["ResultsByTime"][0]["Groups"]
    groups.append({"Keys": ["Amazon Bedrock"], "Metrics": metrics("1")})
    groups.append({"Keys": ["a", "b"], "Metrics": {"Cost": {}}})
    groups.append({"Keys": ["a", "b"], "Metrics": metrics("one")})

    found = list(one.parse(replace(page, body=json.dumps(body).encode())))
    assert [type(line) for line in found] == [BillLine, Rejected, Rejected, Rejected]
    assert [line.line_no for line in found] == [1, 2, 3, 4]
