"""Secrets and the hashes that are kept."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tallystick.org.hash import KEY_PREFIX, hash_secret, hint, new_secret, same_secret


def test_a_secret_is_long_random_and_plain() -> None:
    made = {new_secret(KEY_PREFIX) for _ in range(200)}
    assert len(made) == 200
    for one in made:
        assert one.startswith("tally_")
        assert len(one) == 46
        assert one[6:].isalnum()
        assert one.isascii()
        assert one.endswith(hint(one))
        assert len(hint(one)) == 4


def test_the_hash_is_the_one_everybody_can_compute() -> None:
    assert hash_secret("tally_abc") == hashlib.sha256(b"tally_abc").hexdigest()


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_comparing_takes_any_text_a_header_may_hold(left: str, right: str) -> None:
    assert same_secret(left, right) == (left == right)
    assert (hash_secret(left) == hash_secret(right)) == (left == right)
