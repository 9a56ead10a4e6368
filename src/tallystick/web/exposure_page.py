"""What a change of prices would cost, written: the sum in words, whom it would cost most, and what no price covers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.charts.format import MINUS, count, money
from tallystick.kernel.period import rfc3339
from tallystick.operations.simulate_prices import DIMENSIONS, Effect, Simulation, not_covered, totals, whole
from tallystick.web.view import Figure, exact

_MOST = 60
_CENTS = 2


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One group of a simulation; `change` of an unknown cost is a dash."""

    value: str
    before: Figure
    after: Figure
    change: Figure
    percent: str
    worse: bool
    calls: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """The answer to a change.

    Attributes:
        lead: The window and the sum of each currency, in words.
        months: All usage by month, a row for each currency.
        groups: (dimension, its rows, how many rows are left out), the largest change first.
        notes: What the sums leave out, and what the change did not meet.
    """

    lead: str
    months: tuple[EffectRow, ...]
    groups: tuple[tuple[str, tuple[EffectRow, ...], int], ...]
    notes: tuple[str, ...]


def exposure(found: Simulation) -> Exposure:
    """Write a simulation."""
    groups = []
    for dimension in DIMENSIONS:
        rows = totals(found.effects[dimension])
        shown = tuple(_row(one, one.value or "(unknown)") for one in rows[:_MOST])
        groups.append((dimension, shown, len(rows) - len(shown)))
    months = tuple(_row(one, one.month) for one in whole(found, by_month=True))
    return Exposure(_lead(found), months, tuple(groups), tuple(_notes(found)))


def _lead(found: Simulation) -> str:
    window = f"from {_minute(found.start_us)} to {_minute(found.end_us)} UTC"
    sums = [one for one in whole(found) if one.before is not None or one.after is not None]
    if not sums:
        return f"No usage {window} has a price."
    said = [f"{_cents(one.before, one.currency)} would be {_cents(one.after, one.currency)}{_by(one)}" for one in sums]
    return f"Of the usage {window}: {'; '.join(said)}.{_most_exposed(found)}"


def _by(one: Effect) -> str:
    if one.before is None or one.after is None:
        return ""
    change = money(one.after - one.before, one.currency, _CENTS, sign=True)
    return f", {change}{f' ({_percent(one)})' if _percent(one) else ''}, in {count(one.calls)} calls"


def _most_exposed(found: Simulation) -> str:
    """The team and the feature that it would cost most; nothing where nobody pays more."""
    names = []
    for dimension in ("team", "feature"):
        dearer = [one for one in totals(found.effects[dimension]) if (one.after or 0) > (one.before or 0) and one.value]
        if dearer:
            top = max(dearer, key=lambda one: (one.after or 0) - (one.before or 0))
            more = money((top.after or 0) - (top.before or 0), top.currency, _CENTS, sign=True)
            names.append(f"{dimension} {top.value} ({more})")
    return f" Most exposed: {', '.join(names)}." if names else ""


def _notes(found: Simulation) -> Sequence[str]:
    said = []
    for one in not_covered(found):
        more = "no price" if one.unpriced_before else "no price under this change"
        tokens = count(max(one.unpriced_before, one.unpriced_after))
        said.append(f"{tokens} tokens of {one.value or '(unknown)'} have {more} and are in none of the sums.")
    said += ["No model that was used in this time is meant: see the models below." for _ in found.idle]
    return said


def _row(one: Effect, name: str) -> EffectRow:
    before, after = (Figure(_cents(grains, one.currency), exact(grains)) for grains in (one.before, one.after))
    if one.before is None or one.after is None:
        return EffectRow(name, before, after, Figure("–"), "", worse=False, calls=one.calls)
    change = one.after - one.before
    written = Figure(money(change, one.currency, _CENTS, sign=True), exact(change))
    return EffectRow(name, before, after, written, _percent(one), worse=change > 0, calls=one.calls)


def _percent(one: Effect) -> str:
    change = (one.after or 0) - (one.before or 0)
    return f"{change * 100 / one.before:+.1f}%".replace("-", MINUS) if one.before else ""


def _cents(grains: int | None, currency: str) -> str:
    return money(grains, currency, _CENTS)


def _minute(at_us: int) -> str:
    return rfc3339(at_us)[:16].replace("T", " ")
