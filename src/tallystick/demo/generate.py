"""Make Northwind's usage as column batches, oldest first, in bounded memory.

What a call looks like comes from a table of typical calls that were priced once
(`templates`); a batch is that table taken by row number, with the columns that
differ from call to call beside it. The truth is counted from the same row numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.demo.budgets import STANDARD_EVENTS, demo_budgets
from tallystick.demo.company import (
    CUSTOMERS,
    LAUNCHED_FEATURE,
    LOOP_FEATURE,
    SWITCHED_FEATURE,
    UNOWNED_SHARE,
    UNPRICED_FEATURE,
    UNPRICED_MODEL,
    customer_tier,
)
from tallystick.demo.draw import USERS, Cast, DayPart, Drawn, cast_of, draw
from tallystick.demo.model import Columns, DemoSpec, Truth
from tallystick.demo.profiles import all_profiles, weight_on
from tallystick.demo.rhythm import Story, calls_per_day, month_name, story_of
from tallystick.demo.sizes import STEPS
from tallystick.demo.templates import Rate, Row, Templates
from tallystick.demo.verdicts import Verdicts
from tallystick.kernel.period import DAY_US, SECOND_US, day_start, local_day
from tallystick.ledger.columns import EVENT_COLUMNS

_SMALLEST_SCALE = 1 / 400
_BATCH_ROWS = 40_000
_LOOP_SHARE = 0.0025
_KINDS = {column.name: column.kind for column in EVENT_COLUMNS}
_ARROW = {"text": pa.string(), "int": pa.int64(), "money": pa.int64(), "bool": pa.bool_()}
_EMPTY = {"text": "", "int": 0, "bool": False}
_NULLABLE = {column.name for column in EVENT_COLUMNS if column.nullable}
LOOP_RUN = "run_loop_invoice-matching"

_USERS = pa.array(USERS)
_CUSTOMERS = pa.array(["", *CUSTOMERS])
_TIERS = pa.array(["", *(customer_tier(index) for index in range(len(CUSTOMERS)))])


class Generator:
    """One company, made step by step. `truth` is complete once `batches` is exhausted; `made` counts the calls."""

    def __init__(self, spec: DemoSpec, rate: Rate) -> None:
        self.spec = spec
        self.story = story_of(spec)
        self.truth = Truth()
        self._profiles = all_profiles()
        self._cast: Cast = cast_of(self._profiles)
        scale = min(1.0, max(_SMALLEST_SCALE, STANDARD_EVENTS / spec.events))
        self._templates = Templates(self._profiles, rate, seed=spec.seed, scale=scale)
        self._table = pa.table({})
        self._priced = 0
        self._verdicts = Verdicts(spec, demo_budgets(spec.events, spec.now_us))
        self.made = 0
        self._pending = Pending()
        self._counted: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def batches(self) -> Iterator[Columns]:
        """Columns as `Engine.append` takes them: instants in microseconds, money in grains."""
        loop_calls = max(40, round(self.spec.events * _LOOP_SHARE))
        loop_day = local_day(self.story.loop_start_us)
        for day, calls in calls_per_day(self.spec, self.story, self.spec.events - loop_calls):
            for number, part in enumerate(self._parts(day, calls)):
                drawn = draw(part, self._cast)
                self._counted[month_name(day)].update(drawn.row)
                self._pending.add(drawn, f"{self.spec.seed:x}{day:%y%m%d}{number:02x}")
                yield from self._flush(_BATCH_ROWS)
            if day == loop_day:
                yield from self._loop(day, loop_calls)
        yield from self._flush(1)
        self._fold()
        self.truth.errors -= self._verdicts.refused
        self.truth.facts = facts(self.spec, self.story)

    def _flush(self, at_least: int) -> Iterator[Columns]:
        """A batch, once so many calls are pending."""
        if len(self._pending.ids) >= at_least:
            pending, self._pending = self._pending, Pending()
            self.made += len(pending.ids)
            yield self._verdicts.decide(
                pending.drawn, self._templates.rows, self._shared(pending.drawn) | _own(pending)
            )

    def _parts(self, day: date, calls: int) -> Iterator[DayPart]:
        start = day_start(day)
        base = self._templates.base_on(start)
        weights = self._weights(day)
        for number, first in enumerate(range(0, calls, _BATCH_ROWS)):
            yield DayPart(
                seed=f"day {self.spec.seed} {day} {number}",
                calls=min(_BATCH_ROWS, calls - first),
                weights=weights,
                base=base,
                start_us=start,
                open_us=min(DAY_US, self.spec.now_us - start),
            )

    def _weights(self, day: date) -> list[float]:
        """Of each profile; the unowned ones get what makes their cost the planted share of the day's."""
        weights = [weight_on(profile, day, self.story) for profile in self._profiles]
        costs = [weight * self._templates.mean_cost(index) for index, weight in enumerate(weights)]
        nobody = [index for index, profile in enumerate(self._profiles) if not profile.feature.team]
        theirs = sum(costs[index] for index in nobody)
        factor = UNOWNED_SHARE / (1 - UNOWNED_SHARE) * (sum(costs) - theirs) / theirs
        for index in nobody:
            weights[index] *= factor
        return weights

    def _loop(self, day: date, calls: int) -> Iterator[Columns]:
        """One run that calls itself for 34 hours: as many calls as a team makes in weeks."""
        number = next(i for i, one in enumerate(self._profiles) if one.feature.name == LOOP_FEATURE)
        base = self._templates.base_on(day_start(day))[number]
        span = self.story.loop_end_us - self.story.loop_start_us
        for first in range(0, calls, _BATCH_ROWS):
            these = range(first, min(first + _BATCH_ROWS, calls))
            drawn = Drawn(
                row=[base + STEPS // 2 + (call * 7) % (STEPS // 2) for call in these],
                at=[self.story.loop_start_us + span * call // calls for call in these],
                user=[0] * len(these),
                customer=[0] * len(these),
                run=[1] * len(these),
                conversation=[0] * len(these),
            )
            self._count_loop(drawn)
            self._pending.add(drawn, f"{self.spec.seed:x}{day:%y%m%d}l{first:x}", run=LOOP_RUN)
            yield from self._flush(_BATCH_ROWS)

    def _shared(self, drawn: Drawn) -> dict[str, Sequence[object]]:
        rows = self._templates.rows
        if self._priced != len(rows):
            self._table, self._priced = _table(rows), len(rows)
        taken = self._table.take(pa.array(drawn.row, pa.int64()))
        return {name: taken.column(name).combine_chunks() for name in taken.column_names}

    def _fold(self) -> None:
        for month, counted in self._counted.items():
            for number, count in counted.items():
                _add(self.truth, month, self._templates.rows[number], count)

    def _count_loop(self, drawn: Drawn) -> None:
        """Call by call, for it runs over midnight."""
        for at, number in zip(drawn.at, drawn.row, strict=True):
            self._counted[month_name(local_day(at))][number] += 1
            self.truth.loop_calls += 1
            self.truth.loop_cost += self._templates.rows[number].cost or 0


def _add(truth: Truth, month: str, row: Row, count: int) -> None:
    truth.events += count
    truth.calls_by_month[month] = truth.calls_by_month.get(month, 0) + count
    if row.failed:
        truth.errors += count
        return
    where = (month, row.team)
    truth.month_team_cost[where] = truth.month_team_cost.get(where, 0) + count * (row.cost or 0)
    truth.input_tokens += count * (row.measured.input_tokens or 0)
    truth.output_tokens += count * (row.measured.output_tokens or 0)
    if row.unpriced_tokens:
        truth.unpriced_calls += count
        truth.unpriced_tokens += count * row.unpriced_tokens
    if row.instead_cost is not None:
        truth.switch_calls += count
        truth.switch_saving += count * (row.instead_cost - (row.cost or 0))


def _table(rows: list[Row]) -> pa.Table:
    """All templates as columns; a column that no template has is left to the ledger's default."""
    names = [column.name for column in EVENT_COLUMNS if any(column.name in row.values for row in rows)]
    return pa.table({name: _column(name, rows) for name in names})


def _column(name: str, rows: list[Row]) -> pa.Array:
    kind = _KINDS[name]
    missing = None if name in _NULLABLE else _EMPTY[kind]
    return pa.array([row.values.get(name, missing) for row in rows], _ARROW[kind])


class Pending:
    """Calls drawn and not yet handed on, with the names of their runs and conversations."""

    def __init__(self) -> None:
        self.drawn = Drawn()
        self.ids: list[str] = []
        self.runs = [""]
        self.conversations = [""]

    def add(self, more: Drawn, stem: str, run: str = "") -> None:
        """Append the calls of a part of a day; its numbers of runs and conversations start anew at 1."""
        self.ids += [f"evt_d{stem}{number:05x}" for number in range(len(more.row))]
        all_of, first_run, first_talk = self.drawn, len(self.runs) - 1, len(self.conversations) - 1
        all_of.row += more.row
        all_of.at += more.at
        all_of.user += more.user
        all_of.customer += more.customer
        all_of.run += [number and number + first_run for number in more.run]
        all_of.conversation += [number and number + first_talk for number in more.conversation]
        last_run, last_talk = max(more.run, default=0), max(more.conversation, default=0)
        self.runs += [run] if run else [f"run_{stem}{number:04x}" for number in range(1, last_run + 1)]
        self.conversations += [f"conv_{stem}{number:04x}" for number in range(1, last_talk + 1)]


def _own(pending: Pending) -> dict[str, Sequence[object]]:
    """The columns in which calls of one template differ."""
    drawn = pending.drawn
    customers = pa.array(drawn.customer, pa.int64())
    return {
        "event_id": pending.ids,
        "call_id": pc.binary_replace_slice(pa.array(pending.ids), 0, 3, "call"),
        "occurred_at": drawn.at,
        "user": _USERS.take(pa.array(drawn.user, pa.int64())),
        "customer": _CUSTOMERS.take(customers),
        "customer_tier": _TIERS.take(customers),
        "run": pa.array(pending.runs).take(pa.array(drawn.run, pa.int64())),
        "conversation": pa.array(pending.conversations).take(pa.array(drawn.conversation, pa.int64())),
    }


def facts(spec: DemoSpec, story: Story) -> dict[str, object]:
    """The planted stories, for the truth file."""
    return {
        "seed": spec.seed,
        "now_us": spec.now_us,
        "first_day": story.first_day.isoformat(),
        "launch": {"feature": LAUNCHED_FEATURE, "day": story.launch_day.isoformat()},
        "switch": {"feature": SWITCHED_FEATURE, "day": story.switch_day.isoformat()},
        "unpriced": {"feature": UNPRICED_FEATURE, "model": UNPRICED_MODEL, "day": story.unpriced_day.isoformat()},
        "loop": {
            "feature": LOOP_FEATURE,
            "runs": [LOOP_RUN],
            "start_us": story.loop_start_us // SECOND_US * SECOND_US,
            "end_us": story.loop_end_us,
        },
        "unowned_share": str(UNOWNED_SHARE),
    }
