"""How a provider's key travels with a request that AWS wants signed."""

from tallystick.gateway.credentials import signed
from tallystick.gateway.upstream import UpstreamRequest


def test_a_request_keeps_its_headers_and_gains_the_signature_s():
    request = UpstreamRequest("POST", "https://h.example/x", [(b"accept", b"*/*")], b"{}", 1.0, 1.0)
    sent = signed(request, b"AKID:secret:session", "eu-central-1")

    names = [name for name, _ in sent.headers]
    assert names == [b"accept", b"x-amz-security-token", b"x-amz-content-sha256", b"x-amz-date", b"authorization"]
    assert (sent.url, sent.body) == (request.url, request.body)
