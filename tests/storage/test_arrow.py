import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.table import Column
from tallystick.storage.arrow import extremes, to_arrow


@given(st.lists(st.none() | st.integers(-(10**26), 10**26)))
def test_grains_become_decimals_of_twelve_places_without_rounding(grains: list[int | None]) -> None:
    table = to_arrow([Column("cost", "money")], {"cost": grains}, zoned=False)

    decimals = table.column("cost").to_pylist()
    assert [None if one is None else int(one.scaleb(12)) for one in decimals] == grains


@given(st.lists(st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)))
def test_tags_are_maps_and_none_is_an_empty_one(maps: list[dict[str, str] | None]) -> None:
    table = to_arrow([Column("tags", "tags")], {"tags": maps}, zoned=False)

    assert [dict(one) for one in table.column("tags").to_pylist()] == [one or {} for one in maps]


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_extremes_are_those_of_what_is_known(values: list[int | None]) -> None:
    known = [one for one in values if one is not None]
    expected = (min(known), max(known)) if known else None

    assert extremes(values) == expected
    assert extremes(pa.array(values, pa.int64())) == expected
