"""What became of lines of bills that were loaded: for whoever tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SliceSummary:
    """What became of one slice.

    Attributes:
        load_id: Of the load that counts now; empty where nothing does.
        changed: A new load took its place.
        rows, sums: Now. A sum is missing where no line has the amount; `billed_cost:EUR` where currencies are mixed.
        rows_before, sums_before: Of the load it replaced or equals; None where there was none.
        unpriced: Lines of the usage layer whose cost nobody knows.
        rejected_file: Where its bad lines are; empty when there are none.
        note: Why the slice was left as it was, where that needs a word.
    """

    dataset: str
    slice_key: str
    load_id: str
    changed: bool
    rows: int
    rejected: int
    sums: Mapping[str, int]
    rows_before: int | None = None
    sums_before: Mapping[str, int] | None = None
    unpriced: int = 0
    rejected_file: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was kept aside."""

    page_id: str
    line_no: int
    reason: str


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What became of all that was read.

    Attributes:
        problems: The first bad lines; all are in the files of rejected lines.
        rejected: All bad lines, those too that belong to no slice.
        rejected_file: Where the latter are; empty when there are none.
    """

    slices: tuple[SliceSummary, ...]
    rows: int
    rejected: int
    problems: tuple[Problem, ...] = ()
    rejected_file: str = ""
