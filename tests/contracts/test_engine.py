"""What the port of the column engines promises, on each of them."""

import threading
from decimal import Decimal

import pytest

from tallystick.kernel.table import Column
from tallystick.storage.engine import Engine

COLUMNS = (
    Column("name", "text"),
    Column("moment", "instant"),
    Column("count", "int", nullable=True),
    Column("cost", "money", nullable=True),
    Column("done", "bool"),
    Column("tags", "tags"),
    Column("words", "texts"),
)
NOON = 1_777_032_000_000_000  # 2026-04-24T12:00:00Z
MINUTE = 60_000_000


@pytest.fixture
def table(engine: Engine) -> Engine:
    engine.ensure_table("thing", COLUMNS, order_by=("moment", "name"))
    return engine


def put(engine: Engine, **data: list[object]) -> None:
    engine.append("thing", COLUMNS, data)


def read(engine: Engine, sql: str, **params: object) -> list[tuple[object, ...]]:
    return engine.rows(sql, params)  # type: ignore[arg-type]


def test_what_was_appended_comes_back(table: Engine) -> None:
    put(
        table,
        name=["a", "ü'\\$x\0\n"],
        moment=[NOON + 1, 0],
        count=[-(2**62), None],
        cost=[1, None],
        done=[True, False],
        tags=[{"k": "v", "": "'"}, {}],
        words=[("x", ""), ()],
    )

    at = table.dialect.micros("moment")
    rows = read(table, f"SELECT name, {at}, count, cost, done, tags, words FROM thing ORDER BY moment DESC")
    assert rows == [
        ("a", NOON + 1, -(2**62), Decimal("0.000000000001"), True, {"k": "v", "": "'"}, ["x", ""]),
        ("ü'\\$x\0\n", 0, None, None, False, {}, []),
    ]


def test_money_is_exact_to_the_twelfth_place_at_any_size(table: Engine) -> None:
    grains = [10**24 + 1, -(10**24) - 3, 2**63, -1]

    put(table, name=list("abcd"), moment=[NOON] * 4, cost=list(grains))

    assert [row[0] for row in read(table, "SELECT cost FROM thing ORDER BY name")] == [
        Decimal("1000000000000.000000000001"),
        Decimal("-1000000000000.000000000003"),
        Decimal("9223372.036854775808"),
        Decimal("-0.000000000001"),
    ]
    assert read(table, "SELECT sum(cost) FROM thing") == [(Decimal("9223372.036854775805"),)]


def test_a_column_without_data_gets_its_default(table: Engine) -> None:
    put(table, name=["a"])

    at = table.dialect.micros("moment")
    assert read(table, f"SELECT {at}, count, cost, done, tags, words FROM thing") == [(0, None, None, False, {}, [])]


def test_data_for_an_unknown_column_is_refused(table: Engine) -> None:
    with pytest.raises(KeyError, match="nonsense"):
        put(table, name=["a"], nonsense=[1])


def test_a_new_column_is_added_to_the_rows_there_are(table: Engine) -> None:
    put(table, name=["old"], moment=[NOON])

    table.ensure_table(
        "thing", (*COLUMNS, Column("q", "int", nullable=True), Column("kind", "text")), order_by=("moment", "name")
    )

    assert read(table, "SELECT name, q, kind FROM thing") == [("old", None, "")]


def test_the_sum_of_nothing_is_null(table: Engine) -> None:
    assert read(table, "SELECT sum(count), sum(cost), max(count), count(*) FROM thing") == [(None, None, None, 0)]


def test_an_alias_does_not_hide_the_column_it_is_named_after(table: Engine) -> None:
    put(table, name=["a", "b"], moment=[NOON, NOON], count=[1, 2])

    assert read(table, "SELECT sum(count) AS count FROM thing WHERE count > 1") == [(2,)]


def test_instants_compare_with_parameters(table: Engine) -> None:
    put(table, name=["before", "at", "after"], moment=[NOON - 1, NOON, NOON + 1])

    since = table.dialect.instant("$since")
    assert read(table, f"SELECT name FROM thing WHERE moment >= {since} ORDER BY moment", since=NOON) == [
        ("at",),
        ("after",),
    ]


