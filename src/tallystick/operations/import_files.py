"""Import files: of usage each row once, bad rows aside, prices by our own book; bills by `import_bills`.

A row's id is the source's own, else a hash of its content and its number among equal
rows of the file. So a file imported again changes nothing, overlapping parts of one
file give one result, and equal calls count as often as they are there.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from tallystick.bills.model import Rejected as RejectedLine
from tallystick.connectors.files.mapping import Plan, parse_mapping
from tallystick.connectors.files.model import Parsed, Raw, Rejected
from tallystick.connectors.files.recognise import Recognised, recognise
from tallystick.connectors.store import ImportRun, append_run
from tallystick.kernel.errors import DataError, UsageError
from tallystick.kernel.ids import new_id
from tallystick.kernel.period import DAY_US, rfc3339
from tallystick.operations.context import Context, now_us
from tallystick.operations.import_bills import BillImport, BillRequest, bill_source, import_bills
from tallystick.operations.import_rows import Landing, Rows
from tallystick.operations.post_charges import post_charges
from tallystick.operations.retain import kept_since
from tallystick.pricing.book import PriceBook

_BATCH = 20_000
_MOST_PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import, in the words of the command line.

    Attributes:
        map_texts: ``field=column[:unit[+start]]`` entries, several to a text with commas.
        set_texts: ``field=value`` entries likewise.
        source: Name of the source; empty derives it from the shape or the mapping.
        strict: Land nothing when any row is bad.
        dry_run: Land nothing.
        account: Our name of the provider account that a bill is of; empty: told from its rows.
        beside: A bill lands beside what is there of its account and month, not in its place.
    """

    paths: tuple[Path, ...]
    map_texts: tuple[str, ...] = ()
    set_texts: tuple[str, ...] = ()
    source: str = ""
    strict: bool = False
    dry_run: bool = False
    account: str = ""
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was kept aside."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one file has been read."""

    file: str
    rows: int
    bytes_done: int
    bytes_total: int


