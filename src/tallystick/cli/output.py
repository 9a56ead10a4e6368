"""Printing: data on stdout, progress and notes on stderr.

A table on a terminal, plain aligned text in a pipe, ``--json`` and ``--csv`` for
programs. ``NO_COLOR`` is honoured by rich.
"""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tallystick.charts.spreadsheet import harmless
from tallystick.config import environment

_NARROWEST_NAME = 12


class Form(StrEnum):
    """How a command prints its data."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def chosen_form(*, as_json: bool, as_csv: bool) -> Form:
    """The form that the two switches mean; JSON wins."""
    if as_json:
        return Form.JSON
    return Form.CSV if as_csv else Form.TEXT


def print_json(value: object) -> None:
    """One JSON document on stdout, indented, money as the strings they came as."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, form: Form, numeric: frozenset[str] = frozenset()
) -> None:
    """Rows of text under column titles; numeric columns are set flush right."""
    if form is Form.CSV:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[harmless(cell) for cell in row] for row in rows])
        sys.stdout.write(buffer.getvalue())
    elif sys.stdout.isatty():
        _print_table(columns, rows, numeric)
    else:
        _print_plain(columns, rows, numeric)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: frozenset[str]) -> None:
    """Names may take several lines, numbers never: on a narrow terminal the table is wider than it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    needed = 2 * (len(columns) - 1)
    for index, column in enumerate(columns):
        width = max(len(line[index]) for line in (columns, *rows))
        needed += width if column in numeric else min(width, _NARROWEST_NAME)
        if column in numeric:
            table.add_column(column, justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", min_width=min(width, _NARROWEST_NAME))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(color_system=None if environment("NO_COLOR") else "auto")
    if needed > console.width:
        console = Console(color_system=None if environment("NO_COLOR") else "auto", width=needed)
    console.print(table)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: frozenset[str]) -> None:
    lines = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def note(text: str, *, quiet: bool = False) -> None:
    """A remark for people, on stderr."""
    if not quiet:
        sys.stderr.write(text + "\n")


def print_fields(fields: Mapping[str, str], *, form: Form) -> None:
    """Names and values, one a line."""
    if form is Form.JSON:
        print_json(dict(fields))
        return
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        sys.stdout.write(f"{name.ljust(width)}  {value}\n")
