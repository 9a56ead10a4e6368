"""Signatures are those of AWS's published vectors, and those that AWS's own signer makes of any request."""

import hashlib
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.kernel.errors import ConfigError
from tallystick.transport.sigv4 import (
    AwsKey,
    Scope,
    authorization,
    canonical_request,
    host_of,
    parse_key,
    region_of,
    sign,
)

KEY = AwsKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOON = "20150830T123600Z"
EMPTY = hashlib.sha256(b"").hexdigest()
DATE = (b"x-amz-date", NOON.encode())
HOST = (b"host", b"example.amazonaws.com")

# Name in AWS's test suite, method, URL, headers, signature as published.
VECTORS = [
    (
        "get-vanilla",
        "GET",
        "https://example.amazonaws.com/",
        [HOST, DATE],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "post-vanilla",
        "POST",
        "https://example.amazonaws.com/",
        [HOST, DATE],
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "post-header-key-sort",
        "POST",
        "https://example.amazonaws.com/",
        [HOST, (b"my-header1", b"value1"), DATE],
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        "https://example.amazonaws.com/?Param2=value2&Param1=value1",
        [HOST, DATE],
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-utf8",
        "GET",
        "https://example.amazonaws.com/\u1234",
        [HOST, DATE],
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
]


@pytest.mark.parametrize(
    ("method", "url", "headers", "signature"), [one[1:] for one in VECTORS], ids=[one[0] for one in VECTORS]
)
def test_a_published_vector_has_its_published_signature(method, url, headers, signature):
    canonical, names = canonical_request(method, url, headers, EMPTY)
    value = authorization(KEY, Scope(NOON, "us-east-1", "service"), canonical, names)

    assert value == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_example_of_aws_s_guide_has_its_signature():
    headers = [
        (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
        (b"host", b"iam.amazonaws.com"),
        DATE,
    ]
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    canonical, names = canonical_request("GET", url, headers, EMPTY)

    assert (
        hashlib.sha256(canonical.encode()).hexdigest()
        == "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    value = authorization(KEY, Scope(NOON, "us-east-1", "iam"), canonical, names)
    assert value.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


SEGMENT = st.text("abcXYZ019-._~:!$&'()*+,;=@", min_size=1, max_size=12).filter(lambda text: text.strip("."))
ESCAPED = st.sampled_from(["%3A", "%2F", "%20", "a%3ab"])
PATHS = st.lists(st.lists(SEGMENT | ESCAPED, min_size=1, max_size=3).map("".join), min_size=1, max_size=4)
VALUES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20)


@settings(max_examples=200)
@given(PATHS, st.binary(max_size=40), VALUES, st.sampled_from(["", "a-session+token/=="]), st.sampled_from([80, 8080]))
def test_any_request_is_signed_as_aws_s_own_signer_does(segments, body, kind, session, port):
    url = f"http://bedrock.example:{port}/" + "/".join(segments)
    key = AwsKey(KEY.key_id, KEY.secret, session)
    headers = [(b"content-type", kind.encode()), (b"accept", b"*/*")]

    ours = dict(sign(key, Scope(NOON, "eu-central-1"), ("POST", url, body), headers))

    named = {"content-type": kind, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "X-Amz-Date": NOON}
    if session:
        named["X-Amz-Security-Token"] = session
    request = AWSRequest("POST", url, headers=named, data=body)
    request.context["timestamp"] = NOON
    auth = SigV4Auth(Credentials(KEY.key_id, KEY.secret, session or None), "bedrock", "eu-central-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert ours[b"authorization"].decode().rpartition("Signature=")[2] == auth.signature(text, request)


@settings(max_examples=50)
@given(PATHS, st.lists(st.tuples(SEGMENT, SEGMENT | st.just("")), max_size=3))
def test_for_s3_the_path_is_signed_as_it_is_sent(segments, asked):
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked)
    url = "http://s3.example/" + "/".join(segments) + (f"?{query}" if query else "")

    ours = dict(sign(KEY, Scope(NOON, "eu-central-1", "s3"), ("GET", url, b""), []))

    request = AWSRequest("GET", url, headers={"X-Amz-Date": NOON, "x-amz-content-sha256": EMPTY})
    request.context["timestamp"] = NOON
    auth = S3SigV4Auth(Credentials(KEY.key_id, KEY.secret), "s3", "eu-central-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert ours[b"authorization"].decode().rpartition("Signature=")[2] == auth.signature(text, request)


@given(st.binary(min_size=1, max_size=30), st.integers(0, 29))
def test_one_bit_more_in_the_body_is_another_signature(body, place):
    other = bytearray(body)
    other[place % len(body)] ^= 1
    scope, url = Scope(NOON, "eu-central-1"), "https://h.example/model/x/converse"

    assert sign(KEY, scope, ("POST", url, body), [])[-1] != sign(KEY, scope, ("POST", url, bytes(other)), [])[-1]


def test_a_key_is_read_from_one_text_and_never_shown():
    assert parse_key(b"AKID:se/cr+et=") == AwsKey("AKID", "se/cr+et=")
    assert parse_key(b"AKID:secret:token==").session == "token=="
    assert "secret" not in repr(parse_key(b"AKID:secret:token"))
    for wrong in (b"", b"AKID", b":secret", b"AKID:"):
        with pytest.raises(ConfigError) as caught:
            parse_key(wrong)
        assert "AKID" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/x", "us-gov-west-1"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://bedrock-mantle.us-east-1.api.aws/v1", "us-east-1"),
        ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", ""),
        ("https://proxy.example", ""),
    ],
)
def test_the_region_is_read_from_the_endpoint_s_name(url, region):
    assert region_of(url) == region


def test_the_host_is_signed_as_it_is_sent():
    assert host_of("https://h.example:443/x") == "h.example"
    assert host_of("http://h.example:8080/x") == "h.example:8080"
    assert host_of("http://[::1]:8080") == "[::1]:8080"
