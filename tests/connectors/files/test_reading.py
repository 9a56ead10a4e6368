"""Files are opened by what is in them; what is not a file of usage is refused with words."""

import gzip
import json
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tallystick.connectors.files.model import Raw
from tallystick.connectors.files.reading import open_file
from tallystick.kernel.errors import DataError

CSV = "time,model,input_tokens\n2026-11-01,m,5\n2026-11-02,n,6\n"


def read(path: Path) -> tuple[str, tuple[str, ...], list[Raw]]:
    with ExitStack() as closing:
        file = open_file(path, closing)
        return file.format, file.columns, list(file.records)


def written(tmp_path: Path, content: bytes, name: str = "file.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_with_any_delimiter_and_whatever_its_name(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, CSV.replace(",", delimiter).encode(), "data.parquet")
    form, columns, rows = read(path)
    assert (form, columns) == ("CSV", ("time", "model", "input_tokens"))
    assert [(one.line, one.record["model"]) for one in rows] == [(2, "m"), (3, "n")]


@pytest.mark.parametrize("encode", [lambda t: b"\xef\xbb\xbf" + t.encode(), lambda t: t.encode("utf-16")])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, encode) -> None:
    assert read(written(tmp_path, encode(CSV)))[1][0] == "time"


def test_quotes_and_line_breaks_in_cells_keep_the_line_numbers(tmp_path: Path) -> None:
    text = 'a,b\n"x, y","two\nlines"\nlast,row\n'
    rows = read(written(tmp_path, text.encode()))[2]
    assert rows[0].record == {"a": "x, y", "b": "two\nlines"}
    assert rows[1].line == 4


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_files_are_read_as_what_they_hold(tmp_path: Path, pack) -> None:
    assert len(read(written(tmp_path, pack(CSV.encode())))[2]) == 2


def test_json_lines_a_json_array_and_one_json_object(tmp_path: Path) -> None:
    items = [{"a": 1}, {"a": 2}]
    lines = read(written(tmp_path, b"\n".join(json.dumps(one).encode() for one in items)))
    array = read(written(tmp_path, json.dumps(items, indent=2).encode()))
    single = read(written(tmp_path, json.dumps({"data": items}, indent=2).encode()))
    assert (lines[0], array[0], single[0]) == ("JSON lines", "JSON", "JSON")
    assert [one.record for one in lines[2]] == [one.record for one in array[2]] == items
    assert single[2][0].record == {"data": items}


def test_a_broken_line_among_good_ones_is_one_problem(tmp_path: Path) -> None:
    rows = read(written(tmp_path, b'{"a": 1}\n{"a": \n[3]\n{"a": 2}\n'))[2]
    assert [bool(one.problem) for one in rows] == [False, True, True, False]
    assert rows[1].line == 2


def test_a_row_with_too_few_fields_is_one_problem(tmp_path: Path) -> None:
    rows = read(written(tmp_path, b"a,b\n1,2\n3\n4,5,6\n"))[2]
    assert [bool(one.problem) for one in rows] == [False, True, True]


def test_parquet_is_read_to_the_microsecond(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pq.write_table(pa.table({"ts": pa.array([1_793_534_400_123_456_789], pa.timestamp("ns")), "n": [1]}), path)
    form, columns, rows = read(path)
    assert (form, columns) == ("Parquet", ("ts", "n"))
    assert str(rows[0].record["ts"]) == "2026-11-01 12:00:00.123456"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
        (b"PK\x03\x04rest of it", "ZIP"),
        (b"PAR1 but no Parquet", "Parquet"),
        (b"just some words\nand more\n", "no table"),
        (b'{"a": 1', "JSON"),
        (b"a,a\n1,2\n", "no table"),
        (gzip.compress(CSV.encode(), mtime=0)[:-12], "damaged"),
        (b"\x1f\x8b but no gzip", "damaged"),
        (zstandard.compress(CSV.encode() * 50)[:-9], "damaged"),
        (b"\x28\xb5\x2f\xfd but no zstd", "damaged"),
    ],
)
def test_a_file_that_is_not_what_it_claims_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(written(tmp_path, content))


def test_frames_of_zstd_follow_each_other(tmp_path: Path) -> None:
    first, second = CSV[:30].encode(), CSV[30:].encode()
    assert len(read(written(tmp_path, zstandard.compress(first) + zstandard.compress(second)))[2]) == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, pack) -> None:
    line = b"2026-11-01," + b"m" * 100_000 + b",1\n"
    bomb = pack(b"time,model,input_tokens\n" + line * 800)
    assert len(bomb) < 1_000_000
    with pytest.raises(DataError, match="unpacks to more than"), ExitStack() as closing:
        for _ in open_file(written(tmp_path, bomb), closing).records:
            pass


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read(path)
