"""Ask BigQuery for a month of an export: a query, then page after page of its job."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from tallystick.kernel.period import DAY_US, Period, moment
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, AskFailed, Request, ask_patiently
from tallystick.transport.patience import Patience

_LATER_SECONDS = 600.0
_MOST_POLLS = 60
_WAIT_MS = 20_000
# Rows of an invoice month are written from a week before it (Pacific time, early usage) until long after it.
_EARLY_DAYS = 7
TABLE = re.compile(r"([a-z0-9.:-]{4,63})\.([A-Za-z0-9_]{1,1024})\.([A-Za-z0-9_]{1,1024})")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,1024}")


@dataclass(frozen=True, slots=True)
class BigQuery:
    """Where and as whom.

    Attributes:
        project: In which the job runs, and is billed.
        location: Of the dataset: `US`, `EU`, `europe-west1`.
        page_rows: The most rows of an answer.
    """

    base_url: str
    project: str
    location: str
    token: Callable[[], str] = field(repr=False)
    page_rows: int
    patience: Patience


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a query's rows.

    Attributes:
        following: The cursor of the next page; empty for the last.
    """

    body: bytes
    following: str


def statement(table: str, *, focus: bool) -> str:
    """The query of a month; all columns, so that new ones are seen.

    A FOCUS export may be a view, which has no partitions; its billing periods begin at midnight of some zone.
    """
    if focus:
        return f"SELECT * FROM `{table}` WHERE BillingPeriodStart >= @first AND BillingPeriodStart < @end"  # noqa: S608 - a checked name
    return f"SELECT * FROM `{table}` WHERE invoice.month = @month AND _PARTITIONTIME >= @written"  # noqa: S608 - as above


