"""Progress of long work on stderr: a bar on a terminal, a line for each tenth elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_QUIET_SECONDS = 0.5  # work that is done by then needs no bar

Report = Callable[[int, int], None]


@contextmanager
def progress(what: str, unit: str, *, quiet: bool = False) -> Iterator[Report]:
    """A function to call with units done and units in all (0 when unknown)."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        yield from _bar(what, unit)
    else:
        yield _lines(what, unit)


def _bar(what: str, unit: str) -> Iterator[Report]:
    started = time.monotonic()
    columns = (
        TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as shown:
        task = shown.add_task(what, total=None, done="", visible=False)

        def report(done: int, total: int) -> None:
            seconds = time.monotonic() - started
            text = f"{done:,} {unit}, {done / max(seconds, 0.001):,.0f}/s"
            shown.update(task, completed=done, total=total or None, done=text, visible=seconds > _QUIET_SECONDS)

        yield report


def _lines(what: str, unit: str) -> Report:
    started = time.monotonic()
    said = 0

    def report(done: int, total: int) -> None:
        nonlocal said
        seconds = time.monotonic() - started
        tenth = 10 * done // total if total else 0
        if tenth <= said or tenth > 9 or seconds < _QUIET_SECONDS:
            return
        said = tenth
        rate = done / seconds
        left = (total - done) / rate
        sys.stderr.write(f"{what}: {tenth * 10} %, {done:,} {unit}, {rate:,.0f}/s, {left:.0f} s left\n")

    return report
