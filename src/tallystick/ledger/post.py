"""How events become charges: which sums, in which buckets. Only text and arithmetic; the SQL runs in `store`."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from tallystick.ledger.columns import SUMMED
from tallystick.usage.meters import FACT_METERS, METERS

HOUR_SECONDS = 3600
QUARTER_SECONDS = 900

# An attempt that did not give its client a whole answer through nobody's wish but the failure itself.
ERROR_OUTCOMES = ("error", "cut", "interrupted")

_BILLED = tuple(meter.name for meter in METERS if meter.name not in FACT_METERS)


def _event_sum(name: str) -> str:
    return _COUNTS.get(name, f"sum({name})")


def unpriced_condition(quantities: str = "", costs: str = "") -> str:
    """As `UsageEvent.unpriced`: a quantity that is billed somewhere and has no cost here; of rows by these aliases."""
    return " OR ".join(f"(coalesce({quantities}q_{name}, 0) <> 0 AND {costs}c_{name} IS NULL)" for name in _BILLED)


# What takes back a copy of a call that two captures brought counts as one call less.
_TAKES_BACK = "source_key = 'duplicate'"


def _count(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN CASE WHEN {_TAKES_BACK} THEN -1 ELSE 1 END ELSE 0 END)"


def _counted(condition: str) -> str:
    """Rows; a provider's bucket (it has a source key) stands for as many as it says, a correction for its difference."""
    one = f"CASE WHEN {condition} THEN 1 ELSE 0 END"
    return (
        f"sum(CASE WHEN source_key = '' THEN {one} WHEN {_TAKES_BACK} THEN -({one}) "
        f"ELSE coalesce(q_requests, {one}) END)"
    )


_COUNTS: dict[str, str] = {
    "calls": _counted("attempt <= 1"),
    "attempts": _counted("attempt >= 1"),
    "errors": _count("outcome IN ({})".format(", ".join(f"'{one}'" for one in ERROR_OUTCOMES))),
    "estimated_calls": _count("usage_state = 'estimated'"),
    "unpriced_calls": f"{_count(unpriced_condition())} + coalesce(sum(unpriced_change), 0)",
    "input_tokens": "coalesce(sum(input_tokens), 0)",
    "output_tokens": "coalesce(sum(output_tokens), 0)",
}

EVENT_SUMS: dict[str, str] = {column.name: _event_sum(column.name) for column in SUMMED}
"""Summed column of a charge → its SQL aggregate over events (both engines).

Sums of quantities and costs are NULL where no event of the group has a figure.
"""


@lru_cache(maxsize=64)
def bucket_seconds(zone: str) -> int:
    """The length of a charge's period, so that no local hour or day of the zone cuts one.

    A quarter of an hour where the zone was ever off the hour since 2000 (Kolkata,
    Caracas until 2016), else an hour. Offsets finer than a quarter ended in 1972.
    """
    place = ZoneInfo(zone)
    for year in range(2000, 2041):
        for month in range(1, 13):
            offset = datetime(year, month, 1, tzinfo=UTC).astimezone(place).utcoffset()
            if offset is not None and offset.total_seconds() % HOUR_SECONDS:
                return QUARTER_SECONDS
    return HOUR_SECONDS