def query_body(query: BigQuery, table: str, window: Period, *, focus: bool) -> bytes:
    """The request for a month."""
    if focus:
        wanted = [("first", "TIMESTAMP", _stamp(window.start_us)), ("end", "TIMESTAMP", _stamp(window.end_us))]
    else:
        written = _stamp(window.start_us - _EARLY_DAYS * DAY_US)
        wanted = [("month", "STRING", f"{moment(window.start_us):%Y%m}"), ("written", "TIMESTAMP", written)]
    asked = {
        "query": statement(table, focus=focus),
        "useLegacySql": False,
        "location": query.location,
        "parameterMode": "NAMED",
        "queryParameters": [
            {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": value}}
            for name, kind, value in wanted
        ],
        "maxResults": query.page_rows,
        "timeoutMs": _WAIT_MS,
    }
    return json.dumps(asked).encode()


def _stamp(at_us: int) -> str:
    return f"{moment(at_us):%Y-%m-%d %H:%M:%S}+00:00"


def parts(query: BigQuery, body: bytes, cursor: str) -> Iterator[Part]:
    """The pages of a query from a cursor on. A cursor is `<location>|<job>|<page token>`.

    Raises:
        SourceFailed: Refused, throttled, away, or an answer that is no page.
    """
    came = _first(query, body) if not cursor else _page(query, *_split(cursor))
    while True:
        following = _following(came, query, cursor)
        yield Part(came, following)
        if not following:
            return
        cursor = following
        came = _page(query, *_split(cursor))


def look(query: BigQuery, table: str) -> None:
    """Ask for the table's description, which costs nothing.

    Raises:
        SourceFailed: It may not be read.
    """
    match = TABLE.fullmatch(table)
    assert match is not None, "it was checked when the source was set up"
    project, dataset, name = (quote(part, safe=":.") for part in match.groups())
    _ask(query, "GET", f"/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{name}?fields=id", b"")


def _first(query: BigQuery, body: bytes) -> bytes:
    came = _ask(query, "POST", f"/bigquery/v2/projects/{quote(query.project, safe=':.')}/queries", body)
    return _complete(query, came)


def _page(query: BigQuery, location: str, job: str, token: str) -> bytes:
    wanted = {"location": location, "maxResults": str(query.page_rows), "timeoutMs": str(_WAIT_MS)}
    if token:
        wanted["pageToken"] = token
    path = f"/bigquery/v2/projects/{quote(query.project, safe=':.')}/queries/{quote(job, safe='')}?{urlencode(wanted)}"
    return _ask(query, "GET", path, b"")


def _complete(query: BigQuery, came: bytes) -> bytes:
    """Wait until the job is done; its first page then."""
    for _ in range(_MOST_POLLS):
        found = _answer(came)
        if found.get("jobComplete") is True:
            return came
        if found.get("jobComplete") is not False:
            raise SourceFailed("BigQuery answers with something that is no page (no jobComplete); its API may have changed",
                               retry_seconds=_LATER_SECONDS)  # fmt: skip
        came = _page(query, *_job(found, query), "")
    raise SourceFailed("BigQuery does not finish the query; it is asked again later", retry_seconds=_LATER_SECONDS)


def _following(came: bytes, query: BigQuery, cursor: str) -> str:
    found = _answer(came)
    if found.get("jobComplete") is not True:
        raise SourceFailed("BigQuery's job is no longer complete; the month is read anew", retry_seconds=_LATER_SECONDS)
    token = found.get("pageToken")
    if token is None or token == "":
        return ""
    following = f"{'|'.join(_job(found, query))}|{token}"
    if not isinstance(token, str) or following == cursor:
        raise SourceFailed("BigQuery says that more follows, but not where", retry_seconds=_LATER_SECONDS)
    return following


def _job(found: Mapping[str, object], query: BigQuery) -> tuple[str, str]:
    job = found.get("jobReference")
    name, location = (job.get("jobId"), job.get("location", query.location)) if isinstance(job, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(location, str) or not _NAME.fullmatch(name):
        raise SourceFailed("BigQuery names no job for its pages", retry_seconds=_LATER_SECONDS)
    return location, name


def _split(cursor: str) -> tuple[str, str, str]:
    location, first, rest = cursor.partition("|")
    job, second, token = rest.partition("|")
    if not (first and second and token and _NAME.fullmatch(job)):
        raise SourceFailed("the kept place in this month is none of ours; read the month from its start")
    return location, job, token


def _answer(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SourceFailed("BigQuery answers with something that is no JSON object", retry_seconds=_LATER_SECONDS)
    return found


def _ask(query: BigQuery, method: str, path: str, body: bytes) -> bytes:
    headers = {"authorization": f"Bearer {query.token()}", "accept": "application/json"}
    if body:
        headers["content-type"] = "application/json"
    try:
        request = Request(method, f"{query.base_url}{path}", headers, body, seconds=90.0)
        answer = ask_patiently(request, query.patience)
    except AskFailed as error:
        retry = (error.retry_seconds or _LATER_SECONDS) if error.retry else None
        later = "; it is tried again later" if error.retry else ""
        raise SourceFailed(f"BigQuery: {error.reason}{later}", retry_seconds=retry) from None
    if answer.status != 200:
        raise _refused(answer)
    return answer.body


def _refused(answer: Answer) -> SourceFailed:
    reason = ""
    try:
        error = json.loads(answer.body)["error"]["errors"][0]
        reason = re.sub(r"[^A-Za-z]", "", str(error["reason"]))[:60]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        pass
    if reason in {"rateLimitExceeded", "quotaExceeded", "backendError", "jobRateLimitExceeded"}:
        return SourceFailed(f"BigQuery throttles ({reason}); it is tried again later", retry_seconds=3600.0)
    words = {
        400: "does not understand the query: check the table, and location",
        401: "refuses the access token: it has expired or is none; give a fresh one",
        403: "refuses: BigQuery Job User on the project and BigQuery Data Viewer on the dataset are needed",
        404: "does not know the table, the project or the job: check their names, and location",
    }.get(answer.status, "does not answer as it should; check base_url")
    return SourceFailed(f"BigQuery {words} (status {answer.status}{f', {reason}' if reason else ''})")
