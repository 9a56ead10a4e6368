"""Tell what a file holds from what is in it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from tallystick.connectors.files.answers import answer_of
from tallystick.connectors.files.anthropic_usage import anthropic_usage_shape, is_anthropic_usage
from tallystick.connectors.files.litellm import is_litellm, litellm_shape
from tallystick.connectors.files.mapping import Plan, complete
from tallystick.connectors.files.model import Parsed, Raw, Record, Rejected, Shape
from tallystick.connectors.files.openai_usage import is_openai_usage, openai_usage_shape
from tallystick.connectors.files.plain import constant_columns, flat, plain_shape
from tallystick.connectors.files.reading import OpenFile, check_packed, open_file
from tallystick.kernel.errors import DataError

# Read first; the first that knows the record reads the file.
KNOWN = (
    (is_litellm, litellm_shape),
    (is_openai_usage, openai_usage_shape),
    (is_anthropic_usage, anthropic_usage_shape),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """An open file and how its records are read."""

    file: OpenFile
    shape: Shape
    records: Iterator[Raw]


@contextmanager
def recognise(path: Path, plan: Plan, latest_us: int) -> Iterator[Recognised]:
    """Open a file, for as long as the block lasts, and choose its shape by content; its name does not count.

    Args:
        path: The file.
        plan: What ``--map`` and ``--set`` say; a mapping makes it plain columns.
        latest_us: Later instants are bad rows.

    Raises:
        DataError: Not a file of usage; says what was found and how to map it.
    """
    with ExitStack() as closing:
        file = open_file(path, closing)
        first = next(file.records, None)
        if first is None:
            raise DataError("no rows", where=str(path), next_steps=["export it again with rows in it"])
        check_packed(path)
        _refuse_answer(first, plan, path)
        known = _known(first, plan, latest_us)
        shape = _with_constants(known, plan) if known else _plain(file, first, plan, latest_us, path)
        yield Recognised(file, shape, chain([first], file.records))


def _refuse_answer(first: Raw, plan: Plan, path: Path) -> None:
    found = None if plan.columns else answer_of(first.record)
    if found is not None:
        raise DataError(
            f"this is {found.what}; a source reads it, whole and again and again",
            where=str(path),
            next_steps=[found.command, "tally sync NAME"],
        )


def _known(first: Raw, plan: Plan, latest_us: int) -> Shape | None:
    if plan.columns:
        return None
    record = first.record
    rows = record.get("data")
    inner = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else record
    for matches, shape in KNOWN:
        if matches(record) or matches(inner):
            return shape(latest_us)
    return None


def _plain(file: OpenFile, first: Raw, plan: Plan, latest_us: int, path: Path) -> Shape:
    columns = file.columns or tuple(flat(first.record))
    if first.problem and not file.columns:
        raise DataError(f"not a file of usage: {first.problem}", where=f"{path}:{first.line}")
    return plain_shape(complete(plan, columns, str(path)), latest_us, nested=not file.columns)


def _with_constants(shape: Shape, plan: Plan) -> Shape:
    """The shape with what ``--set`` gives filled in where a row has nothing."""
    columns = constant_columns(plan)
    if not columns:
        return shape
    parse = shape.parse

    def filled(record: Record) -> Parsed | Rejected:
        row = parse(record)
        if isinstance(row, Parsed):
            row.values.update({name: value for name, value in columns.items() if not row.values.get(name)})
        return row

    notes = tuple(f"{name} = {value!r} where it is missing" for name, value in columns.items())
    return replace(shape, parse=filled, notes=notes)
