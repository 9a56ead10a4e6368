"""What OpenAI can be asked for: each stream with its path, its groups and who reads its pages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.openai import completions, costs, counted
from tallystick.connectors.openai.lines import GROUPS
from tallystick.connectors.paged import Query, Way
from tallystick.kernel.period import DAY_US, SECOND_US, Period
from tallystick.ports import Page, Stream

# Nothing is published about when figures are final: usage is read again for three days, money
# until three days after the month it may still be corrected in.
_USAGE_DAYS, _COST_DAYS = 3, 34
_MOST_USAGE_BUCKETS, _MOST_COST_BUCKETS = 31, 180


@dataclass(frozen=True, slots=True)
class Report:
    """One stream.

    Attributes:
        groups: Sets of fields to group by, the finest first; an organisation or an older server
            may refuse the finer ones.
        most_buckets: More days than these are not given at once.
    """

    stream: Stream
    path: str
    groups: tuple[tuple[str, ...], ...]
    most_buckets: int
    parse: Callable[[Page], Iterator[BillLine | Rejected]]


_COST_GROUPS = ("line_item", "project_id", "api_key_id")
_COSTS = Report(
    Stream("costs", "Costs", "cost", "day", _COST_DAYS),
    "/organization/costs",
    (
        (*_COST_GROUPS, "user_id", "api_source"),
        (*_COST_GROUPS, "user_id"),
        (*_COST_GROUPS, "api_source"),
        _COST_GROUPS,
    ),
    _MOST_COST_BUCKETS,
    costs.lines,
)
# Kind → title, and the fields it can be grouped by besides project, user and key.
_USAGE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "completions": ("Tokens of completions", ("model", "batch", "service_tier", "api_source")),
    "decisions": ("Tokens of decisions", ("model", "batch", "service_tier", "api_source")),
    "embeddings": ("Tokens of embeddings", ("model",)),
    "moderations": ("Tokens of moderations", ("model",)),
    "images": ("Images", ("model", "size", "source")),
    "audio_speeches": ("Characters spoken", ("model",)),
    "audio_transcriptions": ("Seconds transcribed", ("model",)),
    "vector_stores": ("Bytes in vector stores", ()),
    "code_interpreter_sessions": ("Code interpreter sessions", ()),
    "file_search_calls": ("File searches", ("vector_store_id",)),
    "web_search_calls": ("Web searches", ("model", "context_level", "api_source")),
}
_BY_PROJECT_ONLY = frozenset({"vector_stores", "code_interpreter_sessions"})
_TOTALS = {"completions": completions.lines, "decisions": completions.decision_lines}
# Newer than the published specification: most organisations do not have it, and whether its tokens
# are in completions too is written nowhere. Read only where somebody says so.
DECISIONS = "usage_decisions"


def _usage(kind: str) -> Report:
    title, own = _USAGE[kind]
    groups = ("project_id",) if kind in _BY_PROJECT_ONLY else (*GROUPS, *own)
    older = tuple(name for name in groups if name != "api_source")
    return Report(
        Stream(f"usage_{kind}", title, "usage", "day", _USAGE_DAYS),
        f"/organization/usage/{kind}",
        (groups,) if older == groups else (groups, older),
        _MOST_USAGE_BUCKETS,
        _TOTALS[kind] if kind in _TOTALS else counted.reader(kind),
    )


REPORTS: Mapping[str, Report] = {report.stream.name: report for report in (_COSTS, *(_usage(kind) for kind in _USAGE))}


def ways(report: Report, window: Period) -> list[Way]:
    """How a slice of a report is asked for, the finest grouping first."""
    return [Way(report.path, _query(report, groups, window)) for groups in report.groups]


def _query(report: Report, groups: tuple[str, ...], window: Period) -> Query:
    # A bucket that is cut short by the question would be less than its day.
    start = window.start_us // DAY_US * DAY_US
    days = max(1, -(-(window.end_us - start) // DAY_US))
    return (
        ("start_time", str(start // SECOND_US)),
        ("end_time", str((start + days * DAY_US) // SECOND_US)),
        ("bucket_width", "1d"),
        ("limit", str(min(days, report.most_buckets))),
        *(("group_by[]", group) for group in groups),
    )
