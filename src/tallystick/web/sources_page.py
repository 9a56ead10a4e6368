"""Sources as rows."""

from dataclasses import dataclass

from tallystick.web.view import Figure


@dataclass(frozen=True, slots=True)
class Column:
    """One head."""

    title: str
    number: bool = False


COLUMNS: tuple[Column, ...] = (Column("Source"),)


def source_row(status: object, zone: str, now_us: int) -> list[Figure]:
    """Write one source."""
    return [Figure(str(status))]
