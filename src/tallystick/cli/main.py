"""The command `tally`."""

import os
import sys
import traceback
from typing import NoReturn

import typer

from tallystick import __version__
from tallystick.cli import commands
from tallystick.cli.explain import explain
from tallystick.kernel.errors import TallyError, UsageError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="tally",
    help="One ledger for every AI dollar.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
commands.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tally {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_print_version, is_eager=True),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """One ledger for every AI dollar."""


def main() -> NoReturn:
    """Run the command; errors become words and exit codes, never a traceback unless asked."""
    # What is kept is the owner's alone, also in a directory that others may read.
    os.umask(0o077)
    # A caller may have closed them.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the life of the process
    sys.stderr = sys.stderr or sys.stdout
    code = run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    except OSError:
        code = FAILED
    # All is closed and written by now. Native threads of the column engine do not reliably survive
    # the interpreter's own end: it would report leaks, or abort after a command that did its work.
    os._exit(code)


def run() -> int:
    """The command's exit code; what went wrong is on stderr."""
    try:
        app()
    except SystemExit as leave:
        # `tally costs | head` closed the pipe: nothing is wrong, and nothing more can be said.
        if isinstance(leave.__context__, BrokenPipeError):
            return 0
        return leave.code if isinstance(leave.code, int) else 0 if leave.code is None else FAILED
    except TallyError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        sys.stderr.write(explain(error) + "\n")
        return USAGE if isinstance(error, UsageError) else FAILED
    except BrokenPipeError:
        return 0
    except BaseException as error:  # noqa: BLE001 - the last place that can put it in words
        return _unexpected(error)
    return 0


def _unexpected(error: BaseException) -> int:
    if _was_interrupted(error):
        return INTERRUPTED
    if "--debug" in sys.argv:
        traceback.print_exc()
    sys.stderr.write(
        f"Error E000: an unexpected {type(error).__name__}: {error}\n"
        "  next:  run the command again with --debug before its name and report what it prints\n"
    )
    return FAILED


def _was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C began it: cleaning up after one may fail in its own way."""
    while not isinstance(error, KeyboardInterrupt):
        if error.__context__ is None:
            return False
        error = error.__context__
    return True


if __name__ == "__main__":
    main()
