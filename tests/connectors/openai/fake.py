"""OpenAI's organisation API as documented, strict: an unknown parameter or group is refused, limits hold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.connectors.serving import Question, Refuse, Served, after, page_of, serving, summed

KEY = "sk-admin-planted-secret-1234567890"
DAY = 86_400
_ALWAYS = {"start_time", "end_time", "bucket_width", "limit", "page", "group_by"}
_WHO = {"project_id", "user_id", "api_key_id"}
_FILTERS = {"project_ids", "user_ids", "api_key_ids", "models"}
# Kind → groups it knows, filters it knows.
_USAGE: Mapping[str, tuple[set[str], set[str]]] = {
    "completions": (_WHO | {"model", "batch", "service_tier", "api_source"}, _FILTERS | {"batch"}),
    "decisions": (_WHO | {"model", "batch", "service_tier", "api_source"}, _FILTERS | {"batch"}),
    "embeddings": (_WHO | {"model"}, _FILTERS),
    "moderations": (_WHO | {"model"}, _FILTERS),
    "images": (_WHO | {"model", "size", "source"}, _FILTERS | {"sizes", "sources"}),
    "audio_speeches": (_WHO | {"model"}, _FILTERS),
    "audio_transcriptions": (_WHO | {"model"}, _FILTERS),
    "vector_stores": ({"project_id"}, {"project_ids"}),
    "code_interpreter_sessions": ({"project_id"}, {"project_ids"}),
    "file_search_calls": (_WHO | {"vector_store_id"}, {"project_ids", "user_ids", "api_key_ids", "vector_store_ids"}),
    "web_search_calls": (_WHO | {"model", "context_level", "api_source"}, _FILTERS | {"context_levels"}),
}
_COST_GROUPS = {"project_id", "line_item", "api_key_id", "user_id", "api_source"}


@dataclass
class Organisation:
    """What the fake holds.

    Attributes:
        rows: Kind (`costs`, or one of usage) → rows, each with `day` (Unix seconds) beside its fields.
        refuses: Groups that this organisation may not use together with `project_id`, or at all (`api_source`).
        buckets_a_page: No page holds more, whatever limit was asked for.
        fails: Statuses of the next answers, before any good one.
        lists: Path below `/organization/` (`projects`, `projects/proj_a/api_keys`) → its entries.
    """

    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    buckets_a_page: int = 1000
    results_a_page: int = 1000
    rows_a_list: int = 100
    fails: list[int] = field(default_factory=list)
    spend_limit: dict[str, object] | None = None
    lists: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def answer(self, question: Question) -> object:
        if self.fails:
            raise Refuse(self.fails.pop(0), "try later", {"retry-after": "0"})
        sent = question.headers.get("authorization", "")
        if sent != f"Bearer {KEY}":
            raise Refuse(401, f"Incorrect API key provided: {sent}")
        path = question.path.removeprefix("/v1/organization/")
        if path == "spend_limit":
            if self.spend_limit is None:
                raise Refuse(404, "no spend limit")
            return self.spend_limit
        if path in self.lists:
            known = {"limit", "after"} | ({"include_archived"} if path == "projects" else set())
            if unknown := question.names - known or not 1 <= int(question.one("limit", "20")) <= 100:
                raise Refuse(400, f"Unknown parameter or limit: {unknown}")
            entries = self.lists[path]
            if question.one("include_archived") != "true":
                entries = [one for one in entries if one.get("status") != "archived"]
            return {"object": "list", **after(entries, question.one("after"), self.rows_a_list)}
        if path == "costs":
            return self._report(question, "costs", _COST_GROUPS, {"project_ids", "api_key_ids", "line_items"})
        kind = path.removeprefix("usage/")
        if kind not in _USAGE:
            raise Refuse(404, f"Unknown path {question.path}")
        return self._report(question, kind, *_USAGE[kind])

    def _report(self, question: Question, kind: str, groups: set[str], filters: set[str]) -> object:
        if unknown := question.names - _ALWAYS - filters:
            raise Refuse(400, f"Unknown parameter: {sorted(unknown)[0]}")
        asked = question.many("group_by")
        if bad := set(asked) - groups | set(asked) & self.refuses:
            raise Refuse(400, f"Unsupported group_by: {sorted(bad)[0]}")
        width, most = question.one("bucket_width", "1d"), 180 if kind == "costs" else 31
        if width != "1d":
            raise Refuse(400, f"Unsupported bucket_width {width}")
        limit = int(question.one("limit", "7"))
        if not 1 <= limit <= most:
            raise Refuse(400, f"limit must be between 1 and {most}")
        if not question.one("start_time").isdecimal():
            raise Refuse(400, "start_time is required, in seconds")
        start, end = int(question.one("start_time")), int(question.one("end_time", "4102444800"))
        buckets = [
            self._bucket(kind, at, asked, groups) for at in range(start // DAY * DAY, min(end, start + 60 * DAY), DAY)
        ]
        parts: list[object] = [
            {**bucket, "results": rows[at : at + self.results_a_page]}
            for bucket in buckets
            for rows in [bucket["results"]]
            for at in range(0, max(1, len(rows)), self.results_a_page)  # type: ignore[arg-type]
        ]
        data, following = page_of(parts, min(limit, self.buckets_a_page), question.one("page"))
        return {"object": "page", "data": data, "has_more": following is not None, "next_page": following}

    def _bucket(self, kind: str, at: int, asked: list[str], groups: set[str]) -> dict[str, object]:
        mine = [{name: value for name, value in row.items() if name != "day"}
                for row in self.rows.get(kind, []) if row["day"] == at]  # fmt: skip
        results = summed(mine, asked, groups)
        return {"object": "bucket", "start_time": at, "end_time": at + DAY, "results": results}


@contextmanager
def served(organisation: Organisation) -> Iterator[Served]:
    def error(refused: Refuse) -> object:
        return {"error": {"message": refused.message, "type": "invalid_request_error", "param": None, "code": None}}

    with serving(organisation.answer, error) as found:
        yield found
