"""Ids sort by time and never meet; fingerprints tell equal from unequal only to who has the key."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.ids import Ids, content_hash, fingerprint, new_id


@given(st.lists(st.integers(0, 4 * 10**12), min_size=2, max_size=20, unique=True))
def test_ids_of_later_milliseconds_sort_later(milliseconds: list[int]) -> None:
    ordered = sorted(milliseconds)
    made = [new_id("evt", ms * 1000) for ms in ordered]
    assert made == sorted(made)


def test_ids_of_one_instant_differ() -> None:
    made = Ids()
    assert len({new_id("evt", 1) for _ in range(10_000)} | {made.new("evt", 1) for _ in range(10_000)}) == 20_000


def test_ids_drawn_many_at_once_are_of_the_same_form() -> None:
    assert re.fullmatch(r"evt_0000000003e8[0-9a-f]{20}", Ids().new("evt", 1_000_000))
    assert re.fullmatch(r"evt_0000000003e8[0-9a-f]{20}", new_id("evt", 1_000_000))


@given(st.binary(), st.binary(), st.binary(min_size=1))
def test_a_fingerprint_depends_on_content_and_key(one: bytes, other: bytes, key: bytes) -> None:
    assert (fingerprint(key, one) == fingerprint(key, other)) == (one == other)
    assert fingerprint(key, one) != fingerprint(key + b"x", one)


def test_parts_of_a_content_hash_do_not_run_together() -> None:
    assert content_hash(b"ab", b"c") != content_hash(b"a", b"bc") != content_hash(b"abc")
