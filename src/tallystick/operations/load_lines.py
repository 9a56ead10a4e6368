"""Load lines of bills: priced by our book, appended unseen, then all slices put in place at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tallystick.bills.batch import LineBatch, taken
from tallystick.bills.model import BillLine, Load, Rejected
from tallystick.bills.sound import fault_of
from tallystick.bills.store import append_columns, append_lines, append_loads, drop_lines, list_loads
from tallystick.bills.sums import Sums
from tallystick.kernel.errors import DataError
from tallystick.kernel.ids import new_id
from tallystick.kernel.table import Repeated
from tallystick.operations.complete_lines import completed
from tallystick.operations.context import Context, now_us
from tallystick.operations.loaded import LoadSummary, Problem, SliceSummary
from tallystick.operations.rejected_lines import Aside
from tallystick.pricing.book import PriceBook

BATCH = 20_000
_MOST_PROBLEMS = 20
SliceId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read.

    Attributes:
        source: As it stands on lines and loads; a load replaces slices of its own source only.
        account: Our name of the provider account.
        slices: (dataset, slice_key) of what was read whole though it may hold no line; the others show by their lines.
        file: Where it was read from, for people; may be empty.
        instead_of: Datasets of the source that say the same: a slice that holds lines takes the place of theirs.
    """

    source: str
    account: str
    slices: Sequence[SliceId] = ()
    file: str = ""
    instead_of: Sequence[str] = ()


Line = tuple[str, BillLine | Rejected | LineBatch]
Writing = Callable[[], AbstractContextManager[object]]


