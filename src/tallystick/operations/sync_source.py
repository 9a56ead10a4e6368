"""Sync a source: every slice that is due, page by page, each kept before the next; loaded when it is whole."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tallystick.connectors.kept import Source, Window
from tallystick.connectors.store import list_pages, list_windows, write_source, write_window
from tallystick.kernel.errors import TallyError, UsageError
from tallystick.kernel.period import HOUR_US, MINUTE_US, Period
from tallystick.operations.connect_source import Secrets, Sources, connect
from tallystick.operations.context import Context
from tallystick.operations.due_windows import backfill_from, is_due, storm_until, wait_us, windows_of
from tallystick.operations.keep_pages import PageDropped, PageLost, keep_page
from tallystick.operations.load_window import load_window
from tallystick.operations.loaded import LoadSummary
from tallystick.operations.manage_sources import find_source, remember_streams
from tallystick.operations.read_names import names_due, refresh_names
from tallystick.ports import Connector, SourceFailed, Stream

_LOG = logging.getLogger("tallystick.sources")
# Pages of one slice are read together: what changed at the source meanwhile would be missed, or counted twice.
_STALE_US = 6 * HOUR_US
_MOST_RESUMED = 3
_STORM = 2
_LATER_SECONDS = 60.0
_LONGEST_DAYS = 36_600


class _Ending(Exception):
    """The process is about to end; what is kept is gone on from at the next start."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Why a source is synced.

    Attributes:
        by_hand: A person asks: no wait is heeded, and what had stopped is tried again.
        since_us: Read again every slice from there on; None reads what is due.
        streams: These alone; all where it is empty.
    """

    by_hand: bool = False
    since_us: int | None = None
    streams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What became of one slice.

    Attributes:
        pages: Fetched in this run.
        loaded: None where the source had nothing, or the slice failed.
        error: Why it is not loaded; empty when it is.
    """

    stream: str
    start_us: int
    end_us: int
    pages: int = 0
    loaded: LoadSummary | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What became of one source.

    Attributes:
        due: Slices that were to be read; with those that were left, after failures, for later.
        error: Why the source could not be asked at all; empty otherwise.
    """

    source: str
    due: int = 0
    windows: tuple[WindowResult, ...] = ()
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether a person may want to know."""
        return bool(self.error) or any(one.error for one in self.windows)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a run is: slices done of those due, pages fetched."""

    source: str
    stream: str
    start_us: int
    done: int
    due: int
    pages: int


OnProgress = Callable[[SyncProgress], None]


def sync(
    context: Context,
    sources: Sources,
    name: str,
    wanted: Wanted = Wanted(),
    on_progress: OnProgress = lambda progress: None,
) -> SyncSummary:
    """Read what is due of a source; two runs of one source never overlap.

    What fails is remembered with the slice, and why: the rest is read all the same, until two
    slices in a row have failed. A stream of which only a person can mend the failure is stopped.

    Raises:
        NotFound: No such source.
        UsageError: It has no stream of that name.
    """
    with sources.lock(name):
        source = find_source(context, name)
        secrets = Secrets(source.secrets, sources.environment)
        try:
            connector = connect(sources, source, secrets)
            known = list(connector.streams)
            remember_streams(context, name, [one.name for one in known])
            _check_streams(wanted, known)
            streams = [one for one in known if not wanted.streams or one.name in wanted.streams]
        except SourceFailed as error:
            reason = secrets.without(error.reason)
            _stop(context, source.name, {"": reason}, set())
            return SyncSummary(name, error=reason)
        done = _Run(context, sources, source, connector, secrets).run(streams, wanted, on_progress)
        if not done.failed and wanted.since_us is None and not wanted.streams and not sources.stopping():
            now = sources.clock()
            if wanted.by_hand or names_due(context, name, now):
                refresh_names(context, source, connector, secrets, now)
        return done


def _check_streams(wanted: Wanted, known: list[Stream]) -> None:
    names = [one.name for one in known]
    strange = next((one for one in wanted.streams if one not in names), None)
    if strange is not None:
        raise UsageError(f'the source reads no stream "{strange[:60]}"', next_steps=[f"it reads {', '.join(names)}"])


def due_windows(
    context: Context, source: Source, streams: list[Stream], wanted: Wanted, now_us: int
) -> list[tuple[Stream, Period]]:
    """The slices that are to be read now, the newest of each stream first."""
    known = {(one.stream, one.start_us): one for one in list_windows(context.config_db, source.name)}
    if not wanted.by_hand and storm_until(list(known.values()), now_us) is not None:
        return []
    every = None if wanted.by_hand else source.every_minutes * MINUTE_US
    found: list[tuple[Stream, Period]] = []
    for stream in streams:
        if stream.name in source.stopped and not wanted.by_hand:
            continue
        since = backfill_from(stream, source.backfill_days, now_us)
        if wanted.since_us is not None:
            first = max(wanted.since_us, backfill_from(stream, _LONGEST_DAYS, now_us))
            found += [(stream, one) for one in windows_of(stream, first, now_us)]
            continue
        # All since the first that was ever read stays wanted, also what came while nothing ran.
        oldest = min([since, *(start for name, start in known if name == stream.name)])
        for period in windows_of(stream, oldest, now_us):
            row = known.get((stream.name, period.start_us))
            if is_due(stream, period, row, now_us, every):
                found.append((stream, period))
    return found


@dataclass(slots=True)
class _Run:
    context: Context
    sources: Sources
    source: Source
    connector: Connector
    secrets: Secrets
    results: list[WindowResult] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)

    def run(self, streams: list[Stream], wanted: Wanted, on_progress: OnProgress) -> SyncSummary:
        """Every slice that is due, until the source shows that it does not want to be asked."""
        due = due_windows(self.context, self.source, streams, wanted, self.sources.clock())
        failures = 0
        for done, (stream, period) in enumerate(due):
            if failures >= _STORM or self.sources.stopping():
                break
            if stream.name in self.stopped:
                continue
            on_progress(self._progress(stream, period, done, len(due)))
            try:
                result = self._window(stream, period, fresh=wanted.since_us is not None)
            except _Ending:
                break
            self.results.append(result)
            failures = failures + 1 if result.error and stream.name not in self.stopped else 0
        asked = {one.stream for one in self.results}
        _stop(self.context, self.source.name, self.stopped, {"", *asked})
        if due:
            on_progress(self._progress(due[-1][0], due[-1][1], len(due), len(due)))
        return SyncSummary(self.source.name, len(due), tuple(self.results))

    def _progress(self, stream: Stream, period: Period, done: int, due: int) -> SyncProgress:
        pages = sum(one.pages for one in self.results)
        return SyncProgress(self.source.name, stream.name, period.start_us, done, due, pages)

    def _window(self, stream: Stream, period: Period, *, fresh: bool) -> WindowResult:
        window = self._begin(stream, period, fresh=fresh)
        result = WindowResult(stream.name, period.start_us, period.end_us)
        try:
            pages, loaded = self._fetch_and_load(stream, window)
            return replace(result, pages=pages, loaded=loaded)
        except _Ending:
            raise
        except SourceFailed as error:
            return replace(result, error=self._failed(stream, period, error))
        except TallyError as error:
            again = "; it is fetched again" if not error.next_steps else ""
            failed = SourceFailed(f"{error}{again}", retry_seconds=_LATER_SECONDS)
            return replace(result, error=self._failed(stream, period, failed, afresh=True))
        except Exception as error:  # noqa: BLE001 - another package's code may fail in any way; the rest goes on
            _LOG.warning("a connector of kind %s broke: %s", self.source.kind, type(error).__name__)
            failed = SourceFailed(
                f"the connector broke ({type(error).__name__}: {error})", retry_seconds=_LATER_SECONDS
            )
            return replace(result, error=self._failed(stream, period, failed, afresh=True))

    def _begin(self, stream: Stream, period: Period, *, fresh: bool) -> Window:
        """Where to go on: after the last page of a fetch that broke off lately, else at the start."""
        known = self._known(stream, period)
        kept = list_pages(self.context.config_db, known)
        newest = max((one.fetched_at for one in kept), default=0)
        under_way = len(kept) == known.pages > 0 and newest > (known.fetched_at or 0)
        if fresh or not under_way or self.sources.clock() - newest > _STALE_US or known.attempts >= _MOST_RESUMED:
            known = replace(known, cursor="", pages=0)
        write_window(self.context.config_db, known)
        return known

    def _known(self, stream: Stream, period: Period) -> Window:
        rows = list_windows(self.context.config_db, self.source.name, stream.name)
        new = Window(self.source.name, stream.name, period.start_us, period.end_us)
        return next((one for one in rows if one.start_us == period.start_us), new)

    def _fetch_and_load(self, stream: Stream, window: Window) -> tuple[int, LoadSummary | None]:
        before = window.pages
        window = self._fetch(stream, window)
        fetched = window.pages - before
        try:
            loaded = load_window(self.context, self.sources, self.source, self.connector, window)
        except PageLost as lost:
            _LOG.warning("%s: %s; it is fetched again", self.source.name, lost.reason)
            window = self._fetch(stream, replace(window, cursor="", pages=0))
            fetched += window.pages
            try:
                loaded = load_window(self.context, self.sources, self.source, self.connector, window)
            except PageLost as again:
                raise SourceFailed(again.reason, retry_seconds=_LATER_SECONDS) from None
        done = replace(window, cursor="", fetched_at=self.sources.clock(), attempts=0, next_at=None, last_error="")
        write_window(self.context.config_db, done)
        return fetched, loaded

    def _fetch(self, stream: Stream, window: Window) -> Window:
        """The window with all its pages kept.

        Raises:
            SourceFailed: The source gave no further page.
        """
        if window.pages and not window.cursor:
            return window  # all pages are here; only the loading was left
        try:
            return self._ask(stream, window)
        except SourceFailed as error:
            now = self._known(stream, Period(window.start_us, window.end_us))
            if not window.cursor or error.retry_seconds is not None or now.pages > window.pages:
                raise
        # What asked for the next page is no longer understood: begin the slice anew.
        return self._ask(stream, replace(window, cursor="", pages=0))

    def _ask(self, stream: Stream, window: Window) -> Window:
        period = Period(window.start_us, window.end_us)
        for page in self.connector.fetch(stream, period, window.cursor, window.pages):
            if page.number != window.pages or page.cursor != window.cursor:
                raise SourceFailed("the connector gives pages out of order", retry_seconds=_LATER_SECONDS)
            kept = keep_page(self.context, self.source.name, page, self.sources.clock())
            window = replace(window, cursor=kept.next_cursor, pages=window.pages + 1)
            write_window(self.context.config_db, window)
            if window.cursor and self.sources.stopping():
                raise _Ending
        if window.cursor:
            raise SourceFailed("the source ended before its last page", retry_seconds=_LATER_SECONDS)
        return window

    def _failed(self, stream: Stream, period: Period, error: SourceFailed, *, afresh: bool = False) -> str:
        """Remember a failure with its slice; the reason, without secrets."""
        reason = self.secrets.without(error.reason)
        known = self._known(stream, period)
        attempts, now = known.attempts + 1, self.sources.clock()
        next_at: int | None = None
        if error.retry_seconds is None:
            self.stopped[stream.name] = reason
        else:
            next_at = now + wait_us(attempts, error.retry_seconds)
        known = replace(known, attempts=attempts, next_at=next_at, last_error=reason)
        write_window(self.context.config_db, replace(known, cursor="", pages=0) if afresh else known)
        return reason


def _stop(context: Context, name: str, stopped: dict[str, str], mended: set[str]) -> None:
    """Remember which streams only a person can mend; those that were asked and went well are mended."""
    source = find_source(context, name)
    now = {stream: why for stream, why in source.stopped.items() if stream not in mended} | stopped
    if now != source.stopped:
        write_source(context.config_db, replace(source, stopped=now))


def reparse(context: Context, sources: Sources, name: str) -> Iterator[WindowResult]:
    """Load every whole slice again from its kept pages, without the network: for a parser that learned something.

    Raises:
        NotFound: No such source.
        SourceFailed: Its connector cannot be made.
    """
    with sources.lock(name):
        source = find_source(context, name)
        connector = connect(sources, source, Secrets(source.secrets, sources.environment))
        known = {stream.name for stream in connector.streams}
        for window in list_windows(context.config_db, name):
            if window.stream not in known or window.fetched_at is None or window.cursor or not window.pages:
                continue
            result = WindowResult(window.stream, window.start_us, window.end_us)
            try:
                yield replace(result, loaded=load_window(context, sources, source, connector, window))
            except PageDropped as dropped:
                # What was loaded stands, and is not to be fetched again of itself.
                yield replace(result, error=f"{dropped.reason}; {dropped.next_step}")
            except PageLost as lost:
                # Not whole any more: the next sync fetches it again.
                write_window(context.config_db, replace(window, pages=0, last_error=lost.reason))
                yield replace(result, error=lost.reason)
            except TallyError as error:
                yield replace(result, error=str(error))
