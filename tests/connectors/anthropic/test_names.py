"""What Anthropic calls its workspaces, keys and people. The official client lists these under a later version only."""

import pytest

from tallystick.ports import Directory, Named, SourceFailed
from tests.connectors.anthropic.fake import Organisation
from tests.connectors.anthropic.test_fetch import connected

LISTS: dict[str, list[dict[str, object]]] = {
    "workspaces": [
        {"id": "wrkspc_red", "type": "workspace", "name": "Red", "archived_at": None},
        {"id": "wrkspc_old", "type": "workspace", "name": "Old", "archived_at": "2026-09-01T00:00:00Z"},
    ],
    "api_keys": [
        {"id": "apikey_one", "type": "api_key", "name": "Nightly", "workspace_id": None, "status": "active"},
        {"id": "apikey_two", "type": "api_key", "name": "", "partial_key_hint": "sk-ant-…x", "status": "inactive"},
    ],
    "users": [{"id": "user_ada", "type": "user", "name": "Ada", "email": "ada@example.com", "role": "admin"}],
}
EXPECTED = {
    Named("sub_account_id", "default", "Default workspace"),
    Named("credential_id", "console", "Console and Workbench, without a key"),
    Named("sub_account_id", "wrkspc_red", "Red"),
    Named("sub_account_id", "wrkspc_old", "Old"),
    Named("credential_id", "apikey_one", "Nightly"),
    Named("credential_id", "apikey_two", "sk-ant-…x"),
    Named("principal", "user_ada", "Ada"),
    Named("principal", "ada@example.com", "Ada"),
}


@pytest.mark.parametrize("most", [1, 1000])
def test_every_workspace_key_and_person_is_named_page_by_page(most: int) -> None:
    with connected(Organisation(lists=LISTS, rows_a_list=most)) as (source, asked):
        assert isinstance(source, Directory)
        found = list(source.names())
    assert len(found) == len(EXPECTED)
    assert set(found) == EXPECTED
    assert {one.headers["anthropic-version"] for one in asked.questions} == {"2023-06-01"}


def test_a_key_without_the_right_to_a_list_still_reads_the_others() -> None:
    with connected(Organisation(lists={**LISTS, "users": [{"id": 7}]}, refuses=set())) as (source, _):
        assert {one for one in source.names() if one.kind == "principal"} == set()
    lists = {name: entries for name, entries in LISTS.items() if name != "workspaces"}
    with connected(Organisation(lists=lists)) as (source, _):
        found = []
        with pytest.raises(SourceFailed):
            found.extend(iter(source.names()))
    assert set(found) == {one for one in EXPECTED if not one.id.startswith("wrkspc_")}
