"""Ask a provider's reporting API for page after page, and say in plain words why it did not answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from tallystick.connectors.records import Record, Unusable, json_of, member, text
from tallystick.kernel.period import Period
from tallystick.ports import Page, SourceFailed, Stream
from tallystick.transport.ask import Answer, AskFailed, Request, ask_patiently
from tallystick.transport.patience import Patience

Query = tuple[tuple[str, str], ...]
_LATER_SECONDS = 600.0
_MOST_SHOWN = 300
_WEB_PAGE = "a web page came instead of a report: check base_url, and whether a proxy or a sign-in stands before it"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking for a stream: newer ones first, for an older server refuses what it does not know."""

    path: str
    query: Query
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Api:
    """Where and how a provider is asked.

    Attributes:
        name: Of the provider, for people.
        headers: Made anew for each request: the secret is read when it is needed.
        refusals: Status → what it means and what to do.
    """

    name: str
    base_url: str
    headers: Callable[[], Mapping[str, str]] = field(repr=False)
    refusals: Mapping[int, str]
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: one slice of one stream, from a cursor on."""

    stream: Stream
    window: Period
    cursor: str
    number: int
    account: str


class _Refused(Exception):
    """Status 400: this way of asking is not understood."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def pages(api: Api, asked: Asked, ways: Sequence[Way]) -> Iterator[Page]:
    """The pages of a slice, each as it came.

    A cursor is `<way>|<what the provider gave>`: a provider's cursor holds for one way of
    asking only. Only the first page tries further ways.

    Raises:
        SourceFailed: Refused, throttled, away, or an answer that is no page.
    """
    cursor, number = asked.cursor, asked.number
    way, place = _from_cursor(api, cursor, len(ways))
    while True:
        way, body = (
            _first(api, ways) if not cursor else (way, _next(api, ways[way], place, kept=number == asked.number))
        )
        following = _following(api, body, place)
        next_cursor = f"{way}|{following}" if following else ""
        yield Page(asked.stream.name, asked.window, number, cursor, next_cursor, body, asked.account)
        if not following:
            return
        cursor, place, number = next_cursor, following, number + 1


def _from_cursor(api: Api, cursor: str, ways: int) -> tuple[int, str]:
    number, _, place = cursor.partition("|")
    if cursor and not (number.isdecimal() and int(number) < ways and place):
        raise SourceFailed(f"{api.name}: the kept place in this report is none of ours; read the day from its start")
    return int(number or 0), place


def _first(api: Api, ways: Sequence[Way]) -> tuple[int, bytes]:
    refused = _Refused("")
    for number, way in enumerate(ways):
        try:
            return number, _get(api, way)
        except _Refused as error:
            refused = error
    raise SourceFailed(f"{api.name} does not understand the question (status 400): {refused.words}")


def _next(api: Api, way: Way, place: str, *, kept: bool) -> bytes:
    """A further page; a place kept from an earlier run that is forgotten will not come back, one of this run may."""
    try:
        return _get(api, Way(way.path, (*way.query, ("page", place)), way.headers))
    except _Refused as error:
        words = f"{api.name} no longer knows the place in this report (status 400): {error.words}"
        raise SourceFailed(f"{words}; read the day anew", retry_seconds=None if kept else _LATER_SECONDS) from None


def _following(api: Api, body: bytes, place: str) -> str:
    """The provider's cursor of the next page, empty for the last.

    Raises:
        SourceFailed: The answer does not say whether more follows, or leads back to itself.
    """
    try:
        found = json_of(body)
    except Unusable as problem:
        words = _WEB_PAGE if body.lstrip()[:1] == b"<" else problem
        raise SourceFailed(f"{api.name}: {words}", retry_seconds=_LATER_SECONDS) from None
    more, following = found.get("has_more"), found.get("next_page")
    if not isinstance(found.get("data"), list) or not isinstance(more, bool):
        words = f"{api.name} answers with something that is no page (no data, or no has_more)"
        raise SourceFailed(f"{words}; its API may have changed, look for a newer version", retry_seconds=_LATER_SECONDS)
    if not more:
        return ""
    if not isinstance(following, str) or not following or following == place:
        raise SourceFailed(f"{api.name} says that more follows, but not where", retry_seconds=_LATER_SECONDS)
    return following


def answer(api: Api, way: Way) -> bytes:
    """One answer by itself.

    Raises:
        SourceFailed: There is none, whatever the reason.
    """
    return _first(api, [way])[1]


def _get(api: Api, way: Way) -> bytes:
    """The body of an answer of status 200.

    Raises:
        _Refused: Status 400.
        SourceFailed: Any other status, or no answer.
    """
    query = urlencode(way.query, quote_via=quote, safe="[]:")
    url = f"{api.base_url}{way.path}" + (f"?{query}" if query else "")
    headers = {"accept": "application/json", **api.headers(), **way.headers}
    try:
        came = ask_patiently(Request("GET", url, headers), api.patience)
    except AskFailed as error:
        retry = (error.retry_seconds or _LATER_SECONDS) if error.retry else None
        later = "; it is tried again later" if error.retry else ""
        raise SourceFailed(f"{api.name}: {error.reason}{later}", retry_seconds=retry) from None
    if came.status == 200:
        return came.body
    if came.status == 400:
        raise _Refused(_said(came, headers))
    raise SourceFailed(f"{api.name} {_refusal(api, came.status)}")


def _refusal(api: Api, status: int) -> str:
    """What a status means, and what to do about it."""
    if status in api.refusals:
        return f"{api.refusals[status]} (status {status})"
    if 300 <= status < 400:
        return f"sends us elsewhere (status {status}); no redirect is followed: check base_url"
    return f"answers with status {status}; check base_url and what the key may read"


def _said(came: Answer, headers: Mapping[str, str]) -> str:
    """The provider's own words; never with anything of ours that is secret."""
    try:
        error: Record = member(json_of(came.body), "error")
    except Unusable:
        return "it gives no reason"
    words = text(error.get("message"))
    for value in headers.values():
        secret = value.removeprefix("Bearer ")
        if len(secret) > 8:
            words = words.replace(secret, "…")
    return words[:_MOST_SHOWN] or "it gives no reason"
