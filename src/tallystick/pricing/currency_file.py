"""Rates of exchange as files write them: pure text to rates, line by line.

Two shapes are recognised by their head:

- one rate a line: columns `date`, `from`, `to`, `rate`, in any order, others ignored but `source`;
- the wide table of the European Central Bank (eurofxref-hist.csv, eurofxref.csv): a `Date` and a
  column a currency, each worth one euro; `N/A` is no rate.

Comma, semicolon or tab between the cells. A line that cannot be read is rejected with what to
do about it; the rest counts.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from tallystick.kernel.errors import DataError
from tallystick.pricing.currency import ExchangeRate

ECB = "ECB euro foreign exchange reference rates"
_NAMES = {
    "date": "date", "day": "date", "from_date": "date", "month": "date",
    "from": "from", "base": "from", "from_currency": "from", "base_currency": "from",
    "to": "to", "quote": "to", "to_currency": "to", "quote_currency": "to",
    "rate": "rate", "exchange_rate": "rate", "source": "source",
}  # fmt: skip
_NEEDED = ("date", "from", "to", "rate")
_CODE = re.compile(r"[A-Z]{3}")
_NOTHING = frozenset({"", "n/a", "na", "-"})
_LEAST, _MOST = Decimal("1e-9"), Decimal("1e9")
_MOST_DIGITS = 30
_EARLIEST, _LATEST = date(1970, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class RejectedRate:
    """A line that gave no rate."""

    line: int
    why: str
    next_step: str


@dataclass(frozen=True, slots=True)
class RateFile:
    """What a file says.

    Attributes:
        shape: `rates` or `ecb`.
        rates: One for each pair and date.
        rejected: Lines without a rate, or parts of them.
        absent: Cells that say there is no rate.
    """

    shape: str
    rates: tuple[ExchangeRate, ...]
    rejected: tuple[RejectedRate, ...]
    absent: int = 0


@dataclass(slots=True)
class _Reading:
    """A file being read: rates by key with the line that gave them."""

    source: str
    rates: dict[tuple[str, str, date], tuple[int, ExchangeRate]] = field(default_factory=dict)
    rejected: list[RejectedRate] = field(default_factory=list)
    absent: int = 0

    def add(self, line: int, one: ExchangeRate) -> None:
        first, held = self.rates.setdefault(one.key, (line, one))
        if held.rate != one.rate:
            what = f"{one.base} to {one.quote} on {one.on} is {held.rate} in line {first} and {one.rate} here"
            self.rejected.append(RejectedRate(line, what, "keep one of the two; line " + str(first) + " was taken"))


def parse_rate_file(text: str, source: str = "") -> RateFile:
    """The rates of a file.

    Args:
        text: All of it.
        source: Who says so, where the file does not.

    Raises:
        DataError: Its head is that of neither shape.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise _unreadable("the file is empty")
    delimiter = max(",;\t", key=lines[start].count)
    head = [cell.strip() for cell in lines[start].split(delimiter)]
    rows = _rows(lines, start + 1, delimiter)
    named = [_NAMES.get(re.sub(r"[\s-]+", "_", cell.strip('"').lower()), "") for cell in head]
    if all(named.count(name) == 1 for name in _NEEDED):
        reading = _Reading(source)
        for number, cells in rows:
            _long_line(reading, number, dict(zip(named, cells, strict=False)), decimal_comma=delimiter != ",")
        return RateFile("rates", *_ended(reading))
    codes = [cell.strip('"') for cell in head]
    if codes[0].lower() == "date" and any(map(_CODE.fullmatch, codes[1:])):
        reading = _Reading(source or ECB)
        for number, cells in rows:
            _wide_line(reading, number, codes, cells)
        return RateFile("ecb", *_ended(reading))
    raise _unreadable(f'its first line is "{lines[start][:80]}"')


def _ended(reading: _Reading) -> tuple[tuple[ExchangeRate, ...], tuple[RejectedRate, ...], int]:
    return tuple(one for _, one in reading.rates.values()), tuple(reading.rejected), reading.absent


def _unreadable(what: str) -> DataError:
    return DataError(
        f"this is no file of exchange rates: {what}",
        next_steps=[
            "give it the columns date,from,to,rate, such as 2026-10-01,USD,EUR,0.92",
            "or take eurofxref-hist.csv of the European Central Bank as it is",
        ],
    )


def _rows(lines: Sequence[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number (from 1) and the cells of each line that holds anything; no cell spans lines."""
    for number, line in enumerate(lines[start:], start + 1):
        if line.strip(f"{delimiter} \t"):
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
            yield number, [cell.strip() for cell in cells]


def _long_line(reading: _Reading, number: int, cells: dict[str, str], *, decimal_comma: bool) -> None:
    text = cells.get("rate", "")
    if decimal_comma and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    source = cells.get("source", "") or reading.source
    try:
        reading.add(
            number, checked_rate(cells.get("from", ""), cells.get("to", ""), cells.get("date", ""), text, source)
        )
    except DataError as error:
        reading.rejected.append(RejectedRate(number, error.what, error.next_steps[0]))


def _wide_line(reading: _Reading, number: int, codes: Sequence[str], cells: Sequence[str]) -> None:
    if len(cells) < 2:
        step = "download the file again: this line is cut short"
        reading.rejected.append(RejectedRate(number, "the line has a date and nothing else", step))
        return
    for code, cell in zip(codes[1:], cells[1:], strict=False):
        if not code or cell.lower() in _NOTHING:
            reading.absent += bool(code)
            continue
        try:
            reading.add(number, checked_rate("EUR", code, cells[0], cell, reading.source))
        except DataError as error:
            reading.rejected.append(RejectedRate(number, f"{code}: {error.what}", error.next_steps[0]))


def checked_rate(base: str, quote: str, on: str, rate: str, source: str) -> ExchangeRate:
    """A rate in words as a record.

    Raises:
        DataError: One of the words cannot be meant; its first next step says what to write instead.
    """
    codes = [_code(base), _code(quote)]
    if codes[0] == codes[1]:
        raise DataError(f"{codes[0]} to itself needs no rate", next_steps=["name two different currencies"])
    return ExchangeRate(codes[0], codes[1], _day(on), _rate(rate), source.strip()[:200])


def _code(text: str) -> str:
    code = text.strip().upper()
    if not _CODE.fullmatch(code):
        raise DataError(f'"{text[:20]}" is no currency', next_steps=["write an ISO 4217 code such as USD"])
    return code


def _day(text: str) -> date:
    words = text.strip()
    for form in ("%Y-%m-%d", "%Y-%m", "%d %B %Y"):
        try:
            day = datetime.strptime(words, form).date()  # noqa: DTZ007 - a day, not an instant
        except ValueError:
            continue
        if _EARLIEST <= day <= _LATEST:
            return day
        raise DataError(f"{day} lies outside {_EARLIEST} to {_LATEST}", next_steps=["look at the year"])
    raise DataError(f'"{text[:40]}" is no date', next_steps=["write YYYY-MM-DD, or YYYY-MM for a month's average"])


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text.strip())
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or len(rate.as_tuple().digits) > _MOST_DIGITS or "_" in text:
        raise DataError(f'"{text[:40]}" is no rate', next_steps=["write a decimal such as 0.92 or 1234.5"])
    if not _LEAST <= rate <= _MOST:
        raise DataError(
            f"a rate of {rate} cannot be meant", next_steps=[f"a rate lies between {_LEAST:f} and {_MOST:,f}"]
        )
    return rate
