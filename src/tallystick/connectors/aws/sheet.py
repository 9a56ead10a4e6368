"""A part of a report as columns: CSV or Parquet, under the names of CUR 2.0 whatever it was written with.

The older report writes `lineItem/UsageStartDate` in CSV and `line_item_usage_start_date` in Parquet, and a
column for each tag; CUR 2.0 has maps. All leave as one: columns by their newer names, tags as one map.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tallystick.kernel.table import Repeated

PARQUET = b"PAR1"
MAPS = frozenset({"tags", "resource_tags", "cost_category", "product", "discount"})
_MIB = 1024 * 1024


class Unreadable(Exception):
    """A part that is neither CSV nor Parquet, or is broken; the message says how."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of a part, by column.

    Attributes:
        columns: By CUR 2.0's name; each as long as `rows`. Cells are texts, numbers, instants in microseconds
            or maps as pairs; None for empty ones.
        tags: Tag as AWS names it → column that holds it, where tags have columns of their own.
        rows: How many there are.
        broken: Place (from 1, as everywhere) of rows that have more or fewer cells than the header, and why.
    """

    columns: Mapping[str, Sequence[Any]]
    tags: Mapping[str, Sequence[Any]]
    rows: int
    broken: Mapping[int, str]


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """A column's name as CUR 2.0 writes it.

    >>> plain_name("lineItem/UsageStartDate"), plain_name("savingsPlan/SavingsPlanARN")
    ('line_item_usage_start_date', 'savings_plan_savings_plan_a_r_n')
    """
    if "/" not in name:
        return name.strip().lower()
    parts = (re.sub(r"(?<=[a-zA-Z0-9])(?=[A-Z])", "_", part).lower() for part in name.strip().split("/"))
    return "_".join(parts)


@lru_cache(maxsize=4096)
def tag_name(name: str) -> str:
    """The tag that a column of its own holds, as CUR 2.0 names it; empty for any other column.

    >>> tag_name("resourceTags/user:team"), tag_name("resource_tags_user_team"), tag_name("lineItem/UsageType")
    ('resourceTags/user:team', 'resourceTags/user:team', '')
    """
    for group, prefixes in _TAG_COLUMNS:
        for prefix in prefixes:
            if name.startswith(prefix) and len(name) > len(prefix):
                return group + tag_key(name[len(prefix) :])
    return ""


_TAG_COLUMNS = (
    ("resourceTags/", ("resourceTags/", "resource_tags_")),
    ("costCategory/", ("costCategory/", "cost_category_")),
    ("iamPrincipal/", ("iamPrincipal/", "iam_principal_")),
)


@lru_cache(maxsize=4096)
def tag_key(key: str) -> str:
    """`user_team`, as Parquet and CUR 2.0's older map write it, is the tag `user:team`."""
    for owner in ("user", "aws"):
        if key.startswith(f"{owner}_"):
            return f"{owner}:{key[len(owner) + 1 :]}"
    return key


def read_sheet(body: bytes) -> Sheet:
    """The rows of a part.

    Raises:
        Unreadable: It is broken, or is something else.
    """
    broken: dict[int, str] = {}
    table = read_table(body, broken)
    columns: dict[str, Sequence[Any]] = {}
    tags: dict[str, Sequence[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count == len(column):
            continue
        tag = tag_name(name)
        (tags if tag else columns)[tag or plain_name(name)] = _cells(column)
    return Sheet(columns, tags, table.num_rows, broken)


def read_table(body: bytes, broken: dict[int, str]) -> Any:
    """A part as an Arrow table under its own names; of CSV all cells are texts. Bad rows are put into `broken`.

    Raises:
        Unreadable: As of `read_sheet`.
    """
    try:
        return _sound(_read_parquet(body)) if body.startswith(PARQUET) else _read_csv(body, broken)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"it cannot be read as {_kind(body)}: {str(error)[:200]}") from None


def _sound(table: Any) -> Any:
    """The table, whose texts and names are UTF-8 to the last: Arrow itself looks at them only when they are used."""
    table.validate(full=True)
    assert all(isinstance(name, str) for name in table.column_names)  # decoded here, where it may fail
    return table


def column_names(head: bytes) -> list[str]:
    """The columns of a part by CUR 2.0's names, also those without a value.

    Raises:
        Unreadable: As of `read_sheet`.
    """
    try:
        if head.startswith(PARQUET):
            names = pq.read_schema(pa.BufferReader(head)).names
        else:
            line = io.BytesIO(head).readline()
            names = pa_csv.read_csv(pa.BufferReader(line + b"\n"), parse_options=_LINES).column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"it cannot be read as {_kind(head)}: {str(error)[:200]}") from None
    return [plain_name(name.removeprefix("\ufeff")) for name in names]