def load_lines(
    context: Context,
    book: PriceBook,
    reading: Reading,
    lines: Iterable[Line],
    *,
    writing: Writing = nullcontext,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> LoadSummary:
    """Replace each slice by its lines, all slices at once; nothing is seen before all lines are in.

    A slice whose lines are what its current load brought is left alone, and so is one of
    which only bad lines came. A bad line counts with the slice of the line before it.

    Args:
        context: The open stores.
        book: Names models, and prices lines of the usage layer.
        reading: What is read.
        lines: Page id and line, or a batch of lines, in order; read once, a batch in memory at a time.
        writing: Entered around each write to the ledger: one writer at a time.
        on_rows: Called with the rows read so far after each batch.

    Raises:
        DataError: A whole page cannot be read (`Rejected.line_no` 0); nothing is loaded.
    """
    loading = _Loading(context, book, reading, writing)
    try:
        for page_id, one in lines:
            if isinstance(one, LineBatch):
                loading.take_columns(page_id, one)
                on_rows(loading.rows)
                continue
            loading.take(page_id, one)
            if loading.waiting >= BATCH:
                loading.flush()
                on_rows(loading.rows)
        summary = loading.finish()
    except BaseException:
        loading.forget()
        raise
    on_rows(loading.rows)
    return summary


@dataclass(slots=True)
class _Slice:
    """One slice on its way in."""

    load_id: str
    aside: Aside
    sums: Sums = field(default_factory=Sums)
    waiting: dict[str, list[BillLine]] = field(default_factory=dict)
    appended: int = 0


class _Loading:
    def __init__(self, context: Context, book: PriceBook, reading: Reading, writing: Writing) -> None:
        self._context = context
        self._book = book
        self._reading = reading
        self._writing = writing
        self._at = now_us()
        self._slices: dict[SliceId, _Slice] = {one: self._slice() for one in reading.slices}
        self._last: _Slice | None = next(iter(self._slices.values()), None)
        self._early: list[tuple[str, Rejected]] = []
        self._problems: list[Problem] = []
        self._rejected = 0
        self._models: dict[tuple[str, ...], str] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        self.rows = 0
        self.waiting = 0

    def take(self, page_id: str, one: BillLine | Rejected) -> None:
        """Hold one line until its batch is full."""
        self.rows += 1
        if isinstance(one, BillLine):
            one = completed(self._book, one)
            fault = fault_of(one)
            if not fault:
                self._hold(page_id, one)
                return
            one = Rejected(one.line_no, fault, repr(one))
        self._reject(page_id, one)

    def take_columns(self, page_id: str, batch: LineBatch) -> None:
        """Append a batch at once, each line under the load of its slice."""
        if not len(batch):
            return
        self.rows += len(batch)
        data = batch.data | {"model": self._named(batch.data)}
        names = list(zip(data["dataset"], data["slice_key"], strict=True))
        for key in sorted(set(names)):
            own = (
                data
                if names.count(key) == len(names)
                else taken(data, [n for n, one in enumerate(names) if one == key])
            )
            found = self._last = self._slices.get(key) or self._slice()
            self._slices[key] = found
            found.sums.add_columns(own)
            found.appended += len(own["line_no"])
            self._written()
            self._thread = self._thread or ThreadPoolExecutor(1, "bill-lines")
            self._under_way = self._thread.submit(self._append, found.load_id, page_id, own)

    def _append(self, load_id: str, page_id: str, data: Mapping[str, Sequence[Any]]) -> None:
        ids = Repeated(load_id, len(data["line_no"]))
        with self._writing():
            append_columns(self._context.ledger, self._reading.source, ids, page_id, data)

    def _written(self) -> None:
        """Wait for the batch that is written while the next is read, and raise what it raised."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def _named(self, data: Mapping[str, Sequence[Any]]) -> list[str]:
        """The canonical model of each row, where it says one."""
        known = self._models
        keys = list(zip(data["provider"], data["raw_model"], data["service_tier"], data["region"], strict=True))
        for key in set(keys) - known.keys():
            known[key] = self._book.resolve(*key).model if key[1] else ""
        return [known[key] for key in keys]

    def flush(self) -> None:
        """Append what is held, under loads that nobody knows of yet."""
        with self._writing():
            for one in self._slices.values():
                for page_id, lines in one.waiting.items():
                    append_lines(self._context.ledger, self._reading.source, one.load_id, page_id, lines)
                    one.appended += len(lines)
                one.waiting.clear()
                one.aside.flush()
        self.waiting = 0

    def finish(self) -> LoadSummary:
        """Put every slice that changed in place."""
        self._written()
        self._end_thread()
        lost = self._place_early()
        before = {
            (one.dataset, one.slice_key): one for one in list_loads(self._context.config_db, self._reading.source)
        }
        changed = {key: one for key, one in self._slices.items() if _is_new(one, before.get(key))}
        same = [one for key, one in self._slices.items() if key not in changed]
        for one in same:
            one.waiting.clear()
        self.flush()
        loads = {key: self._load(key, one) for key, one in changed.items()}
        with self._writing():
            drop_lines(self._context.ledger, [one.load_id for one in same if one.appended])
            append_loads(self._context.config_db, list(loads.values()), self._displaced(before))
        slices = tuple(
            _summary(key, one, before.get(key), changed=key in changed) for key, one in sorted(self._slices.items())
        )
        return LoadSummary(slices, self.rows - self._rejected, self._rejected, tuple(self._problems), lost)

    def _displaced(self, before: Mapping[SliceId, Load]) -> list[Load]:
        """What counts of the other datasets in slices that are told here; one without lines tells nothing yet."""
        others = [
            before.get((dataset, key))
            for (_, key), one in self._slices.items()
            if one.sums.rows
            for dataset in self._reading.instead_of
        ]
        return [replace(one, superseded_at=self._at) for one in others if one is not None]

    def forget(self) -> None:
        """Leave nothing of what was begun; what cannot be dropped now is dropped at the next start."""
        self._end_thread()
        with suppress(Exception), self._writing():
            drop_lines(self._context.ledger, [one.load_id for one in self._slices.values() if one.appended])
        for one in self._slices.values():
            one.aside.forget()

    def _slice(self) -> _Slice:
        load_id = new_id("load", self._at)
        return _Slice(load_id, Aside(self._context.data_dir / "rejected" / f"{load_id}.jsonl"))

    def _hold(self, page_id: str, line: BillLine) -> None:
        key = (line.dataset, line.slice_key)
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = self._slice()
        self._last = found
        found.sums.add(line)
        found.waiting.setdefault(page_id, []).append(line)
        self.waiting += 1

    def _reject(self, page_id: str, one: Rejected) -> None:
        if not one.line_no:
            raise DataError(
                f"a page cannot be read: {one.reason}",
                where=f"{self._reading.source}, {page_id or self._reading.file}",
                next_steps=["what was loaded before stays; read it again"],
            )
        self._rejected += 1
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(Problem(page_id, one.line_no, one.reason))
        if self._last is None:
            self._early.append((page_id, one))
        else:
            self._last.aside.add(page_id, one)
        self.waiting += 1

    def _place_early(self) -> str:
        """Bad lines before the first good one go with the first slice; without any, into a file of their own."""
        if not self._early:
            return ""
        aside = next(iter(self._slices.values()), self._slice()).aside
        for page_id, one in self._early:
            aside.add(page_id, one)
        aside.flush()
        return "" if self._slices else aside.name

    def _load(self, key: SliceId, one: _Slice) -> Load:
        return Load(
            load_id=one.load_id,
            source=self._reading.source,
            dataset=key[0],
            slice_key=key[1],
            provider_account=self._reading.account,
            content_hash=one.sums.content_hash(),
            loaded_at=self._at,
            rows=one.sums.rows,
            rejected=one.aside.lines,
            currency=one.sums.currency(),
            first_at=one.sums.first_at,
            last_at=one.sums.last_at,
            sums=one.sums.amounts(),
            file=self._reading.file,
        )


def _is_new(one: _Slice, before: Load | None) -> bool:
    if not one.sums.rows and one.aside.lines:
        return False
    return before is None or before.content_hash != one.sums.content_hash()


def _summary(key: SliceId, one: _Slice, before: Load | None, *, changed: bool) -> SliceSummary:
    only_bad = not changed and not one.sums.rows and one.aside.lines > 0
    kept = before.load_id if before else ""
    if not changed and not only_bad:
        one.aside.forget()
    return SliceSummary(
        dataset=key[0],
        slice_key=key[1],
        load_id=one.load_id if changed else kept,
        changed=changed,
        rows=before.rows if only_bad and before else one.sums.rows,
        rejected=one.aside.lines,
        sums=before.sums if only_bad and before else one.sums.amounts(),
        rows_before=before.rows if before else None,
        sums_before=before.sums if before else None,
        unpriced=one.sums.unpriced,
        rejected_file=one.aside.name,
        note="no line of it can be read, so what was loaded before stays" if only_bad else "",
    )


def each(page_id: str, lines: Iterable[BillLine | Rejected]) -> Iterator[Line]:
    """Lines of one page as `load_lines` takes them."""
    return ((page_id, one) for one in lines)