def test_buckets_are_aligned_to_1970_in_utc(table: Engine) -> None:
    put(table, name=list("abc"), moment=[NOON - 1, NOON, NOON + 29 * MINUTE])

    for seconds, expected in [
        (900, [NOON - 15 * MINUTE, NOON, NOON + 15 * MINUTE]),
        (3600, [NOON - 60 * MINUTE, NOON, NOON]),
        (86_400, [NOON - 720 * MINUTE] * 3),
        (7 * 86_400, [NOON - 720 * MINUTE - 86_400_000_000] * 3),  # 1970 began on a Thursday
    ]:
        start = table.dialect.micros(table.dialect.bucket("moment", seconds))
        assert [row[0] for row in read(table, f"SELECT {start} FROM thing ORDER BY moment")] == expected


def test_percentiles_are_exact_and_interpolated(table: Engine) -> None:
    put(table, name=[str(n) for n in range(1, 6)], moment=[NOON] * 5, count=[10, 20, 30, 40, 1000])

    for level, expected in [(0.5, 30.0), (0.95, 808.0), (0.0, 10.0), (1.0, 1000.0)]:
        ((found,),) = read(table, f"SELECT {table.dialect.quantile('count', level)} FROM thing")
        assert found == pytest.approx(expected, abs=1e-9)


def test_tags_are_found_by_a_parameter(table: Engine) -> None:
    put(table, name=["a", "b"], moment=[NOON, NOON], tags=[{"squad's": "x"}, {}])

    tag = table.dialect.tag("tags", "$key")
    assert read(table, f"SELECT {tag} FROM thing ORDER BY name", key="squad's") == [("x",), ("",)]


def test_texts_are_folded_alike(table: Engine) -> None:
    put(table, name=["Customer_Support-Team 1", "ÄÖ ü", ""], moment=[1, 2, 3])

    found = read(table, f"SELECT {table.dialect.folded('name')} FROM thing ORDER BY moment")
    assert found == [("customersupportteam1",), ("äöü",), ("",)]


@pytest.mark.parametrize(("names", "expected"), [(["a", "c"], ["a", "c"]), (["x'); --"], []), ([], [])])
def test_lists_are_parameters_too(table: Engine, names: list[str], expected: list[str]) -> None:
    put(table, name=["a", "b", "c"], moment=[NOON] * 3)

    found = read(
        table, f"SELECT name FROM thing WHERE {table.dialect.one_of('name', '$names')} ORDER BY name", names=names
    )
    assert [row[0] for row in found] == expected


def test_parameters_that_a_statement_does_not_name_are_passed_over(table: Engine) -> None:
    assert read(table, "SELECT $one", one=1, other="x") == [(1,)]


def test_a_unique_table_may_have_an_alias_after_final(engine: Engine) -> None:
    engine.ensure_table("thing", COLUMNS, order_by=("moment", "name"), unique=True)
    put(engine, name=["a"], moment=[NOON])

    assert read(engine, f"SELECT t.name FROM {engine.dialect.final('thing')} AS t") == [("a",)]


def test_known_texts_are_found_within_the_condition(table: Engine) -> None:
    put(table, name=["a", "b"], moment=[NOON, NOON + 5])
    at = table.dialect.instant("$at")

    assert table.known("thing", "name", ["a", "b", "c"], where=f"moment <= {at}", params={"at": NOON}) == {"a"}
    assert table.known("thing", "name", [], where="1 = 1", params={}) == set()


def test_readers_see_whole_batches_while_a_writer_appends(table: Engine) -> None:
    put(table, name=["x"] * 10, moment=[NOON] * 10)
    seen: list[object] = []
    failed: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                seen.append(read(table, "SELECT count(*) FROM thing")[0][0])
        except Exception as error:
            failed.append(error)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        with table.transaction():
            put(table, name=["x"] * 10, moment=[NOON] * 10)
    done.set()
    for reader in readers:
        reader.join()

    assert not failed
    assert all(isinstance(count, int) and count % 10 == 0 for count in seen)
    assert read(table, "SELECT count(*) FROM thing") == [(110,)]


def test_it_says_what_it_takes_on_disk(table: Engine) -> None:
    put(table, name=["x"] * 1000, moment=[NOON] * 1000)
    table.checkpoint()

    assert table.disk_bytes() > 0
