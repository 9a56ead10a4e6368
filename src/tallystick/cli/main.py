"""The command `tally`."""

import os
import sys
import traceback

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


def main() -> None:
    """Run the command; errors become words and exit codes, never a traceback unless asked."""
    # What is kept is the owner's alone, also in a directory that others may read.
    os.umask(0o077)
    os.umask(0o077)  # what is written belongs to the data directory's owner alone
    try:
        app()
    except TallyError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        sys.stderr.write(explain(error) + "\n")
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # `tally costs | head` closed the pipe: nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(
            f"Error E000: an unexpected {type(error).__name__}: {error}\n"
            "  next:  run the command again with --debug before its name and report what it prints\n"
        )
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
