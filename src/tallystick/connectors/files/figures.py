"""Read single figures and texts out of a record, or say why one cannot be used."""

from collections.abc import Mapping
from decimal import Decimal

from tallystick.connectors.files.model import Record

# No model takes this many tokens in one call; a column of something else does.
MAX_TOKENS_PER_CALL = 100_000_000
MAX_TOKENS_PER_BUCKET = 10**12


class Unusable(ValueError):
    """A value that cannot be used; the message is the reason that is kept with the row."""


def whole(value: object, name: str, most: int = MAX_TOKENS_PER_CALL) -> int | None:
    """A whole number from 0, None when the cell is empty.

    Raises:
        Unusable: Negative, fractional, absurdly large, or no number.
    """
    if value is None or value == "":
        return None
    number = _int(value, name)
    if number < 0:
        raise Unusable(f"{name} is {number}, which is negative")
    if number > most:
        raise Unusable(f"{name} is {number}, more than {most} can be")
    return number


def _int(value: object, name: str) -> int:
    if type(value) is int:
        return value
    try:
        number = Decimal(value.strip().replace(",", "")) if isinstance(value, str) else Decimal(repr(value))
        if isinstance(value, bool) or number != int(number):
            raise Unusable(_no_number(value, name))
        return int(number)
    except (ArithmeticError, ValueError):
        raise Unusable(_no_number(value, name)) from None


def _no_number(value: object, name: str) -> str:
    return f"{name} is {str(value)[:60]!r}, which is no whole number"


def text(value: object) -> str:
    """A cell as text; empty for none. Line breaks and other control characters become spaces."""
    if value is None:
        return ""
    found = value if isinstance(value, str) else str(value)
    if not found.isprintable():
        found = "".join(one if one.isprintable() else " " for one in found)
    return found.strip()[:1000]


def member(record: Record, name: str) -> Mapping[str, object]:
    """A member that is an object; empty when it is missing or something else."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def split_input(total: int | None, parts: dict[str, int], *, what: str = "input_tokens") -> tuple[int | None, int]:
    """The inclusive total and the uncached rest of it.

    Args:
        total: As reported, with cached tokens in it; None when only parts are known.
        parts: The other input classes.
        what: Name of the total, for the reason.

    Raises:
        Unusable: The parts are more than the total.
    """
    inside = sum(parts.values())
    if total is None:
        return (inside, 0) if parts else (None, 0)
    if inside > total:
        raise Unusable(f"{what} is {total}, but {' + '.join(parts)} are {inside}")
    return total, total - inside
