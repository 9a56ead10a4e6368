"""What OpenAI calls its projects, keys and people is read list by list, and one list that is refused stops no other."""

import pytest
from openai import OpenAI

from tallystick.ports import Directory, Named, SourceFailed
from tests.connectors.openai.fake import KEY, Organisation, served
from tests.connectors.openai.test_fetch import connected

LISTS: dict[str, list[dict[str, object]]] = {
    "projects": [
        {"id": "proj_red", "object": "organization.project", "name": "Red", "created_at": 1, "status": "active"},
        {"id": "proj_old", "object": "organization.project", "name": "Old", "created_at": 1, "status": "archived"},
    ],
    "users": [
        {"id": "user_ada", "object": "organization.user", "name": "Ada", "email": "ada@example.com", "role": "owner", "added_at": 1},
        {"id": "user_ben", "object": "organization.user", "name": None, "email": "ben@example.com", "role": "reader", "added_at": 1},
    ],
    "projects/proj_red/api_keys": [
        {"id": "key_one", "object": "organization.project.api_key", "name": "Nightly", "redacted_value": "sk-a…f", "created_at": 1},
        {"id": "key_two", "object": "organization.project.api_key", "name": "", "redacted_value": "sk-b…g", "created_at": 1},
    ],
    "projects/proj_red/service_accounts": [
        {"id": "svc_bot", "object": "organization.project.service_account", "name": "Bot", "role": "member", "created_at": 1},
    ],
    "projects/proj_old/api_keys": [],
    "projects/proj_old/service_accounts": [],
}  # fmt: skip
EXPECTED = {
    Named("sub_account_id", "proj_red", "Red"),
    Named("sub_account_id", "proj_old", "Old"),
    Named("principal", "user_ada", "Ada"),
    Named("principal", "user_ben", "ben@example.com"),
    Named("credential_id", "key_one", "Nightly"),
    Named("credential_id", "key_two", "sk-b…g"),
    Named("principal", "svc_bot", "Bot"),
}


@pytest.mark.parametrize("most", [1, 100])
def test_every_project_key_and_person_is_named_page_by_page(most: int) -> None:
    with connected(Organisation(lists=LISTS, rows_a_list=most)) as (source, _):
        assert isinstance(source, Directory)
        found = list(source.names())
    assert len(found) == len(EXPECTED)
    assert set(found) == EXPECTED


def test_a_list_that_is_refused_is_told_after_the_others_were_read() -> None:
    lists = {name: entries for name, entries in LISTS.items() if name != "users"}
    with connected(Organisation(lists=lists)) as (source, _):
        found = []
        with pytest.raises(SourceFailed, match="does not know"):
            found.extend(iter(source.names()))
    assert set(found) == {one for one in EXPECTED if not one.id.startswith("user_")}


def test_the_official_client_reads_the_same_lists() -> None:
    with (
        served(Organisation(lists=LISTS, rows_a_list=1)) as found,
        OpenAI(base_url=f"{found.url}/v1", api_key="unused", admin_api_key=KEY, max_retries=0) as client,
    ):
        organisation = client.admin.organization
        projects = {one.id: one.name for one in organisation.projects.list(include_archived=True)}
        users = {one.id: one.name for one in organisation.users.list()}
        keys = {one.id: one.name for one in organisation.projects.api_keys.list("proj_red")}
        machines = {one.id: one.name for one in organisation.projects.service_accounts.list("proj_red")}
    assert projects == {"proj_red": "Red", "proj_old": "Old"}
    assert users == {"user_ada": "Ada", "user_ben": None}
    assert (keys, machines) == ({"key_one": "Nightly", "key_two": ""}, {"svc_bot": "Bot"})
