"""When calls happen: growth over the months, weekdays, hours, the launch, and the days of the stories."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from tallystick.demo.model import DemoSpec
from tallystick.kernel.period import DAY_US, MINUTE_US, day_start, local_day

_WEEKDAY = (1.0, 1.04, 1.05, 1.03, 0.96, 0.52, 0.48)
_MONTHLY_GROWTH = 1.078
QUARTERS = 96
QUARTER_US = DAY_US // QUARTERS


@dataclass(frozen=True, slots=True)
class Story:
    """The days things happen on, relative to the day of `now`."""

    first_day: date
    today: date
    launch_day: date
    switch_day: date
    unpriced_day: date
    loop_start_us: int
    loop_end_us: int

    def launch_ramp(self, day: date) -> float:
        """0 before the launch, then rising to 1 within three weeks."""
        return min(1.0, max(0, (day - self.launch_day).days + 1) / 21)


def story_of(spec: DemoSpec) -> Story:
    """Where the stories lie: the loop on a working day about eleven days ago."""
    today = local_day(spec.now_us)
    loop_day = today - timedelta(days=11)
    while loop_day.weekday() not in (1, 2, 3):
        loop_day += timedelta(days=1)
    loop_start = day_start(loop_day) + 580 * MINUTE_US
    return Story(
        first_day=_months_before(today, spec.months),
        today=today,
        launch_day=today - timedelta(days=76),
        switch_day=today - timedelta(days=49),
        unpriced_day=today - timedelta(days=9),
        loop_start_us=loop_start,
        loop_end_us=loop_start + 34 * 60 * MINUTE_US,
    )


def _months_before(day: date, months: int) -> date:
    whole = day.year * 12 + day.month - 1 - months
    return date(whole // 12, whole % 12 + 1, 1)


def quarter_weights() -> list[float]:
    """Relative traffic of each quarter of an hour: an office day on top of a floor that never stops."""
    return [
        0.25 + max(0.0, 1.0 - abs(quarter / 4 - 13.5) / 6.5) ** 0.8 * (0.88 if 48 <= quarter < 52 else 1.0)
        for quarter in range(QUARTERS)
    ]


def calls_per_day(spec: DemoSpec, story: Story, calls: int) -> list[tuple[date, int]]:
    """Share the calls over the days; the counts sum to `calls` exactly."""
    rng = Random(f"days {spec.seed}")  # noqa: S311 - made-up data, repeatable on purpose
    days = [story.first_day + timedelta(days=offset) for offset in range((story.today - story.first_day).days + 1)]
    weights = []
    for offset, day in enumerate(days):
        weight = _MONTHLY_GROWTH ** (offset / 30.4) * _WEEKDAY[day.weekday()] * rng.uniform(0.95, 1.05)
        if (day.month, day.day) >= (12, 23) or (day.month, day.day) <= (1, 2):
            weight *= 0.55
        weights.append(weight * (1 + 0.05 * story.launch_ramp(day)))
    weights[-1] *= part_of_day(spec.now_us - day_start(story.today))
    marks = list(accumulate(weights))
    ends = [round(calls * mark / marks[-1]) for mark in marks]
    return [(day, end - start) for day, start, end in zip(days, [0, *ends], ends, strict=False)]


def part_of_day(elapsed_us: int) -> float:
    """The share of a day's traffic that lies before an instant of the day."""
    marks = list(accumulate(quarter_weights(), initial=0.0))
    quarter, rest = divmod(elapsed_us, QUARTER_US)
    inside = (marks[quarter + 1] - marks[quarter]) * rest / QUARTER_US
    return (marks[quarter] + inside) / marks[-1]


def quarter_marks(elapsed_us: int) -> list[float]:
    """Cumulative weights of the quarters that have begun before `elapsed_us` of the day."""
    return list(accumulate(quarter_weights()[: max(1, -(-elapsed_us // QUARTER_US))]))


def month_name(day: date) -> str:
    """``2026-11``."""
    return f"{day.year:04d}-{day.month:02d}"
