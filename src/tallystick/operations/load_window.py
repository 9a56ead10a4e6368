"""Load one slice of a source from its kept pages."""

from collections.abc import Iterator, Sequence

from tallystick.bills.batch import LineBatch, taken
from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.kept import KeptPage, Source, Window
from tallystick.connectors.store import list_pages
from tallystick.kernel.period import Period
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.due_windows import slice_name
from tallystick.operations.keep_pages import PageLost, read_page
from tallystick.operations.load_lines import Line, Reading, load_lines
from tallystick.operations.loaded import LoadSummary
from tallystick.ports import ByColumns, Connector, Page, Stream


def load_window(
    context: Context, sources: Sources, source: Source, connector: Connector, window: Window
) -> LoadSummary | None:
    """Load what the pages of a whole fetch say; None where the source has nothing of that time.

    Raises:
        PageLost: A page must be fetched again; nothing is loaded.
        DataError: A page cannot be read; nothing is loaded.
    """
    kept = list_pages(context.config_db, window)
    if len(kept) != window.pages:
        raise PageLost(f"{len(kept)} of {window.pages} pages are known")
    if not kept:
        return None
    stream = next(one for one in connector.streams if one.name == window.stream)
    days = [(stream.name, slice_name(stream, _period(window)))] if stream.slice == "day" else []
    return load_lines(
        context,
        sources.book(),
        Reading(source.name, source.account, days, instead_of=stream.instead_of),
        _lines(context, source, connector, stream, kept),
        writing=sources.writing,
    )


def _lines(
    context: Context, source: Source, connector: Connector, stream: Stream, kept: list[KeptPage]
) -> Iterator[Line]:
    name = slice_name(stream, Period(kept[0].start_us, kept[0].end_us))
    for one in kept:
        window = Period(one.start_us, one.end_us)
        body = read_page(context, one)
        page = Page(one.stream, window, one.number, one.cursor, one.next_cursor, body, source.account)
        columns = connector.parse_columns(page) if isinstance(connector, ByColumns) else None
        for line in connector.parse(page) if columns is None else columns:
            if isinstance(line, LineBatch):
                yield from ((one.page_id, part) for part in _batch_of_slice(line, name))
            else:
                yield one.page_id, _of_slice(line, name)


def _of_slice(line: BillLine | Rejected, name: str) -> BillLine | Rejected:
    """The line, unless it would replace another slice than the one that was fetched."""
    if isinstance(line, Rejected) or _is_of(line.slice_key, name):
        return line
    return Rejected(line.line_no, _strange(line.slice_key, name), repr(line))


def _batch_of_slice(batch: LineBatch, name: str) -> Iterator[LineBatch | Rejected]:
    """The lines that are of the slice, then a rejection for each of the others."""
    keys: Sequence[str] = batch.data["slice_key"]
    known = {key: _is_of(key, name) for key in set(keys)}
    if all(known.values()):
        yield batch
        return
    yield LineBatch(taken(batch.data, [row for row, key in enumerate(keys) if known[key]]))
    for row, key in enumerate(keys):
        if not known[key]:
            raw = repr({column: values[row] for column, values in batch.data.items()})
            yield Rejected(batch.data["line_no"][row], _strange(key, name), raw)


def _is_of(slice_key: str, name: str) -> bool:
    return slice_key == name or slice_key.endswith(f"/{name}")


def _strange(slice_key: str, name: str) -> str:
    return f"it belongs to {slice_key}, and {name} was asked for"


def _period(window: Window) -> Period:
    return Period(window.start_us, window.end_us)
