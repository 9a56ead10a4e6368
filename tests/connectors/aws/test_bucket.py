"""A month of a report in S3, as boto3 puts it and AWS's own operations answer: found, cut, read, replaced."""

import gzip
import json
import re

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tallystick.bills.model import BillLine
from tallystick.connectors.aws.cur import parse_cur
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.connectors.aws.kind import CUR2, connect
from tallystick.connectors.aws.parts import cut
from tallystick.connectors.aws.places import Folder
from tallystick.connectors.aws.s3 import Address, Bucket
from tallystick.connectors.aws.signed import Signer
from tallystick.kernel.errors import ConfigError
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Patience
from tallystick.transport.sigv4 import AwsKey
from tests.connectors.aws.reports import NOON, NOVEMBER, OCTOBER, PAYER, csv_of, page_of, parquet_of, row, setup_of

DATA = "reports/daily/data/BILLING_PERIOD=2026-11/"
META = "reports/daily/metadata/BILLING_PERIOD=2026-11/daily-Manifest.json"


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint):
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}),
    )  # fmt: skip
    client.create_bucket(Bucket="bills")
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="bills"):
        for one in page.get("Contents", ()):
            client.delete_object(Bucket="bills", Key=one["Key"])
    client.delete_bucket(Bucket="bills")
    client.close()


def put(s3, key, body, **more):
    s3.put_object(Bucket="bills", Key=key, Body=body, **more)


def source(endpoint, cur="s3://bills/reports/daily", **options):
    return connect(setup_of(cur=cur, endpoint=endpoint, access_key_id="AKID", **options))


def lines_of(one, window=NOVEMBER, stream=CUR2):
    return [line for page in one.fetch(stream, window) for line in one.parse(page)]


