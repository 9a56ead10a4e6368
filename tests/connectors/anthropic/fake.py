"""Anthropic's organisation API as documented, strict: an unknown parameter or group is refused, limits hold."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.connectors.serving import Question, Refuse, Served, after, page_of, serving, summed

KEY = "sk-ant-admin01-planted-secret-1234567890"
FAST_BETA, ANALYTICS_BETA = "fast-mode-2026-02-01", "analytics-usage-cost-2026-08-24"
_PRICED = {"service_tier", "context_window", "inference_geo"}
_USAGE_GROUPS = {"api_key_id", "workspace_id", "model", "account_id", "service_account_id", *_PRICED}
_USAGE_FILTERS = {"api_key_ids", "workspace_ids", "models", "service_tiers", "context_window", "inference_geos",
                  "account_ids", "service_account_ids", "speeds"}  # fmt: skip
# Filled only when costs are grouped by description.
_COST_DETAILS = {"description", "cost_type", "model", "token_type", "service_tier", "context_window", "inference_geo",
                 "speed"}  # fmt: skip
_ANALYTICS_GROUPS = {
    "actor", "actor_type", "agent_id", "api_key_id", "claude_tag_category", "claude_tag_user_id", "deployment_id",
    "environment_id", "model", "organization_id", "product", "rbac_group_id", "session_id", "slack_channel_id", "speed",
    "user_profile_id", "workspace_id", *_PRICED,
}  # fmt: skip
_FANNED = {"cost_type", "token_type"}
_ORDERS = {"cost": {"amount", "list_amount", "time"},
           "usage": {"output_tokens", "requests", "time", "total_tokens", "uncached_input_tokens"}}  # fmt: skip


@dataclass
class Organisation:
    """What the fake holds.

    Attributes:
        rows: Report → rows, each with `day` (`2026-10-01`) beside its fields.
        refuses: Groups that are not known here.
        rows_a_page: No page holds more rows (or buckets), whatever limit was asked for.
        fails: Statuses of the next answers, before any good one.
        lists: `workspaces`, `api_keys`, `users` → its entries.
    """

    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    rows_a_page: int = 100_000
    results_a_bucket: int = 100_000
    fails: list[int] = field(default_factory=list)
    lists: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    rows_a_list: int = 1000

    def answer(self, question: Question) -> object:
        if self.fails:
            raise Refuse(self.fails.pop(0), "try later", {"retry-after": "0"})
        sent = question.headers.get("x-api-key") or question.headers.get("authorization", "").removeprefix("Bearer ")
        if sent != KEY:
            raise Refuse(401, "invalid x-api-key")
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", question.headers.get("anthropic-version", "")):
            raise Refuse(400, "anthropic-version: header is required")
        reports = {
            "/v1/organizations/usage_report/messages": self._messages,
            "/v1/organizations/cost_report": self._costs,
            "/v1/organizations/usage_report/claude_code": self._code,
            "/v1/organizations/analytics/cost": lambda asked: self._analytics(asked, "cost"),
            "/v1/organizations/analytics/usage": lambda asked: self._analytics(asked, "usage"),
        }
        listed = question.path.removeprefix("/v1/organizations/")
        if listed in self.lists:
            _known(question, {"limit", "after_id"} | ({"include_archived"} if listed == "workspaces" else set()))
            _limit(question, 20, 1000)
            entries = self.lists[listed]
            if question.one("include_archived") != "true":
                entries = [one for one in entries if one.get("archived_at") is None]
            return after(entries, question.one("after_id"), self.rows_a_list)
        if question.path not in reports:
            raise Refuse(404, f"no such path {question.path}")
        if plain := [key for key, _ in question.query if key in {"group_by", "models"}]:
            raise Refuse(400, f"{plain[0]} must be written {plain[0]}[]")
        return reports[question.path](question)

    def _messages(self, question: Question) -> object:
        fast = FAST_BETA in question.headers.get("anthropic-beta", "")
        groups = _USAGE_GROUPS | ({"speed"} if fast else set())
        _known(question, {"starting_at", "ending_at", "bucket_width", "limit", "page", "group_by"} | _USAGE_FILTERS)
        asked = self._groups(question, groups)
        _width(question, "bucket_width", {"1m", "1h", "1d"})
        dimensions = groups if fast else groups | {"speed"}
        return self._buckets(question, "usage_messages", asked, dimensions)

    def _costs(self, question: Question) -> object:
        _known(question, {"starting_at", "ending_at", "bucket_width", "limit", "page", "group_by"})
        asked = self._groups(question, {"workspace_id", "description"})
        _width(question, "bucket_width", {"1d"})
        by = [*asked, *sorted(_COST_DETAILS - {"description"})] if "description" in asked else asked
        return self._buckets(question, "cost_report", by, {"workspace_id", *_COST_DETAILS})

    def _buckets(self, question: Question, report: str, asked: list[str], dimensions: set[str]) -> object:
        limit = _limit(question, 7, 31)
        start, end = _at(question, "starting_at"), _at(question, "ending_at", "2100-01-01T00:00:00Z")
        days = [start + timedelta(days=number) for number in range(min((end - start).days, 60))]
        buckets: list[object] = [
            {"starting_at": _text(day), "ending_at": _text(day + timedelta(days=1)), "results": part}
            for day in days
            for rows in [summed(self._of(report, day), asked, dimensions)]
            for part in _parts(rows, self.results_a_bucket)
        ]
        return self._page(question, buckets, limit)

    def _code(self, question: Question) -> object:
        _known(question, {"starting_at", "limit", "page"})
        limit = _limit(question, 20, 1000)
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", question.one("starting_at")):
            raise Refuse(400, "starting_at must be YYYY-MM-DD")
        day = datetime.fromisoformat(question.one("starting_at")).replace(tzinfo=UTC)
        return self._page(question, [{"date": _text(day), **row} for row in self._of("claude_code", day)], limit)

    def _analytics(self, question: Question, figures: str) -> object:
        if ANALYTICS_BETA not in question.headers.get("anthropic-beta", ""):
            raise Refuse(404, "not found")
        known = {"starting_at", "ending_at", "time_bucket_width", "limit", "page", "group_by", "order_by", "order"}
        _known(question, known)
        asked = self._groups(question, _ANALYTICS_GROUPS | (_FANNED if figures == "cost" else set()))
        if len(set(asked) - _FANNED) > 5:
            raise Refuse(400, "group_by: at most 5 dimensions")
        limit = _limit(question, 20, 1000)
        _width(question, "time_bucket_width", {"1m", "1h", "1d"})
        if question.one("order_by") not in _ORDERS[figures] or question.one("order") not in {"asc", "desc"}:
            raise Refuse(400, "order_by or order is not known")
        start, end = _at(question, "starting_at"), _at(question, "ending_at")
        if start < datetime(2026, 1, 1, tzinfo=UTC) or end - start > timedelta(days=31):
            raise Refuse(400, "the range must be at most 31 days and not before 2026-01-01")
        rows: list[object] = []
        for number in range((end - start).days):
            day = start + timedelta(days=number)
            flat = [{**row["group"], "figures": row[figures]} for row in self._of(f"analytics_{figures}", day)]  # type: ignore[dict-item]
            dimensions = _ANALYTICS_GROUPS | _FANNED
            for one in summed(flat, asked, dimensions):
                group = {name: value for name, value in one.items() if name != "figures"}
                rows.append({"starting_at": _text(day), "ending_at": _text(day + timedelta(days=1)), "group": group,
                             figures: one["figures"]})  # fmt: skip
        return {**self._page(question, rows, limit), "data_refreshed_at": "2026-10-03T09:00:00Z"}

    def _groups(self, question: Question, known: set[str]) -> list[str]:
        asked = question.many("group_by")
        if bad := set(asked) - known | set(asked) & self.refuses:
            raise Refuse(400, f"group_by: {sorted(bad)[0]} is not supported")
        return asked

    def _of(self, report: str, day: datetime) -> list[dict[str, object]]:
        text = day.strftime("%Y-%m-%d")
        return [{name: value for name, value in row.items() if name != "day"}
                for row in self.rows.get(report, []) if row["day"] == text]  # fmt: skip

    def _page(self, question: Question, items: list[object], limit: int) -> dict[str, object]:
        data, following = page_of(items, min(limit, self.rows_a_page), question.one("page"))
        return {"data": data, "has_more": following is not None, "next_page": following}


def _parts(rows: list[dict[str, object]], size: int) -> list[list[dict[str, object]]]:
    return [rows[at : at + size] for at in range(0, max(1, len(rows)), size)]


def _known(question: Question, names: set[str]) -> None:
    if unknown := question.names - names:
        raise Refuse(400, f"{sorted(unknown)[0]}: Extra inputs are not permitted")


def _limit(question: Question, default: int, most: int) -> int:
    limit = int(question.one("limit", str(default)))
    if not 1 <= limit <= most:
        raise Refuse(400, f"limit must be from 1 to {most}")
    return limit


def _width(question: Question, name: str, known: set[str]) -> None:
    if question.one(name, "1d") not in known:
        raise Refuse(400, f"{name} is not known")


def _at(question: Question, name: str, default: str = "") -> datetime:
    found = question.one(name, default)
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", found):
        raise Refuse(400, f"{name} must be RFC 3339")
    return datetime.fromisoformat(found)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def served(organisation: Organisation) -> Iterator[Served]:
    def error(refused: Refuse) -> object:
        found: Mapping[str, object] = {"type": "invalid_request_error", "message": refused.message, "details": None}
        return {"type": "error", "error": found, "request_id": "req_1"}

    with serving(organisation.answer, error) as found:
        yield found
