"""Tables as data: what a column holds, whatever the engine.

Kinds: text, int (64 bit), money (decimal 38,12), instant (UTC, microseconds), bool,
tags (map of text to text), texts (list of text).
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "money", "instant", "bool", "tags", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        nullable: Holds NULL for "unknown"; other columns hold "", 0 or false instead.
    """

    name: str
    kind: Kind
    nullable: bool = False