def costs(lines):
    assert all(isinstance(one, BillLine) for one in lines), lines
    return [one.billed_cost // 10**9 for one in lines]


def test_a_month_is_what_its_manifest_names_in_every_form_of_file(s3, endpoint):
    put(s3, f"{DATA}daily-00001.csv.gz", csv_of(row(line_item_unblended_cost="0.001"), packed=True))
    put(s3, f"{DATA}daily-00002.snappy.parquet", parquet_of(row(line_item_unblended_cost="0.002")))
    put(s3, f"{DATA}daily-00003.csv.gz", csv_of(row(line_item_unblended_cost="9"), packed=True))
    named = [f"s3://bills/{DATA}daily-0000{n}" for n in ("1.csv.gz", "2.snappy.parquet")]
    put(s3, META, json.dumps({"executionId": "x", "dataFiles": named}))

    pages = list(source(endpoint).fetch(CUR2, NOVEMBER))

    assert costs(lines_of(source(endpoint))) == [1, 2]
    assert [one.number for one in pages] == [0, 1]
    assert [one.cursor for one in pages] == ["", pages[0].next_cursor]
    assert pages[1].next_cursor == ""
    assert pages[0].body.startswith(b"identity_line_item_id,")


def test_an_older_report_is_found_through_its_manifest(s3, endpoint):
    body = csv_of(row(line_item_unblended_cost="0.003"), packed=True)
    put(s3, "reports/old/20261101-20261201/second/old-00001.csv.gz", body)
    put(s3, "reports/old/20261101-20261201/first/old-00001.csv.gz", csv_of(row(), packed=True))
    keys = ["reports/old/20261101-20261201/second/old-00001.csv.gz"]
    manifest = {"assemblyId": "second", "reportKeys": keys}
    put(s3, "reports/old/20261101-20261201/old-Manifest.json", json.dumps(manifest))

    assert costs(lines_of(source(endpoint, "s3://bills/reports/old/"))) == [3]


def test_an_overwritten_month_is_read_anew_and_whole(s3, endpoint):
    put(s3, f"{DATA}daily-00001.csv", csv_of(row(line_item_unblended_cost="0.001"), row()))
    first = costs(lines_of(source(endpoint)))
    put(s3, f"{DATA}daily-00001.csv", csv_of(row(line_item_unblended_cost="0.004")))
    second = lines_of(source(endpoint))

    assert (first, costs(second)) == ([1, 1168], [4])
    assert {one.slice_key for one in second} == {f"{PAYER}/2026-11"}


def test_reading_stops_where_a_month_is_overwritten_between_two_pages(s3, endpoint):
    for n in (1, 2):
        put(s3, f"{DATA}daily-0000{n}.csv", csv_of(row()))
    begun = next(source(endpoint).fetch(CUR2, NOVEMBER))
    went_on = list(source(endpoint).fetch(CUR2, NOVEMBER, begun.next_cursor, 1))
    put(s3, f"{DATA}daily-00002.csv", csv_of(row(), row()))

    assert [one.number for one in went_on] == [1]
    with pytest.raises(SourceFailed, match="written anew while 2026-11 was read"):
        list(source(endpoint).fetch(CUR2, NOVEMBER, begun.next_cursor, 1))


def test_two_reports_side_by_side_are_told_apart(s3, endpoint):
    for name, cost in (("daily", "0.001"), ("hourly", "0.002")):
        put(s3, f"reports/{name}/data/BILLING_PERIOD=2026-11/a-00001.csv", csv_of(row(line_item_unblended_cost=cost)))

    assert costs(lines_of(source(endpoint))) == [1]
    assert costs(lines_of(source(endpoint, "s3://bills/reports/hourly"))) == [2]
    for ask in (lambda one: one.check(), lines_of):
        with pytest.raises(SourceFailed, match="holds the reports daily, hourly"):
            ask(source(endpoint, "s3://bills/reports"))


def test_a_month_that_was_not_delivered_has_no_page(s3, endpoint):
    put(s3, f"{DATA}daily-00001.csv", csv_of(row()))

    assert lines_of(source(endpoint), OCTOBER) == []
    assert "can be listed" in source(endpoint).check()


def test_long_lists_are_read_to_their_end(s3, endpoint):
    keys = [f"a/{n} +.csv" for n in range(5)] + ["b/c/d.csv", "e/f.csv"]
    for key in keys:
        put(s3, f"x/{key}", b"1")
    signer = Signer(lambda: AwsKey("AKID", "s"), "us-east-1", "s3", lambda: NOON, allow_private=True)
    bucket = Bucket(Address("bills", "x/", "us-east-1", endpoint), signer, page_keys=2)

    assert [one.key for one in bucket.files("")] == keys
    assert [one.key for one in bucket.files("a/")] == keys[:5]
    assert bucket.folders("") == ["a", "b", "e"]


def test_a_large_parquet_file_is_read_in_ranges_and_cut_into_parts(s3, endpoint):
    body = parquet_of(*(row(line_item_unblended_cost=f"0.00{n}") for n in range(7)))
    put(s3, "x/big.parquet", body)
    signer = Signer(lambda: AwsKey("AKID", "s"), "us-east-1", "s3", lambda: NOON, allow_private=True)
    bucket = Bucket(Address("bills", "x/", "us-east-1", endpoint), signer)
    (found,) = bucket.files("")
    with bucket.open(found) as file:
        parts = list(cut(file, found.size, "big", rows=3))
    put(s3, "x/big.parquet", body + b" ")
    with pytest.raises(SourceFailed, match="was written anew while it was read"), bucket.open(found) as file:
        list(cut(file, found.size, "big"))

    read = [[line.billed_cost // 10**9 for line in parse_cur(page_of(part), Reading())] for part in parts]
    assert read == [[0, 1, 2], [3, 4, 5], [6]]


def test_names_and_encodings_that_need_care_are_read(s3, endpoint):
    body = csv_of(row(line_item_unblended_cost="0.005"), packed=True)
    put(s3, f"{DATA}a report+(1) é.csv.gz", body, ContentEncoding="gzip")

    assert costs(lines_of(source(endpoint))) == [5]


def test_a_manifest_that_names_what_is_not_there_is_a_delivery_under_way(s3, endpoint):
    put(s3, f"{DATA}daily-00001.csv", csv_of(row()))
    put(s3, META, json.dumps({"dataFiles": [f"s3://bills/{DATA}daily-00002.csv"]}))

    with pytest.raises(SourceFailed, match="is a delivery under way") as caught:
        lines_of(source(endpoint))
    assert caught.value.retry_seconds


DAMAGED = [
    (gzip.compress(csv_of(row()))[:-9], "broken off or damaged", True),
    (b"a,b\n1,2\n", "columns bill_payer_account_id, .* are missing", False),
    (b"PAR1" + bytes(20), "cannot be read as Parquet", False),
    (gzip.compress(csv_of(row()) + bytes(40_000_000)), "more than 250 times its size", False),
]


@pytest.mark.parametrize(("body", "reason", "again"), DAMAGED, ids=[one[1] for one in DAMAGED])
def test_a_damaged_file_fails_the_month_before_anything_of_it_lands(s3, endpoint, body, reason, again):
    put(s3, f"{DATA}daily-00001.csv.gz", body)

    with pytest.raises(SourceFailed) as caught:
        lines_of(source(endpoint))
    assert re.search(reason, caught.value.reason)
    assert "daily-00001.csv.gz in s3://bills/reports/daily/" in caught.value.reason
    assert (caught.value.retry_seconds is not None) == again


def test_a_bucket_that_is_not_there_is_said_and_no_secret_with_it(s3, endpoint):
    with pytest.raises(SourceFailed, match=r"NoSuchBucket.: there is no such bucket") as caught:
        lines_of(source(endpoint, "s3://elsewhere/reports"))

    assert "planted" not in str(caught.value)
    assert caught.value.retry_seconds is None
    assert "planted" not in repr(source(endpoint))


def test_a_service_that_is_away_is_asked_again_later(endpoint):
    one = source("http://127.0.0.1:9")
    away = type(one)(one.setup, one.streams, one.reading, Patience(tries=1))

    with pytest.raises(SourceFailed) as caught:
        lines_of(away)
    assert caught.value.retry_seconds


def test_a_folder_is_read_as_the_bucket_that_it_copies(tmp_path):
    data = tmp_path / "data/BILLING_PERIOD=2026-11"
    data.mkdir(parents=True)
    (data / "daily-00001.csv.gz").write_bytes(csv_of(row(line_item_unblended_cost="0.006"), packed=True))
    meta = tmp_path / "metadata/BILLING_PERIOD=2026-11"
    meta.mkdir(parents=True)
    named = {"dataFiles": ["s3://any/reports/daily/data/BILLING_PERIOD=2026-11/daily-00001.csv.gz"]}
    (meta / "daily-Manifest.json").write_text(json.dumps(named))
    by_hand = tmp_path / "2026-10"
    by_hand.mkdir()
    october = {
        "bill_billing_period_start_date": "2026-10-01T00:00:00Z", "line_item_usage_start_date": "2026-10-09T00:00:00Z",
    }  # fmt: skip
    (by_hand / "any.csv").write_bytes(csv_of(row(**october)))

    one = connect(setup_of(cur=str(tmp_path)))
    assert costs(lines_of(one)) == [6]
    assert costs(lines_of(one, OCTOBER)) == [1168]
    assert Folder(tmp_path).folders("") == ["2026-10", "data", "metadata"]
    with pytest.raises(SourceFailed, match="there is no folder"):
        connect(setup_of(cur=str(tmp_path / "nowhere"))).check()


def test_a_file_of_a_folder_that_is_written_anew_between_two_pages_is_not_mixed_with_the_others(tmp_path):
    data = tmp_path / "2026-11"
    data.mkdir()
    for number in (1, 2):
        (data / f"daily-{number}.csv").write_bytes(csv_of(row()))
    one = connect(setup_of(cur=str(tmp_path)))
    pages = one.fetch(CUR2, NOVEMBER)
    (data / "daily-3.csv").write_bytes(csv_of(row()))
    assert len(list(pages)) == 3
    pages = one.fetch(CUR2, NOVEMBER)
    next(pages)
    (data / "daily-3.csv").write_bytes(csv_of(row(), row()))
    with pytest.raises(SourceFailed, match=r"daily-3.csv in .* was written anew"):
        list(pages)


def test_a_file_of_a_folder_that_ends_in_mid_row_fails_its_month(tmp_path):
    data = tmp_path / "2026-11"
    data.mkdir()
    (data / "daily.csv").write_bytes(csv_of(row(), row())[:-120])
    with pytest.raises(SourceFailed, match="ends in the middle of a row"):
        lines_of(connect(setup_of(cur=str(tmp_path))))


WRONG = [
    ({}, "nothing is to be read"),
    ({"cur": "s3://b/p"}, "access_key_id or role_arn must be set"),
    ({"cur": "s3:///p", "access_key_id": "a"}, "write s3://bucket/prefix"),
    ({"cur": "/a", "focus": "/b"}, "the same bill twice"),
    ({"cur": "/a", "tags": "team"}, "'team' maps no tag"),
    ({"cur": "/a", "tags": "squad=user:squad"}, "'squad=user:squad' maps no tag"),
    ({"cur": "/a", "market_unit": "many"}, "market_unit is 'many'"),
    ({"cost_explorer": "maybe"}, 'write "on" or "off"'),
    ({"cost_explorer": "on"}, "must be set to ask AWS"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG, ids=[one[1] for one in WRONG])
def test_options_that_cannot_be_used_are_refused_at_once(options, reason):
    with pytest.raises(ConfigError, match=reason):
        connect(setup_of(**options))