@dataclass(slots=True)
class FileSummary:
    """What became of one file.

    Attributes:
        rows: Usage records read, good and bad.
        new, duplicates, corrections: Rows landed, rows the ledger had, restated buckets.
        input_tokens, output_tokens: Of all good rows, to hold against the source's own figures.
        cost: Grains of all good rows, None when nothing of them could be priced.
        rejected_file: Where the bad rows are; empty when there are none.
    """

    file: str
    format: str
    shape: str
    source: str
    notes: tuple[str, ...] = ()
    rows: int = 0
    new: int = 0
    duplicates: int = 0
    corrections: int = 0
    rejected: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int | None = None
    first_at: int | None = None
    last_at: int | None = None
    rejected_file: str = ""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of the request.

    Attributes:
        landed: False for a dry run, or when `strict` found a bad row.
        problems: The first bad rows; all of them are in the files of rejected rows.
        bills: Of the files that are bills, which `files` does not hold.
        bills_rejected_file: Where the bad rows of bills are; empty when there are none.
    """

    files: tuple[FileSummary, ...]
    landed: bool
    problems: tuple[Problem, ...] = field(default=())
    bills: tuple[BillImport, ...] = field(default=())
    bills_rejected_file: str = ""

    @property
    def rejected(self) -> int:
        """Bad rows of all files."""
        of_bills = sum(one.rejected for load in self.bills for one in load.files)
        return of_bills + sum(one.rejected for one in self.files)


OnProgress = Callable[[Progress], None]


def import_files(
    context: Context, book: PriceBook, request: ImportRequest, on_progress: OnProgress | None = None
) -> ImportSummary:
    """Import the files in their order; what landed before an error stays, and landing it again changes nothing.

    Raises:
        UsageError: The mapping makes no sense.
        DataError: A file is not what it claims; nothing of a later file has landed.
    """
    if not request.paths:
        raise UsageError("no file to import")
    plan = parse_mapping(request.map_texts, request.set_texts)
    importer = _Importer(context, book, request, on_progress or (lambda progress: None))
    bills = {path: source for path in request.paths if not plan.columns and (source := bill_source(path))}
    if request.strict or request.dry_run:
        tried = importer.run_all(bills, plan, land=False)
        if request.dry_run or tried.rejected:
            return tried
        importer.problems.clear()
    done = importer.run_all(bills, plan, land=True)
    post_charges(context)
    return done


class _Importer:
    def __init__(self, context: Context, book: PriceBook, request: ImportRequest, on_progress: OnProgress) -> None:
        self._context = context
        self._book = book
        self._request = request
        self._on_progress = on_progress
        self._since = kept_since(context, now_us())
        self.problems: list[Problem] = []

    def run_all(self, bills: dict[Path, str], plan: Plan, *, land: bool) -> ImportSummary:
        """Bills of one source as one load, the other files in their order."""
        loads, aside_name = self._run_bills(bills, land=land)
        files: list[FileSummary] = []
        for path in self._request.paths:
            if path not in bills:
                try:
                    files.append(self.run(path, plan, land=land))
                except (DataError, RecursionError) as error:
                    if land:
                        post_charges(self._context)
                    raise _told(error, path, len(files) + len(bills) if land else 0) from None
        return ImportSummary(tuple(files), land, tuple(self.problems), tuple(loads), aside_name)

    def _run_bills(self, bills: dict[Path, str], *, land: bool) -> tuple[list[BillImport], str]:
        started = now_us()
        import_id = new_id("imp", started)
        loads = []
        with _Aside(self._context.data_dir / "rejected" / f"{import_id}.jsonl" if land else None) as aside:

            def keep(file: str, bad: RejectedLine) -> None:
                aside.write({"file": file, "line": bad.line_no, "reason": bad.reason, "row": bad.raw})
                if len(self.problems) < _MOST_PROBLEMS_SHOWN:
                    self.problems.append(Problem(file, bad.line_no, bad.reason))

            for source in dict.fromkeys(self._request.source or name for name in bills.values()):
                paths = tuple(path for path, name in bills.items() if source in {self._request.source, name})
                asked = BillRequest(paths, self._request.account, f"import:{source}", self._request.beside, land)
                loads.append(import_bills(self._context, self._book, asked, keep, self._on_batch))
                if land:
                    self._remember_bills(asked, loads[-1], started)
            return loads, aside.name

    def _on_batch(self, file: str, rows: int, done: int, total: int) -> None:
        self._on_progress(Progress(file, rows, done, total))

    def _remember_bills(self, asked: BillRequest, load: BillImport, started: int) -> None:
        new = any(one.changed for one in load.slices)
        for path, one in zip(asked.paths, load.files, strict=True):
            append_run(
                self._context.config_db,
                ImportRun(
                    import_id=new_id("imp", started),
                    source=asked.source,
                    shape=one.title,
                    file=path.name,
                    content_hash=_digest_of(path),
                    started_at=started,
                    ended_at=now_us(),
                    rows=one.rows,
                    duplicates=0 if new else one.rows - one.rejected,
                    rejected=one.rejected,
                    first_at=one.first_at,
                    last_at=one.last_at,
                ),
            )

    def run(self, path: Path, plan: Plan, *, land: bool) -> FileSummary:
        started = now_us()
        with recognise(path, plan, started + DAY_US) as found:
            import_id = new_id("imp", started)
            summary = self._read(found, path, import_id, land=land)
        if land:
            self._remember(import_id, path, summary, started)
        return summary

    def _read(self, found: Recognised, path: Path, import_id: str, *, land: bool) -> FileSummary:
        source = f"import:{self._request.source or found.shape.name}"
        summary = FileSummary(str(path), found.file.format, found.shape.title, source, found.shape.notes)
        landing = Landing(self._context, self._book, source, land=land, replaces=found.shape.replaces)
        with _Aside(self._context.data_dir / "rejected" / f"{import_id}.jsonl" if land else None) as aside:
            try:
                for rows in self._batches(found, source, summary, aside):
                    landing.take(rows, summary)
                    self._on_progress(Progress(str(path), summary.rows, found.file.position(), path.stat().st_size))
            except DataError as error:
                raise _partly(error, summary.new + summary.duplicates if land else 0) from None
            landing.finish(summary)
            summary.rejected_file = aside.name
        return summary

    def _batches(self, found: Recognised, source: str, summary: FileSummary, aside: "_Aside") -> Iterator[Rows]:
        rows = Rows(source)
        seen: dict[bytes, int] = {}
        start = hashlib.sha256(source.encode() + b"\0" + "\x1f".join(found.file.columns).encode())
        for raw, parsed in self._parsed(found):
            summary.rows += 1
            if isinstance(parsed, Rejected):
                summary.rejected += 1
                self._keep(raw, parsed, summary, aside)
                continue
            digest = start.copy()
            digest.update(b"\0id" + parsed.source_id.encode() if parsed.source_id else raw.content)
            rows.add(parsed, _row_id(digest.digest()[:16], seen, own=bool(parsed.source_id)))
            if len(rows) >= _BATCH:
                yield rows
                rows = Rows(source)
        yield rows

    def _parsed(self, found: Recognised) -> Iterator[tuple[Raw, Parsed | Rejected]]:
        expand, parse = found.shape.expand, found.shape.parse
        for raw in found.records:
            if raw.problem:
                yield raw, Rejected(raw.problem)
            elif expand is None:
                yield raw, self._kept(parse(raw.record))
            else:
                for record in expand(raw.record):
                    yield Raw(raw.line, record, raw.content), self._kept(parse(record))

    def _kept(self, parsed: Parsed | Rejected) -> Parsed | Rejected:
        """The row, unless its like has been deleted: nothing would tell it from what was charged long ago."""
        if isinstance(parsed, Rejected) or int(str(parsed.values["occurred_at"])) >= self._since:
            return parsed
        return Rejected(
            f"older than {rfc3339(self._since)}, and single events are kept no longer ([retention] events_days): "
            "it may have been counted before"
        )

    def _keep(self, raw: Raw, parsed: Rejected, summary: FileSummary, aside: "_Aside") -> None:
        aside.write({"file": summary.file, "line": raw.line, "reason": parsed.reason, "row": dict(raw.record)})
        if len(self.problems) < _MOST_PROBLEMS_SHOWN:
            self.problems.append(Problem(summary.file, raw.line, parsed.reason))

    def _remember(self, import_id: str, path: Path, summary: FileSummary, started: int) -> None:
        append_run(
            self._context.config_db,
            ImportRun(
                import_id=import_id,
                source=summary.source,
                shape=summary.shape,
                file=path.name,
                content_hash=_digest_of(path),
                started_at=started,
                ended_at=now_us(),
                rows=summary.rows,
                duplicates=summary.duplicates,
                rejected=summary.rejected,
                first_at=summary.first_at,
                last_at=summary.last_at,
            ),
        )


def _partly(error: DataError, landed: int) -> DataError:
    """The error of a file of which some rows are in the ledger already."""
    if not landed:
        return error
    again = "import the mended file: rows that have landed are not counted twice"
    what = f"{error.what}; {landed:,} rows before it have landed"
    return DataError(what, where=error.where, next_steps=(*error.next_steps, again))


def _told(error: DataError | RecursionError, path: Path, whole: int) -> DataError:
    """The error of a file, with what became of the files before it."""
    if not isinstance(error, DataError):
        error = DataError("a record is nested too deeply", where=str(path))
    if not whole:
        return error
    files = "the file before it has" if whole == 1 else f"the {whole:,} files before it have"
    return DataError(f"{error.what}; {files} landed whole", where=error.where, next_steps=error.next_steps)


def _digest_of(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _row_id(digest: bytes, seen: dict[bytes, int], *, own: bool) -> str:
    """The event id: equal rows of one file are told apart by their number, unless the source numbers them itself."""
    if own:
        return f"evt_i{digest.hex()}"
    number = seen.get(digest, 0)
    seen[digest] = number + 1
    return f"evt_i{digest.hex()}.{number}" if number else f"evt_i{digest.hex()}"


class _Aside:
    """The file of bad rows, made when the first one comes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None

    @property
    def name(self) -> str:
        """Where they are; empty when there are none."""
        return str(self._path) if self._file is not None else ""

    def write(self, entry: dict[str, object]) -> None:
        """Keep one row with its place and reason."""
        if self._path is None:
            return
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8", errors="replace")
        self._file.write(json.dumps(entry, default=str, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
