"""Rows of a Parquet file, one by one or as Arrow batches, within bounds.

A dictionary holds a text once however many rows have it: a file of some kilobytes can
stand for gigabytes. Such columns stay dictionaries until a row is looked at, its texts are
shared, and what all rows would take is counted against the size of the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tallystick.connectors.files.bounds import most_unpacked, too_much
from tallystick.connectors.files.model import Raw
from tallystick.kernel.errors import DataError

_BATCH = 8192
# Where a column takes less a row, its texts can only be in a dictionary.
_FEWEST_BYTES = 4


@dataclass(slots=True)
class Columnar:
    """An open Parquet file.

    Attributes:
        done: Rows read so far.
        left: Bytes that its rows may still unpack to.
    """

    path: Path
    file: Any
    names: tuple[str, ...]
    rows: int
    left: int
    done: int = field(default=0)


def open_columnar(path: Path) -> Columnar:
    """Open it and hold what it declares against its size; the caller closes `file`.

    Raises:
        DataError: Damaged, or it declares far more than its size.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        meta = file.metadata
        groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
        shared = sorted({name for group in groups for name in _shared(group)})
        if shared:
            file.close()
            file = pq.ParquetFile(path, read_dictionary=shared)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(error, path) from None
    most = most_unpacked(path)
    if sum(group.total_byte_size for group in groups) > most:
        file.close()
        raise too_much(path)
    return Columnar(path, file, tuple(file.schema_arrow.names), meta.num_rows, most)


def _shared(group: Any) -> Iterator[str]:
    """Columns of texts that take less than any text would."""
    for number in range(group.num_columns):
        column = group.column(number)
        small = column.total_uncompressed_size < _FEWEST_BYTES * group.num_rows
        if column.physical_type == "BYTE_ARRAY" and small and "." not in column.path_in_schema:
            yield column.path_in_schema


def columnar_batches(opened: Columnar) -> Iterator[list[list[Any]]]:
    """The columns of some thousand rows, as Python values.

    Raises:
        DataError: Damaged, or it unpacks to far more than its size.
    """
    import pyarrow as pa

    try:
        for batch in opened.file.iter_batches(batch_size=_BATCH):
            opened.done += batch.num_rows
            opened.left -= sum(_unpacked(column) for column in batch.columns)
            if opened.left < 0:
                raise too_much(opened.path)
            yield [_plain_values(column) for column in batch.columns]
    except (pa.ArrowException, OSError, ValueError, OverflowError, IndexError) as error:
        raise _damaged(error, opened.path) from None


def columnar_rows(opened: Columnar) -> Iterator[Raw]:
    """Row after row.

    Raises:
        DataError: As `columnar_batches`.
    """
    number = 0
    for columns in columnar_batches(opened):
        for values in zip(*columns, strict=True):
            number += 1
            content = "\x1f".join(map(str, values)).encode("utf-8", "surrogateescape")
            yield Raw(number, dict(zip(opened.names, values, strict=True)), content)


def _plain_values(column: Any) -> list[Any]:
    """Python values; nanoseconds are cut to the microseconds that the ledger keeps, texts of a dictionary are shared."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        known = [*_plain_values(column.dictionary), None]
        return [known[-1 if index is None else index] for index in column.indices.to_pylist()]
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _unpacked(column: Any) -> int:
    """Bytes that a column of a batch takes once each row has its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _damaged(error: Exception, path: Path) -> DataError:
    words = str(error).partition("\n")[0][:300]
    return DataError(f"a damaged Parquet file: {words}", where=str(path), next_steps=["export or download it again"])
