"""Files cut into parts: each stands alone, together they are the file, and no cell is cut in two."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.connectors.aws.parts import cut
from tallystick.ports import SourceFailed

CELLS = st.text('ab,\n" ', max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"') | st.text(
    "xyz1", max_size=4
)
RECORDS = st.lists(st.tuples(CELLS, CELLS).map(lambda two: ",".join(two) + "\n"), max_size=12)


@given(RECORDS, st.integers(1, 5))
def test_parts_have_the_header_each_and_the_records_once_and_whole(records, rows):
    body = ("h1,h2\n" + "".join(records)).encode()

    parts = list(cut(io.BytesIO(body), len(body), "x", rows))

    assert all(part.startswith(b"h1,h2\n") for part in parts)
    assert b"".join(part.removeprefix(b"h1,h2\n") for part in parts).decode() == "".join(records)
    assert all(part.count(b'"') % 2 == 0 for part in parts)
    assert len(parts) == max(1, -(-len(records) // rows))


def test_a_packed_file_has_the_parts_of_the_plain_one():
    plain = b"a,b\n1,2\n3,4\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("report.csv", plain)
    packed = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")

    for body in (plain, packed, archive.getvalue()):
        assert list(cut(io.BytesIO(body), len(body), "x")) == [plain]
    assert list(cut(io.BytesIO(b""), 0, "x")) == []


def test_an_archive_of_several_files_is_refused():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.csv", "a\n")
        file.writestr("b.csv", "a\n")
    body = archive.getvalue()

    with pytest.raises(SourceFailed, match="holds 2 files"):
        list(cut(io.BytesIO(body), len(body), "x"))


@pytest.mark.parametrize(
    ("body", "cut_off"),
    [
        (b"a,b,c\n1,2,3\n4,5,6", False),
        (b"a,b,c\n1,2,3\n4,5", True),
        (b'a,b,c\n1,2,3\n4,5,"x', True),
        (b"a,b,c\n1,2,3\n4,5\n", False),  # a short row with an end is a bad row and no cut
        (b"a,b,c\n1,2,3\n\n", False),
        (b"a,b,c", False),
    ],
)
def test_a_file_that_ends_in_mid_row_is_said_to_be_one(body: bytes, cut_off: bool) -> None:
    if cut_off:
        with pytest.raises(SourceFailed, match="ends in the middle of a row") as caught:
            list(cut(io.BytesIO(body), len(body), "the file"))
        assert caught.value.retry_seconds
    else:
        assert b"".join(cut(io.BytesIO(body), len(body), "the file")).rstrip() == body.rstrip()
