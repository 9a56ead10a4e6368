"""Instants in files: ISO texts, seconds, milliseconds, microseconds or nanoseconds, absolute or from a start."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite

from tallystick.connectors.files.figures import Unusable
from tallystick.kernel.period import SECOND_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Numerator and denominator of microseconds per unit.
UNITS: dict[str, tuple[int, int]] = {"s": (SECOND_US, 1), "ms": (1000, 1), "us": (1, 1), "ns": (1, 1000)}
_EARLIEST_US = 946_684_800 * SECOND_US  # 2000: nobody was billed by the token
_MIN_DIGITS = 9


def instant_of(value: object, unit: str, offset_us: int, latest_us: int) -> int:
    """Microseconds since 1970 of a cell.

    Args:
        value: The cell.
        unit: ``iso``, one of `UNITS`, or empty: a text is ISO, a number is told by its size.
        offset_us: Added to numbers: the start of a file whose times are relative.
        latest_us: Later instants are refused.

    Raises:
        Unusable: No time, or one before 2000 or after `latest_us`.
    """
    at_us = _from_number(value, unit, offset_us) if unit in UNITS or not unit else None
    if at_us is None:
        at_us = _from_text(value)
    if at_us < _EARLIEST_US:
        raise Unusable(f"time is {value}, which lies before the year 2000 (in the unit {unit or 'guessed'})")
    if at_us > latest_us:
        raise Unusable(f"time is {value}, which lies in the future")
    return at_us


def _from_number(value: object, unit: str, offset_us: int) -> int | None:
    """Microseconds of a number, None when the cell holds none (and may be a text)."""
    number = _number(value, unit)
    if number is None:
        return None
    times, over = UNITS[unit or _guessed(number)]
    micros: int | Decimal = number * times // over
    return offset_us + int(micros)


def _number(value: object, unit: str) -> int | Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and isfinite(value):
        return Decimal(repr(value))
    if isinstance(value, str):
        cell = value.strip()
        if cell.replace(".", "", 1).lstrip("-").isdecimal():
            return Decimal(cell) if "." in cell else int(cell)
        if unit:
            raise Unusable(f"time is {cell[:40]!r}, which is no number of {unit}")
    return None


def _guessed(number: int | Decimal) -> str:
    """The unit that puts a number near our time."""
    digits = len(str(int(Decimal(number).copy_abs())))
    if digits < _MIN_DIGITS:
        raise Unusable(f"time is {number}, which is no instant; give the unit and a start with --map")
    return "s" if digits < 12 else "ms" if digits < 15 else "us" if digits < 18 else "ns"


def _from_text(value: object) -> int:
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = datetime.fromisoformat(str(value).strip())
        except ValueError:
            shown = "missing" if value in (None, "") else f"{str(value)[:40]!r}, which is no time"
            raise Unusable(f"time is {shown}") from None
    if found.tzinfo is None:
        return (found - _EPOCH.replace(tzinfo=None)) // _MICROSECOND
    return (found - _EPOCH) // _MICROSECOND
