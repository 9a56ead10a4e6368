"""The UTC month that a word means, as bills are reconciled."""

import re
from datetime import date

from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import Period, day_start
from tallystick.operations.reconcile import month_of

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


def month_named(text: str) -> Period:
    """``2026-10`` as a period.

    Raises:
        UsageError: It means no month.
    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise UsageError(
            f'"{text[:40]}" is no month', where="period", next_steps=["write YYYY-MM from 2000 on, such as 2026-10"]
        )
    return month_of(day_start(date(int(found[1]), int(found[2]), 1)))
