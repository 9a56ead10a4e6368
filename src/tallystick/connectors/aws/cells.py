"""Single cells of AWS's reports: amounts, instants, months. Each refusal names the value."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache

from tallystick.kernel.period import instant

_GRAIN = Decimal(1).scaleb(-12)
_MOST = Decimal(10) ** 24
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class BadCell(ValueError):
    """A cell that cannot be used; the message says what it holds."""


def number(cell: object) -> Decimal | None:
    """An exact number; a float by its shortest text, for that is what was written. None for none.

    Raises:
        BadCell: No number, or none that is finite and below 1e24.
    """
    if cell is None or cell == "":
        return None
    try:
        found = Decimal(cell) if isinstance(cell, (str, int, Decimal)) else Decimal(repr(cell))
    except InvalidOperation:
        raise BadCell(f"{str(cell)[:60]!r} is no number") from None
    if not found.is_finite() or abs(found) >= _MOST:
        raise BadCell(f"{str(cell)[:60]!r} is no amount")
    return found


@lru_cache(maxsize=65536)
def grains(cell: object) -> int | None:
    """An amount in whole 1e-12 parts, more places half to even; None for none.

    Raises:
        BadCell: As of `number`.
    """
    found = number(cell)
    return None if found is None else int(_EXACT.quantize(found, _GRAIN).scaleb(12, _EXACT))


@lru_cache(maxsize=16384)
def at(cell: object) -> int | None:
    """Microseconds UTC of an instant as text (UTC where it names no zone) or number; None for none.

    Raises:
        BadCell: No instant.
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, int):
        return cell
    try:
        found = datetime.fromisoformat(str(cell))
    except ValueError:
        raise BadCell(f"{str(cell)[:60]!r} is no date and time") from None
    return instant(found if found.tzinfo else found.replace(tzinfo=UTC))


def text(cell: object) -> str:
    """A cell as text; empty for none."""
    return "" if cell is None else str(cell)
