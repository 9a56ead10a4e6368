"""How each source that is set up stands: fresh or late, whole or with holes, well or in trouble."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.bills.model import Brought, Load
from tallystick.bills.store import list_brought, list_loads
from tallystick.connectors.kept import Source, Window
from tallystick.connectors.store import list_sources, list_windows
from tallystick.kernel.period import DAY_US, MINUTE_US, SECOND_US, rfc3339
from tallystick.operations.context import Context, now_us
from tallystick.operations.manage_sources import find_source, streams_of
from tallystick.operations.read_names import NamesRead, names_read

COVERED_DAYS = 92


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream of a source.

    Attributes:
        covered_days: Of the last `COVERED_DAYS`, today in: those whose slice was fetched, and was there.
        fetched_at: When a slice of it was fetched last.
        failing: Slices whose last try failed; `last_error` is that of the newest.
        stopped: Why nothing is fetched of it until a person has done something.
    """

    stream: str
    covered_days: int
    fetched_at: int | None = None
    failing: int = 0
    last_error: str = ""
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source.

    Attributes:
        state: `new` (never fetched), `ok`, `stale` (nobody asked for a day longer than it should be asked),
            `failing` (tried again by itself), `stopped` (a person is needed).
        error: In the last three: what happened and what to do.
        covered_days: Of its stream that has the fewest.
        rows, rejected: Of the loads that count.
        loaded_at: When the newest of them was loaded.
        last_at, lag_us: Begin of its latest charge period, and how long ago that was.
        next_at: When it is asked again at the latest; None when it is not, or at once.
        streams: Those it reads as it is set up now.
        names: How the names of its ids were read last; None where they never were.
    """

    source: Source
    state: str
    error: str
    covered_days: int
    rows: int
    rejected: int
    loaded_at: int | None
    last_at: int | None
    lag_us: int | None
    next_at: int | None
    streams: tuple[StreamReport, ...]
    names: NamesRead | None = None


def report_sources(context: Context) -> list[SourceReport]:
    """All that are set up, by name."""
    windows, loads = list_windows(context.config_db), list_loads(context.config_db)
    return [_report(context, one, (windows, loads), now_us()) for one in list_sources(context.config_db)]


def list_loaded(context: Context) -> list[Brought]:
    """What has brought bills and is not set up as a source: files that were imported, sources that were removed."""
    known = {one.name for one in list_sources(context.config_db)}
    return [one for one in list_brought(context.config_db) if one.source not in known]


def report_source(context: Context, name: str) -> SourceReport:
    """One of them.

    Raises:
        NotFound: No such source.
    """
    source = find_source(context, name)
    seen = list_windows(context.config_db, name), list_loads(context.config_db, name)
    return _report(context, source, seen, now_us())


Seen = tuple[Sequence[Window], Sequence[Load]]


def _report(context: Context, source: Source, seen: Seen, now: int) -> SourceReport:
    # A stream that was switched off is no hole and no trouble; what it brought still counts.
    read = streams_of(context, source.name)
    mine = [one for one in seen[0] if one.source == source.name and (not read or one.stream in read)]
    brought = [one for one in seen[1] if one.source == source.name]
    names = sorted({one.stream for one in mine} | set(source.stopped) - {""})
    streams = tuple(_stream(source, name, [one for one in mine if one.stream == name], now) for name in names)
    state, error = _state(source, streams, now)
    last_at = max((one.last_at for one in brought if one.last_at is not None), default=None)
    return SourceReport(
        source=source,
        state=state,
        error=error,
        covered_days=min((one.covered_days for one in streams), default=0),
        rows=sum(one.rows for one in brought),
        rejected=sum(one.rejected for one in brought),
        loaded_at=max((one.loaded_at for one in brought), default=None),
        last_at=last_at,
        lag_us=None if last_at is None else max(now - last_at, 0),
        next_at=None if state == "stopped" else _next(source, mine, now),
        streams=streams,
        names=names_read(context, source.name),
    )


def _stream(source: Source, name: str, windows: Sequence[Window], now: int) -> StreamReport:
    failing = [one for one in windows if one.last_error]
    first = now // DAY_US * DAY_US - (COVERED_DAYS - 1) * DAY_US
    there = [one for one in windows if one.fetched_at is not None and one.pages]
    covered = sum(max(min(one.end_us, now) - max(one.start_us, first) + DAY_US - 1, 0) // DAY_US for one in there)
    return StreamReport(
        stream=name,
        covered_days=covered,
        fetched_at=max((one.fetched_at for one in windows if one.fetched_at is not None), default=None),
        failing=len(failing),
        last_error=failing[-1].last_error if failing else "",
        stopped=source.stopped.get(name, ""),
    )


def _state(source: Source, streams: Sequence[StreamReport], now: int) -> tuple[str, str]:
    if source.stopped:
        return "stopped", next(iter(source.stopped.values()))
    failing = [one for one in streams if one.failing]
    if failing:
        return "failing", failing[0].last_error
    fetched = max((one.fetched_at for one in streams if one.fetched_at is not None), default=None)
    if fetched is None:
        return "new", ""
    if now - fetched > source.every_minutes * MINUTE_US + DAY_US:
        last = rfc3339(fetched // SECOND_US * SECOND_US)
        return "stale", f"nobody has asked since {last}: tally up asks by itself, tally sync {source.name} asks now"
    return "ok", ""


def _next(source: Source, windows: Sequence[Window], now: int) -> int | None:
    growing = [
        one.fetched_at + source.every_minutes * MINUTE_US
        for one in windows
        if one.fetched_at is not None and one.start_us <= now < one.end_us
    ]
    waiting = [one.next_at for one in windows if one.next_at is not None]
    at = min([*growing, *waiting], default=None)
    return None if at is None or at <= now else at
