"""Damaged and foreign files: what they are is said, the good rows are read, and memory stays bounded."""

import gzip
import io
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.connectors.files.bills import open_bill
from tallystick.connectors.files.model import Raw
from tallystick.connectors.files.reading import check_packed, open_file
from tallystick.connectors.files.tables import tables
from tallystick.kernel.errors import DataError

HEADING = "time,model,input_tokens\n"
CSV = HEADING + "2026-11-01,m,5\n2026-11-02,n,6\n"
BILL = "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargeDescription\n"
MAY = "1,USD,Usage,2026-05-01,"


def written(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path) -> list[Raw]:
    with ExitStack() as closing:
        return list(open_file(path, closing).records)


def refused(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.where.startswith(str(path))
    assert caught.value.next_steps
    return caught.value


def read_bill(path: Path) -> tuple[list[object], list[tuple[int, str]]]:
    """The last column of the good rows, and the others with their lines."""
    with ExitStack() as closing:
        bill = open_bill(path, closing)
        assert bill is not None
        found = list(tables(bill.file))
    return [cell for one in found for cell in one.columns[-1]], [(b.line_no, b.reason) for t in found for b in t.broken]


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html>\n<html><p>Sign in, please</p></html>", "a web page"),
        (b"\xef\xbb\xbf\n <html lang=en>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (zipped("b.zip", zipped("a.csv", CSV.encode())), "a ZIP archive inside"),
        (zipped("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)), "a gzip file inside"),
        (gzip.compress(gzip.compress(CSV.encode(), mtime=0), mtime=0), "a gzip file inside"),
        (gzip.compress(b"PAR1 and so on", mtime=0), "a Parquet file inside"),
        (gzip.compress(tarred(), mtime=0), "a tar archive"),
        (b"%PDF-1.7\n1 0 obj", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet"),
        (CSV.encode("utf-32"), "UTF-32"),
        (CSV.encode("utf-16-le"), "UTF-16 without a mark"),
        (CSV.encode("utf-16-be"), "UTF-16 without a mark"),
        (CSV.encode("utf-16")[:-1], "not readable as UTF-16"),
        (b'["' + "a\n".encode("utf-16")[2:], "binary"),
        (b"[" * 100_000, "nested too deeply"),
        (b"time,model\n\0\0\0\0\0\0", "binary"),
    ],
    ids=range(17),
)
def test_what_holds_no_rows_is_named_with_what_to_do_about_it(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(written(tmp_path, content)).what


def test_a_json_line_without_end_of_its_nesting_is_one_bad_row(tmp_path: Path) -> None:
    rows = read(written(tmp_path, b'{"a": 1}\n' + b'{"a":' * 50_000 + b'\n{"a": 2}\n{"a": "\xfc"}\n'))
    assert [one.problem.partition(";")[0] for one in rows] == ["", "not a JSON object", "", "not valid UTF-8"]


def test_rows_with_nul_bytes_or_in_another_encoding_are_bad_and_the_others_good(tmp_path: Path) -> None:
    odd = b"2026-11-03,a\0b,7\n2026-11-04,M\xfcnchen,8\n2026-11-05,o,9\n"
    path = written(tmp_path, CSV.encode() * 20 + odd)
    rows = read(path)[-3:]
    assert [(one.line, one.problem.partition(";")[0]) for one in rows] == [
        (61, "holds a NUL byte"),
        (62, "not valid UTF-8"),
        (63, ""),
    ]


def test_a_bill_with_nul_bytes_keeps_those_rows_aside(tmp_path: Path) -> None:
    good, bad = read_bill(written(tmp_path, BILL + (MAY + "x\n") * 30 + MAY + "a\0b\n" + MAY + "y\n"))
    assert good == ["x"] * 30 + ["y"]
    assert bad == [(32, "holds a NUL byte")]


@pytest.mark.parametrize(
    ("end", "line", "words"),
    [
        ('"n,6\n2026-11-03,o,7\n', 4, "the last 2 lines of the file are inside it"),
        ('n,"6\n2026-11-03,o,7\n\n', 4, "the last 3 lines of the file are inside it"),
        ('n,"6\n', 4, "is not closed: close it"),
        ('n,"6', 4, "is not closed: close it"),
    ],
)
def test_a_quote_that_nothing_closes_is_told_with_the_line_it_opens_in(
    tmp_path: Path, end: str, line: int, words: str
) -> None:
    rows = read(written(tmp_path, CSV + "2026-11-03," + end))
    assert [(one.line, bool(one.problem)) for one in rows] == [(2, False), (3, False), (line, True)]
    assert words in rows[-1].problem


@pytest.mark.parametrize("end", ['"n","6"\n', '"n","6"', '"n","6\n"\n', 'n"o,6\n', '"n\n""o""",6', "n,6\n\n\n"])
def test_a_quote_that_is_closed_or_stands_inside_a_cell_is_none_of_that(tmp_path: Path, end: str) -> None:
    assert [one.problem for one in read(written(tmp_path, CSV + "2026-11-03," + end))] == ["", "", ""]


@pytest.mark.parametrize("rows", [3, 19_999, 20_000])
def test_a_bill_cut_off_inside_a_quote_loses_that_row_alone(tmp_path: Path, rows: int) -> None:
    whole = BILL + (MAY + "x\n") * (rows - 1)
    good, bad = read_bill(written(tmp_path, whole + MAY + '"cut\noff\n'))
    assert (len(good), [line for line, _ in bad]) == (rows - 1, [rows + 1])
    assert "the last 2 lines of the file are inside it" in bad[0][1]
    assert read_bill(written(tmp_path, whole + MAY + '"not\ncut"\n')) == (["x"] * (rows - 1) + ["not\ncut"], [])


def test_a_cell_that_swallows_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    error = refused(written(tmp_path, CSV + '2026-11-03,"n,7\n' + (MAY + "x\n") * 700_000))
    assert error.where.endswith(":4")
    assert "a cell of more than 16 MiB" in error.what


def test_a_row_over_several_lines_of_the_wrong_width_hints_at_its_quote(tmp_path: Path) -> None:
    row = read(written(tmp_path, CSV + '2026-11-03,"n,7\n2026-11-04,n,7\n2026-11-05,"n"\n'))[-1]
    assert row.problem == "2 fields where the first line names 3; it goes over 3 lines: is a quote not closed?"


def test_a_small_parquet_file_that_stands_for_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 20_000])
    pq.write_table(pa.table({"time": word, "model": word}), path, store_schema=False)
    assert path.stat().st_size < 200_000
    assert "unpacks to more than" in refused(path).what


def test_texts_of_a_parquet_dictionary_are_read_as_they_are_and_shared(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    models = ["gpt-4o", None, "gpt-4o-mini"] * 2_000
    pq.write_table(pa.table({"model": models, "n": list(range(6_000))}), path, row_group_size=2_500)
    rows = read(path)
    assert [one.record["model"] for one in rows] == models
    assert [one.record["n"] for one in rows] == list(range(6_000))
    assert rows[0].record["model"] is rows[3].record["model"]


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:300] + bytes(600) + raw[900:]])
def test_a_damaged_parquet_file_is_told_in_one_line(tmp_path: Path, damage) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"model": [f"m{n}" for n in range(2_000)], "n": list(range(2_000))}), path)
    path.write_bytes(damage(path.read_bytes()))
    error = refused(path)
    assert error.what.startswith("a damaged Parquet file")
    assert "\n" not in error.what


