"""One cell of a bill: texts, amounts and instants as people and spreadsheets write them.

A cell that cannot be read for certain is a `Bad` with its reason, never a guess: a comma
that may be a decimal point or a thousand is refused, not tried.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from tallystick.kernel.money import PLACES, grains_from_decimal
from tallystick.kernel.period import instant

_NOTHING = frozenset({"", "null", "n/a", "na", "none", "nan", "nil", "-", "#n/a", "<null>", "\\n"})
_PLAIN = re.compile(r"(-?)([0-9]{1,26})(?:\.([0-9]{0,40}))?")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_SIGNS = re.compile(r"^(-?)\s*(?:[$€£¥]|USD|EUR|GBP)?\s*(-?)(.*)$", re.DOTALL)
_GUARDED = re.compile(r"""^="([^"]*)"$|^=?'([^']*)'$|^"([^"]*)"$""")
_WHOLE_FLOAT = re.compile(r"-?[0-9]+\.0+")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?)?")
_TOO_MUCH = Decimal(10) ** 26  # what a decimal of 38 digits holds beside 12 places
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell that cannot be used, and why."""

    reason: str


def is_nothing(text: str) -> bool:
    """Whether a text only says that there is no value: empty, NULL, N/A."""
    return text.strip().lower() in _NOTHING


def read_text(cell: object) -> str:
    """A text as it stands, without the quotes and guards that spreadsheets put around ids; "" for none.

    A formula stays the text it is and is never evaluated.

    >>> read_text('="0123"'), read_text(" NULL "), read_text("=1+1"), read_text(1234567890123.0)
    ('0123', '', '=1+1', '1234567890123')
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell).strip()
    if text.lower() in _NOTHING:
        return ""
    guarded = _GUARDED.match(text) if text[0] in "=\"'" else None
    return next(part for part in guarded.groups() if part is not None).strip() if guarded else text


def read_id(cell: object) -> str:
    """A text that is an id: `123456789012.0`, as a spreadsheet left it, loses its decimals."""
    text = read_text(cell)
    return text.partition(".")[0] if _WHOLE_FLOAT.fullmatch(text) else text


def read_decimal(cell: object) -> Decimal | Bad | None:
    """An exact number; None for none.

    >>> read_decimal("$1,000.00"), read_decimal("(12.50)"), read_decimal("5.6E-05")
    (Decimal('1000.00'), Decimal('-12.50'), Decimal('0.000056'))
    """
    if isinstance(cell, Decimal):
        return _bounded(cell)
    if isinstance(cell, bool):
        return Bad(f"{cell} is no number")
    if isinstance(cell, (int, float)):
        return None if cell != cell else _bounded(Decimal(str(cell)))  # noqa: PLR0124 - NaN is how frames write null
    text = read_text(cell)
    return _number(text) if text else None


def _number(text: str) -> Decimal | Bad:
    inner = text[1:-1].strip() if text[0] == "(" and text[-1] == ")" else text
    parts = _SIGNS.match(inner)
    assert parts is not None, "it matches every text"
    first, second, digits = parts.groups()
    if "," in digits:
        one_group = digits.count(",") == 1 and "." not in digits and "$" not in inner
        if one_group or not _THOUSANDS.fullmatch(digits):
            return Bad(f"{text!r}: a comma may be a decimal point or a thousand; write 1234.56")
        digits = digits.replace(",", "")
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return Bad(f"{text[:100]!r} is no number")
    if "_" in digits:
        return Bad(f"{text[:100]!r} is no number")
    negative = (inner is not text) != bool(first or second)
    return _bounded(number.copy_negate() if negative else number)


def _bounded(number: Decimal) -> Decimal | Bad:
    if not number.is_finite() or abs(number) >= _TOO_MUCH:
        return Bad(f"{number} is more than can be counted")
    return number


def read_grains(cell: object) -> int | Bad | None:
    """An amount in whole 1e-12 parts, more places half to even; None for none."""
    if isinstance(cell, str):
        plain = _PLAIN.fullmatch(cell)
        if plain:
            sign, whole, part = plain.groups("")
            if len(part) <= PLACES:
                return int(sign + whole + part.ljust(PLACES, "0"))
    number = read_decimal(cell)
    return grains_from_decimal(number) if isinstance(number, Decimal) else number


def read_instant(cell: object) -> int | Bad | None:
    """Microseconds UTC; without a zone it is UTC, and a date is its first instant; None for none.

    Slashed dates are month first, as exports of Azure and spreadsheets write them.
    """
    if isinstance(cell, datetime):
        return _within(cell)
    if isinstance(cell, date):
        return _within(datetime(cell.year, cell.month, cell.day))  # noqa: DTZ001 - `_within` gives it its zone
    text = read_text(cell)
    if not text:
        return None
    try:
        found = _american(text) if "/" in text else _iso(text)
    except ValueError:
        found = None
    return (
        Bad(f"{text[:100]!r} is no date we can tell for certain; write 2026-10-01T00:00:00Z")
        if not found
        else (_within(found))
    )


def _iso(text: str) -> datetime | None:
    plain = text[:-4] if text.endswith(" UTC") else text
    return datetime.fromisoformat(plain) if plain[4:5] == "-" else None


def _american(text: str) -> datetime | None:
    match = _AMERICAN.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if match[7]:
        hour = hour % 12 + (12 if match[7].lower() == "pm" else 0)
    return datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second)  # noqa: DTZ001 - as above


def _within(found: datetime) -> int | Bad:
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return instant(aware) if _FIRST <= aware < _LAST else Bad(f"{found} is before 2000 or after 2199")
