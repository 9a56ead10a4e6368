"""What Anthropic calls the ids on its lines: workspaces, keys and people."""

from collections.abc import Iterator

from tallystick.connectors.anthropic.messages import CONSOLE, DEFAULT_WORKSPACE
from tallystick.connectors.listed import each_that_answers, entries, named
from tallystick.connectors.paged import Api, Query
from tallystick.connectors.records import text
from tallystick.ports import Named

_PAGE: Query = (("limit", "1000"),)


def names(api: Api) -> Iterator[Named]:
    """Archived workspaces too: lines of their time are still there.

    Raises:
        SourceFailed: A list was refused.
    """
    yield Named("sub_account_id", DEFAULT_WORKSPACE, "Default workspace")
    yield Named("credential_id", CONSOLE, "Console and Workbench, without a key")
    yield from each_that_answers([_workspaces(api), _keys(api), _people(api)])


def _workspaces(api: Api) -> Iterator[Named]:
    for one in entries(api, "/v1/organizations/workspaces", (*_PAGE, ("include_archived", "true")), "after_id"):
        yield from named("sub_account_id", one, "name")


def _keys(api: Api) -> Iterator[Named]:
    for one in entries(api, "/v1/organizations/api_keys", _PAGE, "after_id"):
        yield from named("credential_id", one, "name", "partial_key_hint")


def _people(api: Api) -> Iterator[Named]:
    """By their id and by their address, for reports know them by one or the other."""
    for one in entries(api, "/v1/organizations/users", _PAGE, "after_id"):
        for found in named("principal", one, "name", "email"):
            yield found
            if address := text(one.get("email")):
                yield Named("principal", address, found.name)
