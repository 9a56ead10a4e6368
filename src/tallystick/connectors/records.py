"""Read single values and rows out of providers' JSON answers, or say why one cannot be used. Pure.

Numbers are read as they are written: whole ones as integers, others as decimals, never as
floats. What nobody knows is kept by `leftover`, so that a new field is seen and not lost.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tallystick.bills.model import Rejected
from tallystick.kernel.period import SECOND_US, Period, moment
from tallystick.ports import Page

Record = Mapping[str, Any]
MOST_COUNTED = 10**12
_MOST_DIGITS = 15
_MOST_PLACES = 40
_LONGEST_TEXT = 1000
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,60})?([eE][+-]?\d{1,3})?", re.ASCII)
_BROKEN = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


class Unusable(ValueError):
    """A value that cannot be used; the message is the reason that is kept with the line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a kind of answer holds its rows.

    Attributes:
        page: Fields of the answer itself that are known.
        bucket: Fields of a bucket that are known; where rows lie in no buckets, unused.
        start, end: The fields that bound a bucket (or row) in time; without `end` it lasts a day.
        instant: Microseconds of such a field, or `Unusable`.
        results: The field of a bucket that holds its rows; empty where rows lie in no buckets.
    """

    page: AbstractSet[str]
    bucket: AbstractSet[str]
    start: str
    end: str
    instant: Callable[[object], int]
    results: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer, where it stands.

    Attributes:
        line_no: Its place in the page, from 1.
        around: Fields of its bucket and page that nobody knows, as text.
    """

    record: Record = field(repr=False)
    line_no: int
    start_us: int
    end_us: int
    stream: str
    account: str
    around: Mapping[str, str]

    @property
    def slice_key(self) -> str:
        return moment(self.start_us).date().isoformat()


def json_of(body: bytes) -> Record:
    """An answer's JSON object.

    Raises:
        Unusable: It is none: cut off, too deep, a number that is none, not an object.
    """
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        raise Unusable("the answer is no JSON; it may have been cut off") from None
    if not isinstance(found, dict):
        raise Unusable("the answer is JSON, but no object")
    return found


def _refuse(name: str) -> object:
    raise ValueError(name)


def rows(page: Page, layout: Layout) -> Iterator[Row | Rejected]:
    """Every row of a page, with its times checked against what the page was asked for."""
    try:
        body = json_of(page.body)
        around = {f"page.{name}": value for name, value in leftover(body, layout.page | {"data"}).items()}
        found = list_of(body, "data")
    except Unusable as problem:
        yield Rejected(0, str(problem), raw_of(page.body[:_LONGEST_TEXT].decode("utf-8", "replace")))
        return
    line_no = 0
    for entry in found:
        for record in _records(entry, layout):
            line_no += 1
            yield _row(page, layout, entry, Row(record, line_no, 0, 0, page.stream, page.account, around))


def _records(entry: object, layout: Layout) -> list[Any]:
    """The rows in one entry of an answer's data; what is no bucket or no row is still one, and refused later."""
    if not layout.results or not isinstance(entry, dict):
        return [entry]
    results = entry.get(layout.results)
    return results if isinstance(results, list) else [entry]


def _row(page: Page, layout: Layout, entry: object, row: Row) -> Row | Rejected:
    try:
        if not isinstance(entry, dict) or not isinstance(row.record, dict):
            raise Unusable("an object was expected here")
        around = dict(row.around)
        if layout.results:
            list_of(entry, layout.results)
            known = layout.bucket | {layout.start, layout.end, layout.results}
            around |= {f"bucket.{name}": value for name, value in leftover(entry, known).items()}
        start_us = layout.instant(entry.get(layout.start))
        end_us = layout.instant(entry.get(layout.end)) if layout.end else start_us + 86_400 * SECOND_US
        _check_times(start_us, end_us, page.window)
    except Unusable as problem:
        return Rejected(row.line_no, str(problem), raw_of(row.record))
    return Row(row.record, row.line_no, start_us, end_us, row.stream, row.account, around)


def _check_times(start_us: int, end_us: int, window: Period) -> None:
    if start_us >= end_us:
        raise Unusable("its time ends before it starts")
    if start_us < window.start_us or end_us > window.end_us:
        asked = f"{moment(window.start_us):%Y-%m-%d %H:%M} to {moment(window.end_us):%Y-%m-%d %H:%M}"
        raise Unusable(f"it is of {moment(start_us):%Y-%m-%d %H:%M}, and {asked} was asked for")


def raw_of(value: object) -> str:
    """A record as it stood, as text, cut where it is long."""
    return text(value)


def text(value: object) -> str:
    """A value as text; empty for none. Control characters and broken ones become spaces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    found = json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return _BROKEN.sub(" ", found[:_LONGEST_TEXT]).strip()


def list_of(record: Record, name: str) -> list[Any]:
    """A member that must be a list."""
    found = record.get(name)
    if not isinstance(found, list):
        raise Unusable(f"{name} is {'missing' if found is None else 'no list'}")
    return found


def member(record: Record, name: str) -> Record:
    """A member that is an object; empty when it is null or missing.

    Raises:
        Unusable: It is something else.
    """
    found = record.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unusable(f"{name} is {text(found)[:60]!r}, which is no object")
    return found


def count(record: Record, name: str, most: int = MOST_COUNTED) -> int | None:
    """A whole number from 0; None where it is null or missing.

    Raises:
        Unusable: Negative, fractional, absurdly large, or no number.
    """
    value = record.get(name)
    if value is None:
        return None
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not whole or (isinstance(value, Decimal) and (value.adjusted() > _MOST_DIGITS or value != int(value))):
        raise Unusable(f"{name} is {text(value)[:60]!r}, which is no whole number")
    if not 0 <= value <= most:
        raise Unusable(f"{name} is {text(value)[:60]}, and must be from 0 to {most}")
    return int(value)


def needed(record: Record, name: str, most: int = MOST_COUNTED) -> int:
    """`count` of a field without which the row says nothing.

    Raises:
        Unusable: Also when it is missing: the field may have been renamed.
    """
    found = count(record, name, most)
    if found is None:
        raise Unusable(f"{name} is missing; the provider may have renamed it")
    return found


def decimal(record: Record, name: str) -> Decimal | None:
    """A number exactly as written, also where it is written as text; None where it is null or missing.

    Raises:
        Unusable: No number, or one that no bill holds.
    """
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unusable(f"{name} is {text(value)[:60]!r}, which is no number")
    if not _fits(Decimal(value)):
        raise Unusable(f"{name} is {text(value)[:60]}, which has more digits than money")
    return Decimal(value)


def _fits(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_PLACES and value.adjusted() < _MOST_DIGITS


def currency_of(record: Record, name: str = "currency") -> str:
    """An ISO code in upper case.

    Raises:
        Unusable: Missing or none: an amount without one is no amount.
    """
    found = text(record.get(name)).upper()
    if not re.fullmatch(r"[A-Z]{3}", found):
        raise Unusable(f"{name} is {found[:20]!r}, and an amount needs a currency of three letters")
    return found


def leftover(record: Record, known: AbstractSet[str], inside: str = "") -> dict[str, str]:
    """Fields that are not known, with dots for nesting, as text; null ones say nothing and are left out."""
    found: dict[str, str] = {}
    for name, value in record.items():
        path = f"{inside}{_BROKEN.sub(' ', str(name))[:100]}"
        if name in known or value is None:
            continue
        if isinstance(value, dict) and value and inside.count(".") < 4:
            found |= leftover(value, frozenset(), f"{path}.")
        else:
            found[path] = text(value)
    return found
