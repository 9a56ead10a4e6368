"""What a slice's lines sum to, and what tells one content from another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import BillLine
from tallystick.kernel.table import Repeated
from tallystick.usage.dimensions import ATTRIBUTION

SUMMED = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
_HASHED = tuple(name for name in BillLine.__slots__ if name not in {"line_no", "tags", "extra", "dimensions"})
_values = attrgetter(*_HASHED)
_amounts = attrgetter(*SUMMED)
_SPACE = 1 << 256


@dataclass(slots=True)
class Sums:
    """Of the lines added so far.

    Attributes:
        unpriced: Lines of the usage layer without a cost.
        first_at, last_at: Earliest and latest begin of a charge period.
    """

    rows: int = 0
    unpriced: int = 0
    first_at: int | None = None
    last_at: int | None = None
    _by_currency: dict[str, dict[str, int]] = field(default_factory=dict)
    _digest: int = 0

    def add(self, line: BillLine) -> None:
        """Count one line."""
        at = line.charge_period_start
        self.rows += 1
        self.first_at = at if self.first_at is None or at < self.first_at else self.first_at
        self.last_at = at if self.last_at is None or at > self.last_at else self.last_at
        self.unpriced += line.layer == "usage" and line.effective_cost is None
        sums = self._by_currency.setdefault(line.currency, {})
        for name, amount in zip(SUMMED, _amounts(line), strict=True):
            if amount is not None:
                sums[name] = sums.get(name, 0) + amount
        self._digest = (self._digest + _line_digest(line)) % _SPACE

    def add_columns(self, data: Mapping[str, Sequence[Any]]) -> None:
        """Count lines of a `LineBatch`; none is of the usage layer."""
        starts = data["charge_period_start"]
        if not starts:
            return
        self.rows += len(starts)
        first, last = min(starts), max(starts)
        self.first_at = first if self.first_at is None else min(self.first_at, first)
        self.last_at = last if self.last_at is None else max(self.last_at, last)
        codes = data["currency"]
        for name in SUMMED:
            for code in {codes.value} if isinstance(codes, Repeated) else set(codes):
                amounts = zip(codes, data[name], strict=True)
                known = [amount for own, amount in amounts if own == code and amount is not None]
                sums = self._by_currency.setdefault(code, {})
                if known:
                    sums[name] = sums.get(name, 0) + sum(known)
        self._digest = (
            self._digest + sum(map(_row_digest, zip(*(data[name] for name in _COLUMNS), strict=True)))
        ) % _SPACE

    def currency(self) -> str:
        """The one currency of all lines; empty where there is none, or more than one."""
        return next(iter(self._by_currency)) if len(self._by_currency) == 1 else ""

    def amounts(self) -> Mapping[str, int]:
        """Column to grains; `column:CURRENCY` where currencies are mixed, for they are never added."""
        if len(self._by_currency) == 1:
            return dict(next(iter(self._by_currency.values())))
        return {f"{name}:{code}": sum_ for code, sums in self._by_currency.items() for name, sum_ in sums.items()}

    def content_hash(self) -> str:
        """Equal for equal lines, in whatever order and pages they came; a line that is there twice counts twice."""
        return blake2b(f"{self.rows}:{self._digest:x}".encode(), digest_size=16).hexdigest()


_COLUMNS = (*(name for name in LINE_FIELDS if name != "line_no"), *(f"d_{name}" for name in ATTRIBUTION))


def _row_digest(values: tuple[Any, ...]) -> int:
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=32).digest(), "little")


def _line_digest(line: BillLine) -> int:
    maps = [sorted(one.items()) for one in (line.tags, line.extra, line.dimensions)]
    return int.from_bytes(blake2b(repr((_values(line), maps)).encode(), digest_size=32).digest(), "little")
