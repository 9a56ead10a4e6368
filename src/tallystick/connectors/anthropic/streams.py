"""What Anthropic can be asked for: each stream with its path, its groups and who reads its pages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tallystick.bills.model import BillLine, Layer, Rejected
from tallystick.connectors.anthropic import analytics, claude_code, costs, messages
from tallystick.connectors.paged import Query, Way
from tallystick.kernel.period import DAY_US, Period, moment, rfc3339
from tallystick.ports import Page, Stream

_REVISED_DAYS = 30
FAST_BETA = "fast-mode-2026-02-01"
ANALYTICS_BETA = "analytics-usage-cost-2026-08-24"
# Analytics reach back a year, and not before 2026.
_ANALYTICS_DAYS, _ANALYTICS_START_US = 364, 1_767_225_600_000_000
_MOST_DAYS, _MOST_ROWS = 31, 1000


@dataclass(frozen=True, slots=True)
class Report:
    """One stream.

    Attributes:
        asks: Its own part of the question: times, widths, limits, of a window.
        groups: Sets of fields to group by, the finest first, with the beta that knows the set ("" for none).
    """

    stream: Stream
    path: str
    asks: Callable[[Period], Query]
    parse: Callable[[Page], Iterator[BillLine | Rejected]]
    groups: tuple[tuple[tuple[str, ...], str], ...] = (((), ""),)
    headers: Mapping[str, str] = field(default_factory=dict)


def _days(window: Period) -> tuple[str, str, int]:
    """The whole days of a window: first instant in, first out, how many."""
    start = window.start_us // DAY_US * DAY_US
    days = max(1, -(-(window.end_us - start) // DAY_US))
    return rfc3339(start), rfc3339(start + days * DAY_US), days


def _buckets(window: Period) -> Query:
    start, end, days = _days(window)
    return (("starting_at", start), ("ending_at", end), ("bucket_width", "1d"), ("limit", str(min(days, _MOST_DAYS))))


def _flat(window: Period) -> Query:
    start, end, _ = _days(window)
    # Ordered by time and not by amount, which moves while pages are read.
    return (
        ("starting_at", start),
        ("ending_at", end),
        ("time_bucket_width", "1d"),
        ("limit", str(_MOST_ROWS)),
        ("order_by", "time"),
        ("order", "asc"),
    )


def _day(window: Period) -> Query:
    return (("starting_at", f"{moment(window.start_us):%Y-%m-%d}"), ("limit", str(_MOST_ROWS)))


def _stream(name: str, title: str, layer: Layer, *instead_of: str) -> Stream:
    """One that is told by days; whoever switches between the unified analytics and the API's reports has each day once."""
    return Stream(name, title, layer, "day", _REVISED_DAYS, instead_of=instead_of)


_MESSAGES = ("workspace_id", "api_key_id", "model", "service_tier", "context_window", "inference_geo")
_ACCOUNTS = ("account_id", "service_account_id")
_USAGE = Report(
    _stream("usage_messages", "Tokens and web searches of the API", "usage", "analytics_usage"),
    "/v1/organizations/usage_report/messages",
    _buckets,
    messages.lines,
    (((*_MESSAGES, *_ACCOUNTS, "speed"), FAST_BETA), ((*_MESSAGES, *_ACCOUNTS), ""), (_MESSAGES, "")),
)
_COSTS = Report(
    _stream("cost_report", "Costs of the API", "cost", "analytics_cost"),
    "/v1/organizations/cost_report",
    _buckets,
    costs.lines,
    ((("workspace_id", "description"), ""),),
)
_CODE = Report(
    _stream("claude_code", "Claude Code by person, estimated", "usage"),
    "/v1/organizations/usage_report/claude_code",
    _day,
    claude_code.lines,
)
# At most five groups. Money is asked for by who and what: its amounts hold whatever tier they
# come from. Tokens are asked for by what decides their price.
_ANALYTICS_USAGE = Report(
    _stream("analytics_usage", "Tokens of the organisation", "usage", "usage_messages"),
    "/v1/organizations/analytics/usage",
    _flat,
    analytics.usage_lines,
    ((("workspace_id", "api_key_id", "model", "service_tier", "context_window"), ""),),
    {"anthropic-beta": ANALYTICS_BETA},
)
_ANALYTICS_COST = Report(
    _stream("analytics_cost", "Costs of the organisation by person and product", "cost", "cost_report"),
    "/v1/organizations/analytics/cost",
    _flat,
    analytics.cost_lines,
    ((("actor", "api_key_id", "model", "product", "workspace_id", "cost_type", "token_type"), ""),),
    {"anthropic-beta": ANALYTICS_BETA},
)
REPORTS: Mapping[str, Report] = {
    report.stream.name: report for report in (_COSTS, _USAGE, _CODE, _ANALYTICS_COST, _ANALYTICS_USAGE)
}


def streams(*, unified: bool, code: bool, now_us: int) -> list[Stream]:
    """What is read: the unified analytics or the two API reports, never both, for they say the same.

    Args:
        unified: Read the unified analytics.
        code: Read Claude Code analytics too.
        now_us: How far back the analytics reach depends on it.
    """
    chosen = [_ANALYTICS_COST, _ANALYTICS_USAGE] if unified else [_COSTS, _USAGE]
    if unified:
        days = max(0, min(_ANALYTICS_DAYS, (now_us - _ANALYTICS_START_US) // DAY_US))
        return [replace(one.stream, backfill_days=days) for one in chosen] + ([_CODE.stream] if code else [])
    return [one.stream for one in chosen] + ([_CODE.stream] if code else [])


def ways(report: Report, window: Period) -> list[Way]:
    """How a slice of a report is asked for, the finest grouping first."""
    return [
        Way(
            report.path,
            (*report.asks(window), *(("group_by[]", group) for group in groups)),
            {**report.headers, **({"anthropic-beta": beta} if beta else {})},
        )
        for groups, beta in report.groups
    ]
