"""What the gateway says in Bedrock's place makes boto3 raise what AWS would, and ask again only where that helps."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import Detail
from tallystick.gateway.refuse import Refusal, answer, status_of
from tests.stub.bedrock import FRAMES, event

BEDROCK = DIALECTS["bedrock"]
MODES = ["legacy", "standard", "adaptive"]


@contextlib.contextmanager
def asking(status, headers, body, mode="standard"):
    """boto3 before a server that always answers this; the number of times it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="tally_x",
        aws_secret_access_key="x",
        config=Config(retries={"mode": mode, "total_max_attempts": 2}),
    )
    try:
        yield client, asked
    finally:
        client.close()
        server.shutdown()
        server.server_close()


def refused(refusal, mode):
    headers, body = answer(BEDROCK, refusal, "evt_1")
    with asking(status_of(BEDROCK, refusal), headers, body, mode) as (client, asked):
        with pytest.raises(ClientError) as caught:
            client.converse(modelId="m", messages=[])
        return caught.value, type(caught.value).__name__, len(asked)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "ValidationException"),
        (401, "AccessDeniedException"),
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (413, "ValidationException"),
        (429, "ServiceQuotaExceededException"),
    ],
)
def test_a_final_refusal_is_raised_as_its_type_and_asked_once(status, kind, mode):
    detail = Detail("search a day", "$50", "2026-12-01T00:00:00Z", "http://x/budgets/b")
    error, name, times = refused(Refusal(status, "some_code", "What, where, why.", detail=detail), mode)

    assert (name, times) == (kind, 1)
    assert error.response["Error"] == {"Message": "What, where, why.", "Code": kind}
    assert error.response["ResponseMetadata"]["HTTPHeaders"]["x-tally-event-id"] == "evt_1"
    assert error.response["ResponseMetadata"]["RequestId"] == "evt_1"


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_the_same_budget_s_refusal_as_429_would_be_asked_again(mode):
    headers, body = answer(BEDROCK, Refusal(429, "budget_exceeded", "no"), "evt_1")
    with asking(429, headers, body, mode) as (client, asked):
        with pytest.raises(client.exceptions.ServiceQuotaExceededException):
            client.converse(modelId="m", messages=[])
        assert len(asked) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_succeed_later_is_asked_again(status):
    _, name, times = refused(Refusal(status, "some_code", "later", final=False), "standard")

    assert times == 2
    assert name == ("ThrottlingException" if status == 429 else name)


def test_an_error_inside_a_stream_is_raised():
    headers = [(b"content-type", FRAMES.encode())]
    begun = event("messageStart", {"role": "assistant"})
    with asking(200, headers, begun + BEDROCK.stream_error("upstream_cut", "AWS hung up.")) as (client, _):
        stream = client.converse_stream(modelId="m", messages=[])["stream"]
        with contextlib.closing(stream), pytest.raises(EventStreamError, match="AWS hung up"):
            list(stream)


@pytest.mark.parametrize("operation", ["converse_stream", "invoke_model_with_response_stream"])
def test_keep_alive_is_nothing_to_a_reader(operation):
    headers = [(b"content-type", FRAMES.encode())]
    given = {"messages": []} if operation == "converse_stream" else {"body": b"{}"}
    with asking(200, headers, BEDROCK.keep_alive() * 3) as (client, _):
        answered = getattr(client, operation)(modelId="m", **given)
        with contextlib.closing(answered.get("stream") or answered["body"]) as stream:
            assert list(stream) == []

    for path in ("/model/m/converse-stream", "/model/m/invoke-with-response-stream"):
        route = BEDROCK.route("POST", path)
        reader = BEDROCK.read_stream(route, BEDROCK.read_request(route, b"{}"))
        before = reader.facts()
        assert reader.feed(BEDROCK.keep_alive()) == BEDROCK.keep_alive()
        assert reader.facts() == before
