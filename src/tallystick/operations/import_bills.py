"""Import bills from files: FOCUS of any generator and the clouds' own exports; one command is one load."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from tallystick.bills.model import Rejected
from tallystick.connectors.files.bills import BillFile, open_bill
from tallystick.connectors.files.tables import Table, tables
from tallystick.focus.batch import Batch, FocusReader
from tallystick.focus.columns import COSTS
from tallystick.focus.place import Place
from tallystick.kernel.errors import DataError
from tallystick.kernel.table import Repeated
from tallystick.operations.context import Context
from tallystick.operations.load_columns import ColumnLoading, Into
from tallystick.operations.loaded import SliceSummary
from tallystick.pricing.book import PriceBook

Keep = Callable[[str, Rejected], None]
OnBatch = Callable[[str, int, int, int], None]


@dataclass(slots=True)
class BillSummary:
    """What one file held.

    Attributes:
        rows: Good and bad.
        sums: Currency → cost column → grains, of the good rows.
        months: Billing months, `2026-10`.
        accounts: Our names of the provider accounts.
    """

    file: str
    format: str
    title: str
    dataset: str
    notes: tuple[str, ...] = ()
    rows: int = 0
    rejected: int = 0
    ai_rows: int = 0
    first_at: int | None = None
    last_at: int | None = None
    sums: dict[str, dict[str, int]] = field(default_factory=dict)
    ai_sums: dict[str, dict[str, int]] = field(default_factory=dict)
    months: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class BillImport:
    """What became of all files of one source."""

    source: str
    files: tuple[BillSummary, ...]
    slices: tuple[SliceSummary, ...]


@dataclass(frozen=True, slots=True)
class BillRequest:
    """Which files, as what.

    Attributes:
        account: Our name of the provider account; empty: told row by row.
        source: Of the loads, whole (`import:focus`).
        beside: Put beside what is there, not in its place.
        land: False counts only.
    """

    paths: tuple[Path, ...]
    account: str = ""
    source: str = "import:focus"
    beside: bool = False
    land: bool = True


def bill_source(path: Path) -> str:
    """The name of the source that a bill belongs to, by its columns; empty where the file is no bill."""
    with ExitStack() as closing:
        found = open_bill(path, closing)
        if found is None:
            return ""
        return "focus" if found.dataset.startswith("focus") else found.dataset


def import_bills(context: Context, book: PriceBook, request: BillRequest, keep: Keep, on_batch: OnBatch) -> BillImport:
    """Load the files as one: each slice (account and month) replaces what an earlier command brought of it.

    Args:
        context: The open stores.
        book: Names models.
        request: What to read.
        keep: Called with file and bad row.
        on_batch: Called with file, rows, bytes done and bytes in all.

    Raises:
        DataError: A file is damaged; nothing is loaded.
    """
    into = Into(request.source, ", ".join(path.name for path in request.paths)[:500], request.land, request.beside)
    loading = ColumnLoading(context, book, into)
    try:
        files = [_read(path, loading, request, keep, on_batch) for path in request.paths]
        slices = loading.finish()
    except BaseException:
        loading.forget()
        raise
    return BillImport(request.source, tuple(files), slices)


def _read(path: Path, loading: ColumnLoading, request: BillRequest, keep: Keep, on_batch: OnBatch) -> BillSummary:
    with ExitStack() as closing:
        bill = open_bill(path, closing)
        if bill is None:
            raise DataError("no bill", where=str(path))
        summary = BillSummary(str(path), bill.file.format, bill.title, bill.dataset)
        place = Place(
            dataset=bill.dataset,
            account=request.account,
            suffix=loading.suffix,
            needs_cost=bill.native is None or bill.native.needs_cost,
        )
        for table, batch in _batches(bill, place):
            bad = table.broken + batch.rejected
            for one in bad:
                keep(str(path), one)
            digests = [table.digests[row] for row in batch.kept]
            loading.take(bill.dataset, batch.data, digests, len(bad))
            summary.rejected += len(bad)
            summary.rows += len(batch.kept) + len(bad)
            _add(summary, batch)
            on_batch(str(path), summary.rows, bill.file.position(), path.stat().st_size)
        summary.notes = (*bill.notes, *sorted(place.notes))
        if summary.rows == 0:
            raise DataError("no rows", where=str(path))
        return summary


def _batches(bill: BillFile, place: Place) -> Iterator[tuple[Table, Batch]]:
    readers: dict[tuple[str, ...], FocusReader] = {}
    for table in tables(bill.file, bill.first):
        names, columns = table.names, table.columns
        if bill.native is not None:
            focus = bill.native.to_focus(names, columns, len(table.lines))
            names, columns = tuple(focus), list(focus.values())
        reader = readers.get(names)
        if reader is None:
            readers.clear()  # records of ever new shapes must not keep a memory each
            reader = readers[names] = FocusReader(names, place)
        batch = reader.read(columns, table.lines)
        if bill.native is not None and bill.native.slice_column:
            _slice_by(batch.data, bill.native.slice_column, place.suffix)
        yield table, batch


def _slice_by(data: dict[str, Sequence[Any]], column: str, suffix: str) -> None:
    data["slice_key"] = [f"{extra.get(column, 'unknown')}{suffix}" for extra in data["extra"]]


def _add(summary: BillSummary, batch: Batch) -> None:
    data = batch.data
    rows = len(batch.kept)
    if not rows:
        return
    summary.ai_rows += sum(data["ai"])
    starts = data["charge_period_start"]
    summary.first_at = min(starts) if summary.first_at is None else min(summary.first_at, *starts)
    summary.last_at = max(starts) if summary.last_at is None else max(summary.last_at, *starts)
    summary.months.update(key.rpartition("/")[2].partition("+")[0] for key in set(data["slice_key"]))
    summary.accounts.update(data["provider_account"])
    _sum(summary.sums, data, [True] * rows)
    if any(data["ai"]):
        _sum(summary.ai_sums, data, data["ai"])


def _sum(into: dict[str, dict[str, int]], data: Mapping[str, Sequence[Any]], taken: Sequence[bool]) -> None:
    codes = data["currency"]
    for name in COSTS:
        found: Counter[str] = Counter()
        if isinstance(codes, Repeated):
            known = [amount for amount in compress(data[name], taken) if amount is not None]
            if known:
                found[codes.value] = sum(known)
        else:
            for code, amount, take in zip(codes, data[name], taken, strict=True):
                if take and amount is not None:
                    found[code] += amount
        for code, grains in found.items():
            sums = into.setdefault(code, {})
            sums[name] = sums.get(name, 0) + grains
