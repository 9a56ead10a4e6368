"""`tally demo`: the Northwind company, built on this machine and served."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick import wiring
from tallystick.cli.open_client import config_file, read_config
from tallystick.cli.options import AsJson, ConfigFile, Data, Quiet
from tallystick.cli.output import note, print_json
from tallystick.cli.progress import progress
from tallystick.cli.server_lock import running_server
from tallystick.cli.up import serve
from tallystick.config import Config, data_dir
from tallystick.kernel.errors import Conflict
from tallystick.operations.context import now_us
from tallystick.operations.instance import DEMO_COMPANY

if TYPE_CHECKING:
    from tallystick.operations.build_demo import DemoBuilt, DemoRequest

# What builds the company, and the column libraries it is built with, take half of the time in which
# any command starts: they are loaded by this one alone.

_OBJECTS = 100_000
_CHECK = "\N{CHECK MARK}"


def demo(
    data: Data = None,
    config: ConfigFile = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Public port; [server] port by default.")] = 0,
    events: Annotated[int, typer.Option(help="Rows to make, from 10,000 to 100,000,000.")] = 212_000,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal companies.")] = 42,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only build.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build a made-up company with fourteen months of usage and show it."""
    from tallystick.operations.build_demo import DemoRequest

    folder = data_dir(data) if data is not None else data_dir(None) / "demo"
    settings = wiring.with_server(read_config(config), port=port)
    running = running_server(folder)
    if running is not None:
        raise Conflict(
            f"the demo is already running at {running.url}",
            where=str(folder),
            next_steps=("open it in a browser with `tally open`", "stop it with Ctrl-C where it was started"),
        )
    started = time.monotonic()
    request = DemoRequest(events=events, seed=seed, now_us=now_us())
    built = _build(settings, folder, request, quiet=quiet)
    _say(built, time.monotonic() - started, folder, as_json=as_json, quiet=quiet)
    if not no_serve:
        serve(settings, folder, config_file(config))


def _build(settings: Config, folder: Path, request: "DemoRequest", *, quiet: bool) -> "DemoBuilt":
    from tallystick.operations.build_demo import DemoBuilt, build_demo, is_built

    if is_built(folder, request):
        return DemoBuilt(request.events, rebuilt=False)
    opened, shown = wiring.open_ledger(settings, folder), progress(DEMO_COMPANY, "rows", quiet=quiet)
    with _seldom_collected(), opened as context, shown as report:
        return build_demo(context, request, report)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for garbage less often: what is built here lives until it is written, and looking takes a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _say(built: "DemoBuilt", seconds: float, folder: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json({"events": built.events, "rebuilt": built.rebuilt, "months": built.months, "data": str(folder)})
        sys.stdout.flush()
        return
    what = "built" if built.rebuilt else "was there already"
    rows = f"{built.events:,} rows"
    note(
        f"  {DEMO_COMPANY} demo company   {_CHECK} {built.months} months, {rows}, {what}   {seconds:.1f} s", quiet=quiet
    )
