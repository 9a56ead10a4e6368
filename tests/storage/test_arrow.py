import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.table import Column, Kind, Repeated
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


@given(st.lists(st.integers(0, 2), max_size=20))
def test_maps_that_come_again_stay_in_their_rows(chosen: list[int]) -> None:
    shared: list[dict[str, str]] = [{"team": "a"}, {}, {"team": "b", "env": "dev"}]
    table = to_arrow([Column("tags", "tags")], {"tags": [shared[one] for one in chosen]}, zoned=False)

    assert [dict(one) for one in table.column("tags").to_pylist()] == [shared[one] for one in chosen]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("text", "a"), ("text", None), ("int", 7), ("money", 10**25), ("money", None), ("instant", 5), ("bool", True),
     ("tags", {"k": "v"})],
)  # fmt: skip
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_repeated_value_is_the_column_that_a_list_of_it_is(kind: Kind, value: object, rows: int) -> None:
    column = Column("one", kind, nullable=True)
    repeated = to_arrow([column], {"one": Repeated(value, rows)}, zoned=False)

    assert repeated.equals(to_arrow([column], {"one": [value] * rows}, zoned=False))


def test_a_repeated_value_is_read_like_a_list() -> None:
    column = Repeated("a", 3)

    assert (list(column), len(column), column[-1], list(column[1:])) == (["a"] * 3, 3, "a", ["a", "a"])
    with pytest.raises(IndexError):
        column[3]
