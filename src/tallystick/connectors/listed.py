"""Lists of a provider's directory: what its projects, keys and people are called."""

from collections.abc import Iterable, Iterator

from tallystick.connectors.paged import Api, Query, Way, answer
from tallystick.connectors.records import Record, Unusable, json_of, list_of, text
from tallystick.ports import Named, SourceFailed

_MOST_PAGES = 10_000
_LONGEST_NAME = 200


def entries(api: Api, path: str, query: Query, after: str) -> Iterator[Record]:
    """Every entry of a list, page after page; what is no object, or has no id, is passed over.

    Args:
        api: Whom to ask.
        path: Of the list.
        query: Of each page.
        after: The parameter that takes the last id of a page and asks for the next one.

    Raises:
        SourceFailed: The list was refused, or an answer is no list.
    """
    last = ""
    for _ in range(_MOST_PAGES):
        body = answer(api, Way(path, (*query, (after, last)) if last else query))
        try:
            found = json_of(body)
            data = list_of(found, "data")
        except Unusable as problem:
            raise SourceFailed(f"{api.name}: the list {path} cannot be read: {problem}") from None
        yield from (one for one in data if isinstance(one, dict) and text(one.get("id")))
        following = text(found.get("last_id"))
        if found.get("has_more") is not True or not following or following == last:
            return
        last = following


def named(kind: str, record: Record, *fields: str) -> Iterator[Named]:
    """An entry's name: the first of these fields that it has."""
    name = next((found for one in fields if (found := text(record.get(one)).strip())), "")
    if name:
        yield Named(kind, text(record["id"]), name[:_LONGEST_NAME])  # type: ignore[arg-type]


def each_that_answers(lists: Iterable[Iterator[Named]]) -> Iterator[Named]:
    """The names of several lists: one that is refused keeps no other from being read.

    Raises:
        SourceFailed: At the end that of the first list that was refused; at once where the provider is away.
    """
    refused: SourceFailed | None = None
    for one in lists:
        try:
            yield from one
        except SourceFailed as error:
            if error.retry_seconds is not None:
                raise
            refused = refused or error
    if refused is not None:
        raise refused
