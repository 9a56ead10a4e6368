"""Where a server may listen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.errors import ConfigError
from tallystick.org.bind import Bind, check_bind, is_loopback

LOOPBACK = ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"]
PUBLIC = [
    "0.0.0.0",
    "::",
    "",
    "10.0.0.5",
    "192.168.1.4",
    "169.254.1.1",
    "localhost.example.com",
    "127.0.0.1.nip.io",
    "2130706433",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_alone_needs_nothing(host: str) -> None:
    check_bind(Bind(host))


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_without_keys_is_refused(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_bind(Bind(host, tls=True))
    assert "bring_your_own_key = false" in caught.value.next_steps[0]


@pytest.mark.parametrize("host", PUBLIC)
def test_pages_on_a_public_address_need_encryption(host: str) -> None:
    with pytest.raises(ConfigError, match="without encryption"):
        check_bind(Bind(host, keys_required=True))
    check_bind(Bind(host, keys_required=True, tls=True))
    check_bind(Bind(host, keys_required=True, behind_proxy=True))
    check_bind(Bind(host, keys_required=True, pages=False))


@given(st.ip_addresses().map(str), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_one_more_lock_never_closes_an_open_door(host: str, pages: bool, keys: bool, tls: bool, proxy: bool) -> None:
    def opens(bind: Bind) -> bool:
        try:
            check_bind(bind)
        except ConfigError:
            return False
        return True

    if opens(Bind(host, pages, keys, tls, proxy)):
        assert opens(Bind(host, pages, True, tls, proxy))
        assert opens(Bind(host, pages, keys, True, proxy))
        assert opens(Bind(host, False, keys, tls, proxy))
        assert is_loopback(host) or keys
