"""Records of a file of usage on its way into the ledger."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it stands in the file.

    Attributes:
        line: Line of a text file, from 1; number of the row or item elsewhere.
        content: The bytes that make it equal to another record.
        problem: Why it could not even be read; empty when it could.
    """

    line: int
    record: Record
    content: bytes
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One good row.

    Attributes:
        values: Ledger columns, without id, source and costs; what is not named is unknown.
        quantities: Meter name to whole quantity.
        source_id: The id the source itself gave the row; empty when it has none.
        tier_tokens: Input tokens that decide the size class of the price, where one row
            stands for many calls; None means the row's own input.
    """

    values: dict[str, object]
    quantities: dict[str, int]
    source_id: str = ""
    tier_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used, and why, in words for its owner."""

    reason: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of file.

    Attributes:
        name: Also the default name of the source.
        title: For people.
        expand: The usage records in one record of the file (a page holds many).
        parse: One usage record as a row.
        replaces: Whether a row is the state of a time bucket, which a later file may restate.
        notes: What the reader decided, for the summary.
    """

    name: str
    title: str
    parse: Callable[[Record], Parsed | Rejected]
    expand: Callable[[Record], Iterator[Record]] | None = None
    replaces: bool = False
    notes: tuple[str, ...] = field(default=())
