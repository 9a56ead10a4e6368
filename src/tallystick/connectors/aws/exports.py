"""A month of a report, page by page: one page for each part of each file."""

from collections.abc import Callable, Iterator, Sequence

from tallystick.connectors.aws.delivery import Delivery, find_delivery, month_of, reports_below
from tallystick.connectors.aws.parts import ROWS, cut
from tallystick.connectors.aws.places import Place
from tallystick.connectors.aws.sheet import Unreadable, column_names
from tallystick.kernel.period import Period
from tallystick.ports import Page, SourceFailed

# Columns of a file → what must be mended before it can be read; empty where nothing.
Check = Callable[[Sequence[str]], str]


def fetch_month(
    place: Place, asked: tuple[str, Period, str], cursor: str, number: int, check: Check, *, rows: int = ROWS
) -> Iterator[Page]:
    """The pages of a month from a cursor on.

    A cursor is `<version>|<file>|<part>`. It holds for the delivery that it began with: where AWS has written the
    month anew meanwhile, reading on would mix two bills.

    Args:
        asked: Stream, window, account.

    Raises:
        SourceFailed: Nothing is there to be read, it changed, or it is no such report.
    """
    stream, window, account = asked
    delivery = find_delivery(place, window)
    version, first_file, first_part = _from_cursor(cursor)
    if cursor and version != delivery.version:
        words = f"{place.name} was written anew while {month_of(window)} was read: read that month from its start"
        raise SourceFailed(words)
    if not delivery.files:
        _none_below(place)
    held: tuple[str, bytes] | None = None
    for mark, body in _parts(place, delivery, (first_file, first_part), check, rows):
        if held is not None:
            yield Page(stream, window, number, cursor, mark, held[1], account)
            cursor, number = mark, number + 1
        held = (mark, body)
    if held is not None:
        yield Page(stream, window, number, cursor, "", held[1], account)


def _none_below(place: Place) -> None:
    """A month without files is one that was not delivered, unless the place is that of several reports."""
    reports = reports_below(place)
    if reports:
        raise SourceFailed(
            f"{place.name} holds the reports {', '.join(reports)}: name one, as {place.name.rstrip('/')}/{reports[0]}"
        )


def _parts(
    place: Place, delivery: Delivery, first: tuple[int, int], check: Check, rows: int
) -> Iterator[tuple[str, bytes]]:
    """Each part with the cursor that asks for it."""
    for index, found in enumerate(delivery.files):
        if index < first[0]:
            continue
        try:
            with place.open(found) as file:
                for part, body in enumerate(cut(file, found.size, f"{found.key} in {place.name}", rows)):
                    if not part:
                        _usable(body, check)
                    if (index, part) >= first:
                        yield f"{delivery.version}|{index}|{part}", body
        except Unreadable as problem:
            raise SourceFailed(f"{found.key} in {place.name}: {problem}") from None


def _usable(body: bytes, check: Check) -> None:
    problem = check(column_names(body))
    if problem:
        raise Unreadable(problem)


def _from_cursor(cursor: str) -> tuple[str, int, int]:
    version, _, rest = cursor.partition("|")
    file, _, part = rest.partition("|")
    if cursor and not (file.isdigit() and part.isdigit()):
        raise SourceFailed(f"the cursor {cursor[:60]!r} is none of ours: read the month from its start")
    return version, int(file or 0), int(part or 0)
