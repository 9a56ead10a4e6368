"""What the API says of budgets: plain JSON, money as decimal strings, instants as RFC 3339."""

from collections.abc import Mapping
from typing import Any

from tallystick.api.wire import money
from tallystick.budgets.history import Drift
from tallystick.budgets.wire import limit_text, to_wire
from tallystick.kernel.period import rfc3339
from tallystick.operations.explain_decision import Explained
from tallystick.operations.show_budgets import Counter, Report


def report_wire(report: Report, untracked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A budget with its groups as they stand."""
    budget = report.budget
    return to_wire(budget) | {
        "default": not budget.version,
        "changed_at": None if report.changed_at is None else rfc3339(report.changed_at),
        "counters": [counter_wire(one) for one in report.counters],
        "groups": report.groups,
        "counted": "" if report.known else "by what a request looks like, which the ledger does not know",
        "review_due": report.review is not None,
        "review": _review(report),
        "untracked": untracked,
    }


def counter_wire(counter: Counter) -> dict[str, Any]:
    """One group of a budget in its current window; `posted` and `reserved` are null where counters are away."""
    use, pace, unit = counter.use, counter.pace, counter.use.budget.unit

    def text(amount: int | None) -> str | None:
        return None if amount is None else limit_text(unit, amount)

    return {
        "group": use.group,
        "window_start": rfc3339(use.window.start_us) if use.window.start_us else None,
        "window_end": rfc3339(use.window.end_us) if use.window.end_us else None,
        "used": text(use.used),
        "limit": text(use.limit),
        "left": text(max(0, use.limit - use.used)),
        "used_percent": round(use.used * 100 / use.limit, 1),
        "posted": text(counter.posted),
        "reserved": text(counter.reserved),
        "tripped_until": rfc3339(counter.tripped_until_us) if counter.tripped_until_us else None,
        "expected_by_now": text(pace.expected),
        "pace": None if pace.ratio is None else round(pace.ratio, 3),
        "forecast": text(pace.forecast),
        "hit_at": None if pace.hit_us is None else rfc3339(pace.hit_us),
    }


def drift_wire(drift: Drift, units: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """One counter that was set right; amounts are whole numbers where its budget is gone."""
    name, unit = units.get(drift.budget_id, ("", "requests"))
    return {
        "at": rfc3339(drift.at),
        "budget_id": drift.budget_id,
        "budget": name,
        "counter": drift.counter,
        "before": limit_text(unit, drift.before),
        "after": limit_text(unit, drift.after),
        "unit": unit if name else None,
        "reason": drift.reason,
    }


def explained_wire(explained: Explained) -> dict[str, Any]:
    """A row's decision with what came of it."""
    event = explained.event
    return {
        "event_id": event.event_id,
        "occurred_at": rfc3339(event.occurred_at),
        "source": event.source,
        "verdict": event.verdict,
        "decision": explained.decision,
        "missing": explained.missing,
        "outcome": event.outcome,
        "status": event.status,
        "attempt": event.attempt,
        "requested_model": event.request_model,
        "sent_model": event.sent_model or event.request_model,
        "bound_cost": money(event.bound_cost),
        "effective_cost": money(event.effective_cost),
        "input_tokens": event.measured.input_tokens,
        "output_tokens": event.measured.output_tokens,
        "link": f"/requests/{event.event_id}",
    }


def _review(report: Report) -> dict[str, Any] | None:
    review, unit = report.review, report.budget.unit
    if review is None:
        return None
    return {
        "finding": review.finding,
        "windows": review.windows,
        "p95": None if review.p95 is None else limit_text(unit, review.p95),
        "suggested_limit": None if review.suggested is None else limit_text(unit, review.suggested),
    }