def _kind(body: bytes) -> str:
    return "Parquet" if body.startswith(PARQUET) else "CSV"


_LINES = pa_csv.ParseOptions(newlines_in_values=True)


def _read_parquet(body: bytes) -> pa.Table:
    return pq.ParquetFile(pa.BufferReader(body)).read()


def _read_csv(body: bytes, broken: dict[int, str]) -> pa.Table:
    """All cells as texts, so that no account loses its zeros; bad rows are set aside with their place."""
    body = _utf8(body.removeprefix(b"\xef\xbb\xbf"))
    head = io.BytesIO(body).readline()
    names = pa_csv.read_csv(pa.BufferReader(head.rstrip(b"\r\n") + b"\n"), parse_options=_LINES).column_names

    def skip(row: Any) -> str:
        # The header is row 1 of the file, and the first row of data is our first.
        broken[row.number - 1] = f"it has {row.actual_columns} cells where the header has {row.expected_columns}"
        return "skip"

    return pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=16 * _MIB),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )  # fmt: skip


def _utf8(body: bytes) -> bytes:
    """The same, with U+FFFD for what is no UTF-8: a stray byte in a description must not cost a month."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body


def _cells(column: Any) -> Sequence[Any]:
    """Its values; what repeats is one object, and one value throughout is held once."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif pa.types.is_date(kind):
        column = column.cast(pa.timestamp("us")).cast(pa.int64())
    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # of no chunk at all
        column = pa.array([], column.type)
    if pa.types.is_map(kind):
        return _maps(column)
    if pa.types.is_struct(kind) or pa.types.is_nested(kind):
        return [_frozen(cell) for cell in column.to_pylist()]
    return _plain(column)


def _plain(column: Any) -> Sequence[Any]:
    kind = column.type
    if pa.types.is_float64(kind) or pa.types.is_int64(kind):
        if not column.null_count:
            return cast("list[Any]", column.to_numpy(zero_copy_only=False).tolist())
        known = column.fill_null(0).to_numpy(zero_copy_only=False).tolist()
        there = column.is_valid().to_numpy(zero_copy_only=False).tolist()
        return [cell if given else None for cell, given in zip(known, there, strict=True)]
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return cast("list[Any]", column.to_pylist())
    coded = column.dictionary_encode()
    texts = [*coded.dictionary.to_pylist(), None]
    if len(texts) == 2 and not column.null_count:
        return Repeated(texts[0], len(column))
    places = coded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False).tolist()
    return [texts[place] for place in places]


def _maps(column: Any) -> Sequence[Any]:
    """Maps as pairs; equal ones are one object."""
    offsets = column.offsets.to_numpy().tolist()
    first = offsets[0]
    keys, items = (_plain(part.slice(first, offsets[-1] - first)) for part in (column.keys, column.items))
    pairs = list(zip(keys, items, strict=True))
    known: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    cells: list[Any] = []
    for start, end in pairwise(offsets):
        one = tuple(pairs[start - first : end - first])
        cells.append(known.setdefault(one, one))
    if column.null_count:
        return [cell if given else None for cell, given in zip(cells, column.is_valid().to_pylist(), strict=True)]
    return cells


def _frozen(cell: Any) -> Any:
    """Records as pairs, lists as tuples: what can be the key of a memory."""
    if isinstance(cell, dict):
        return tuple((name, _frozen(value)) for name, value in cell.items())
    return tuple(map(_frozen, cell)) if isinstance(cell, list) else cell
