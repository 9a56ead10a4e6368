"""What the ledger says that counters should stand at. Sums are kept, and only what came later is added."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tallystick.budgets.expect import Expected, Family, Group, Known, expected, families
from tallystick.budgets.model import Budget
from tallystick.kernel.period import HOUR_US
from tallystick.ledger.budget_sums import Sum, Wanted
from tallystick.ledger.store import (
    RETAINED,
    read_last_seq,
    read_mark,
    read_unknown_tokens,
    sum_events_for_budgets,
    sum_for_budgets,
)
from tallystick.operations.context import Context
from tallystick.operations.load_prices import book_version, load_book
from tallystick.org.store import list_keys
from tallystick.pricing.book import PriceBook

_Place = tuple[tuple[str, ...], int]
# What was erased or deleted since is noticed by summing anew, now and then.
_KEEP_US = HOUR_US


@dataclass(slots=True)
class _Kept:
    """Sums of one family up to an ingest number; each is money, tokens, requests."""

    since_us: int
    retained_us: int
    upto: int = 0
    groups: dict[_Place, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class LedgerSums:
    """Sums by family, for one thread at a time."""

    context: Context
    _kept: dict[Family, _Kept] = field(default_factory=dict)
    _book: PriceBook | None = None
    _book_version: int = -1

    def expected(self, budgets: Iterable[Budget], at_us: int, open_ids: Sequence[str] = ()) -> list[Expected]:
        """What the counters of these budgets should stand at now.

        Args:
            budgets: Those whose counters the ledger cannot tell are left out.
            at_us: Whose windows.
            open_ids: Events whose reservations are not settled: they are not posted yet.
        """
        engine = self.context.ledger
        upto, retained = read_last_seq(engine), read_mark(engine, RETAINED)
        known = Known(key_stages(self.context), self._model, retained)
        found: list[Expected] = []
        asked = families(budgets, at_us)
        self._forget(at_us)
        for family, members in asked.items():
            kept = self._upto(family, upto, _Kept(at_us, retained))
            groups = self._without(family, kept, open_ids)
            found += expected(family, members, groups, known)
        return found

    def groups(self, family: Family, at_us: int) -> tuple[list[Group], Known]:
        """The sums of any family, as `expected` takes them."""
        engine = self.context.ledger
        retained = read_mark(engine, RETAINED)
        kept = self._upto(family, read_last_seq(engine), _Kept(at_us, retained))
        return self._without(family, kept, ()), Known(key_stages(self.context), self._model, retained)

    def _forget(self, at_us: int) -> None:
        over = [one for one, kept in self._kept.items() if at_us - kept.since_us > _KEEP_US or 0 < one.end_us <= at_us]
        for family in over:
            del self._kept[family]

    def _upto(self, family: Family, upto: int, fresh: _Kept) -> _Kept:
        kept = self._kept.get(family)
        if kept is None or kept.retained_us != fresh.retained_us:
            kept = self._kept[family] = fresh
        if upto > kept.upto:
            wanted = self._wanted(family)
            found = sum_for_budgets(self.context.ledger, wanted, after=kept.upto, upto=upto)
            _add(kept.groups, found)
            if any(one.unknown for one in found):
                rows = read_unknown_tokens(self.context.ledger, wanted, after=kept.upto, upto=upto)
                for values, span, tokens, decision in rows:
                    bound = _bound_tokens(decision)
                    if bound is not None:
                        kept.groups[values, span][1] += bound - tokens
            kept.upto = upto
        return kept

    def _without(self, family: Family, kept: _Kept, open_ids: Sequence[str]) -> list[Group]:
        less: dict[_Place, list[int]] = {}
        if open_ids:
            _add(less, sum_events_for_budgets(self.context.ledger, self._wanted(family), open_ids))
        nothing = (0, 0, 0)
        return [
            Group(
                values, span, *(one - other for one, other in zip(sums, less.get((values, span), nothing), strict=True))
            )
            for (values, span), sums in kept.groups.items()
        ]

    def _wanted(self, family: Family) -> Wanted:
        # Rows of the demo are never in one ledger with real ones.
        return Wanted(family.dimensions, family.starts, family.end_us, ("gateway", "demo"))

    def _model(self, provider: str, model: str) -> str:
        version = book_version(self.context.config_db)
        if self._book is None or version != self._book_version:
            self._book, self._book_version = load_book(self.context.config_db), version
        return self._book.resolve(provider, model).model or model


def key_stages(context: Context) -> dict[str, str]:
    """Key id to ``production`` for the keys that were declared to be for it."""
    return {key.key_id: "production" for key in list_keys(context.config_db) if key.is_production}


def _add(groups: dict[_Place, list[int]], sums: Iterable[Sum]) -> None:
    for one in sums:
        found = groups.setdefault((one.values, one.span), [0, 0, 0])
        found[0] += one.nano
        found[1] += one.tokens
        found[2] += one.requests


def _bound_tokens(decision: str) -> int | None:
    """What was reserved of tokens, as the row's decision has it; None when no budget counted tokens."""
    try:
        listed = json.loads(decision)["budgets"]
        return next((int(one["asked"]) for one in listed if one["unit"] == "tokens"), None)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