def test_a_parquet_text_that_is_none_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    pq.write_table(pa.table({"model": broken, "n": [1]}), path)
    assert "a damaged Parquet file" in refused(path).what


@pytest.mark.parametrize(
    "content", [CSV.encode(), gzip.compress(CSV.encode()), zipped("a.csv", CSV.encode())], ids=["plain", "gzip", "zip"]
)
def test_a_whole_file_passes_the_check_before_anything_lands(tmp_path: Path, content: bytes) -> None:
    check_packed(written(tmp_path, content))


def test_a_cut_off_or_swelling_archive_does_not(tmp_path: Path) -> None:
    whole = gzip.compress(CSV.encode() * 5_000)
    with pytest.raises(DataError, match="damaged"):
        check_packed(written(tmp_path, whole[:-300]))
    with pytest.raises(DataError, match="unpacks to more than"):
        check_packed(written(tmp_path, gzip.compress(bytes(80 * 1024 * 1024))))


@pytest.mark.parametrize("lost", ["ChargePeriodStart", "ChargeCategory", "BilledCost"])
def test_a_focus_file_that_lost_a_column_it_cannot_do_without_names_the_column(tmp_path: Path, lost: str) -> None:
    names = ["BillingAccountId", "BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory",
             "BilledCost", "ListCost", "ContractedCost", "BillingCurrency", "Tags"]  # fmt: skip
    renamed = ",".join("Other" if name == lost else name for name in names)
    path = written(tmp_path, renamed + "\n" + ",".join("1" * len(names)) + "\n")
    with ExitStack() as closing, pytest.raises(DataError, match=f"no {lost}") as caught:
        open_bill(path, closing)
    assert "rename" in caught.value.next_steps[0]
