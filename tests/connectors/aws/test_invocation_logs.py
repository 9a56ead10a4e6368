"""Bedrock's invocation logs: counts by hour and caller, and nothing of what was said."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.invocation_logs import strip
from tallystick.connectors.aws.kind import LOGS, connect
from tallystick.ports import SourceFailed
from tests.connectors.aws.reports import MEMBER, PROFILE, SECOND, setup_of

HOUR = 3600 * 1_000_000
EIGHT = SECOND.start_us + 8 * HOUR
FILE = f"AWSLogs/{MEMBER}/BedrockModelInvocationLogs/us-east-1/2026/11/02/08/a.json.gz"
SAID = "the secret plan is to ship on Friday"


def record(**changes):
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-11-02T08:15:30Z",
        "accountId": MEMBER,
        "identity": {"arn": f"arn:aws:sts::{MEMBER}:assumed-role/ai-gateway/alice"},
        "region": "us-east-1",
        "inferenceRegion": "us-west-2",
        "requestId": "r-1",
        "operation": "ConverseStream",
        "modelId": "us.anthropic.claude-sonnet-4-6",
        "requestMetadata": {"team": "search"},
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": SAID}]}]},
            "inputTokenCount": 1500,
            "cacheReadInputTokenCount": 12000,
            "cacheWriteInputTokenCount": 300,
        },
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": {"output": {"message": {"content": [{"text": SAID}]}}},
            "outputTokenCount": 500,
        },
    } | changes


def write(folder, *records, name=FILE):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in records)
    path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)


def source(folder, **options):
    return connect(setup_of(invocation_logs=str(folder), **options))


def pages_and_lines(folder, **options):
    one = source(folder, **options)
    pages = list(one.fetch(LOGS, SECOND))
    return pages, [line for page in pages for line in one.parse(page)]


def test_calls_of_an_hour_are_summed_by_caller_model_and_what_the_caller_wrote(tmp_path):
    later = record(requestId="r-2", timestamp="2026-11-02T08:59:59Z")
    split = {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}}
    of_two = record(requestId="r-3", timestamp="2026-11-02T09:00:00Z")
    of_two["output"] = of_two["output"] | {"outputBodyJson": split}
    write(tmp_path, record(), later, of_two)

    _, lines = pages_and_lines(tmp_path, tags="team=team")

    assert [(line.charge_period_start, line.meter, line.quantity) for line in lines] == [
        (EIGHT, "uncached_input", 3000), (EIGHT, "cache_read", 24000), (EIGHT, "plain_output", 1000),
        (EIGHT, "cache_write_unknown", 600), (EIGHT, "requests", 2),
        (EIGHT + HOUR, "uncached_input", 1500), (EIGHT + HOUR, "cache_read", 12000),
        (EIGHT + HOUR, "plain_output", 500), (EIGHT + HOUR, "cache_write_5m", 100),
        (EIGHT + HOUR, "cache_write_1h", 200), (EIGHT + HOUR, "requests", 1),
    ]  # fmt: skip
    first = lines[0]
    assert (first.layer, first.dataset, first.slice_key) == ("usage", "invocation_logs", "2026-11-02")
    assert (first.provider, first.raw_model, first.region) == (
        "aws.bedrock", "us.anthropic.claude-sonnet-4-6", "us-east-1",
    )  # fmt: skip
    assert first.principal == f"arn:aws:sts::{MEMBER}:assumed-role/ai-gateway/alice"
    assert (first.sub_account_id, first.dimensions, first.tags) == (MEMBER, {"team": "search"}, {"team": "search"})
    assert first.extra == {"inference_region": "us-west-2", "operation": "ConverseStream"}
    assert first.billed_cost is None


def test_nothing_that_was_said_is_on_a_page_in_a_line_or_in_a_rejection(tmp_path):
    strange = record(requestId="r-9", schemaVersion="9.9", conversation=SAID, prompt={"text": SAID})
    strange["input"]["transcript"] = SAID
    write(
        tmp_path, record(), strange, f'{{"broken": "{SAID}'.encode(), f'["{SAID}"]'.encode(),
        record(requestId="r-4", timestamp=""), record(requestId="r-5", input={"inputTokenCount": -1, "body": SAID}),
    )  # fmt: skip
    write(tmp_path, {"text": SAID}, name=FILE.replace("a.json.gz", "data/a_input.json.gz"))

    pages, lines = pages_and_lines(tmp_path)

    assert SAID[:10].encode() not in b"".join(page.body for page in pages)
    assert SAID[:10] not in repr(lines)
    assert [one.line_no for one in lines if isinstance(one, Rejected)] == [3, 4, 5, 6]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.just(SAID), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["input", "output", "text", "usage", SAID]), inner)
)))  # fmt: skip
def test_whatever_shape_a_record_takes_what_was_said_is_gone(shape):
    assert SAID.encode() not in strip(json.dumps({"input": shape, "output": shape, "identity": shape}).encode())
    assert SAID.encode() not in strip(json.dumps(shape).encode())


def test_an_application_s_profile_is_the_resource_and_the_operator_says_its_model(tmp_path):
    write(tmp_path, record(modelId=PROFILE))

    _, silent = pages_and_lines(tmp_path)
    _, told = pages_and_lines(tmp_path, profiles="abcd1234=anthropic.claude-sonnet-4-6")

    assert (silent[0].resource_id, silent[0].raw_model) == (PROFILE, "")
    assert (told[0].resource_id, told[0].raw_model) == (PROFILE, "anthropic.claude-sonnet-4-6")


def test_a_prompt_beyond_the_threshold_is_of_the_long_context(tmp_path):
    def call(tokens):
        return record(requestId=str(tokens), input={"inputTokenCount": tokens})

    write(tmp_path, call(200_000), call(200_001))

    _, lines = pages_and_lines(tmp_path)
    assert [(one.context, one.quantity) for one in lines if one.meter == "uncached_input"] == [
        ("", 200_000), ("long", 200_001),
    ]  # fmt: skip


def test_a_request_that_is_logged_twice_counts_once(tmp_path):
    write(tmp_path, record(), record())

    _, lines = pages_and_lines(tmp_path)
    assert sum(one.quantity for one in lines if isinstance(one, BillLine) and one.meter == "requests") == 1
    assert "here twice" in next(one.reason for one in lines if isinstance(one, Rejected))


def test_a_refused_call_is_a_request_and_no_tokens(tmp_path):
    write(tmp_path, record(errorCode="ThrottlingException", input={}, output={}))

    _, lines = pages_and_lines(tmp_path)
    assert [(one.meter, one.quantity, one.extra["error_code"]) for one in lines] == [
        ("requests", 1, "ThrottlingException")
    ]


CHANGED = [
    ({"modelId": None}, "modelId missing: has the record changed?"),
    ({"input": {}, "output": {}}, "it has no count of tokens"),
    ({"input": {"inputTokenCount": 1.5}}, "1.5 is no count of tokens"),
    ({"timestamp": "soon"}, "'soon' is no date"),
]


@pytest.mark.parametrize(("changes", "reason"), CHANGED, ids=[one[1] for one in CHANGED])
def test_a_changed_record_is_rejected_with_its_place(tmp_path, changes, reason):
    write(tmp_path, record(), record(requestId="r-2", **changes))

    _, lines = pages_and_lines(tmp_path)
    (bad,) = (one for one in lines if isinstance(one, Rejected))
    assert bad.line_no == 2
    assert reason in bad.reason


def test_a_day_goes_on_where_it_stopped(tmp_path):
    for n in range(3):
        write(tmp_path, record(requestId=f"r-{n}"), name=FILE.replace("a.json", f"{n}.json"))
    one = source(tmp_path)
    (page,) = one.fetch(LOGS, SECOND, FILE.replace("a.json", "1.json"), 4)

    assert (page.number, page.body.count(b"\n")) == (4, 1)
    assert b'"r-2"' in page.body


def test_a_broken_file_fails_the_day(tmp_path):
    write(tmp_path, record())
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(SourceFailed, match="broken off or damaged"):
        pages_and_lines(tmp_path)


@pytest.mark.parametrize("value", ["500", [500], {"tokens": 500}, SAID])
def test_a_count_that_is_no_number_is_rejected_and_its_words_are_not_kept(tmp_path, value):
    strange = record()
    strange["output"] = strange["output"] | {"outputTokenCount": value}
    write(tmp_path, strange)
    (page,), (rejected,) = pages_and_lines(tmp_path)
    assert isinstance(rejected, Rejected)
    assert "no count of tokens" in rejected.reason
    assert SAID.encode() not in page.body


def test_what_a_split_of_cache_writes_leaves_is_of_unknown_length(tmp_path):
    part = record()
    part["output"] = part["output"] | {
        "outputBodyJson": {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": 100}}}
    }
    write(tmp_path, part)
    _, lines = pages_and_lines(tmp_path)
    counted = {line.meter: line.quantity for line in lines}
    assert (counted["cache_write_5m"], counted["cache_write_unknown"]) == (100, 200)
    assert "cache_write_1h" not in counted
