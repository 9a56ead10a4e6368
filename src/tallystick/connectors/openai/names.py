"""What OpenAI calls the ids on its lines: projects, people, and the keys of each project."""

from collections.abc import Iterator
from urllib.parse import quote

from tallystick.connectors.listed import each_that_answers, entries, named
from tallystick.connectors.paged import Api, Query
from tallystick.connectors.records import text
from tallystick.ports import Named

_PAGE: Query = (("limit", "100"),)


def names(api: Api) -> Iterator[Named]:
    """Projects first, archived ones too: lines of their time are still there. A key is listed with its project only.

    Raises:
        SourceFailed: A list was refused.
    """
    projects = list(entries(api, "/organization/projects", (*_PAGE, ("include_archived", "true")), "after"))
    for one in projects:
        yield from named("sub_account_id", one, "name")
    paths = [f"/organization/projects/{quote(text(one['id']), safe='')}" for one in projects]
    yield from each_that_answers(
        [
            _list(api, "/organization/users", "principal", "name", "email"),
            *(_list(api, f"{path}/api_keys", "credential_id", "name", "redacted_value") for path in paths),
            *(_list(api, f"{path}/service_accounts", "principal", "name") for path in paths),
        ]
    )


def _list(api: Api, path: str, kind: str, *fields: str) -> Iterator[Named]:
    for one in entries(api, path, _PAGE, "after"):
        yield from named(kind, one, *fields)
