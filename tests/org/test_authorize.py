"""Who may do what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.errors import Denied, UsageError
from tallystick.org.authorize import GRANTS, WHOLE_INSTANCE, check_key_scope, check_role, keys_in_scope, may
from tallystick.org.model import ROLES, GatewayKey, Principal

PERMISSIONS = sorted(set().union(*GRANTS.values()) | {"open", "local"})
principals = st.builds(
    Principal, st.text(max_size=5), st.sampled_from(ROLES), st.lists(st.text(max_size=5)).map(tuple), st.booleans()
)


def test_what_each_role_may_do_is_written_out() -> None:
    every = {"read", "instance", "prices", "keys_read", "keys_write", "tokens_read", "tokens_write", "audit", "erase"}
    every |= {"content", "alerts_test", "budgets_read", "budgets_write", "rules_write", "reconcile"}
    expected = {
        "viewer": {"read", "instance", "budgets_read"},
        "analyst": {"read", "instance", "prices", "budgets_read", "reconcile"},
        "owner": {
            "read",
            "instance",
            "prices",
            "keys_read",
            "keys_write",
            "budgets_read",
            "budgets_write",
            "reconcile",
        },
        "admin": every,
        "auditor": {"read", "instance", "prices", "keys_read", "tokens_read", "audit", "content", "budgets_read"},
    }
    for role in ROLES:
        held = {one for one in PERMISSIONS if may(Principal("x", role), one)}  # type: ignore[arg-type]
        assert held - {"open"} == expected[role], role


@given(principals, st.sampled_from(PERMISSIONS))
def test_a_scope_by_team_never_adds_a_permission(principal: Principal, permission: str) -> None:
    whole = Principal(principal.name, principal.role, (), principal.local)
    if may(principal, permission):  # type: ignore[arg-type]
        assert may(whole, permission)  # type: ignore[arg-type]
    if principal.teams and permission in WHOLE_INSTANCE:
        assert not may(principal, permission)  # type: ignore[arg-type]


@given(principals)
def test_only_the_token_file_opens_local_paths(principal: Principal) -> None:
    assert may(principal, "local") == (principal.local and principal.role == "admin")


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_a_role_about_the_whole_installation_cannot_be_limited(role: str) -> None:
    with pytest.raises(UsageError, match="cannot be limited"):
        check_role(role, ["search"])


@pytest.mark.parametrize("role", ["", "Admin", "root", "admin "])
def test_an_unknown_role_is_named_with_the_known_ones(role: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_role(role, [])
    assert "viewer" in caught.value.next_steps[0]


def test_an_owner_of_a_team_makes_keys_for_it_alone() -> None:
    owner = Principal("o", "owner", ("search", "chat"))
    check_key_scope(owner, {"team": "chat"})
    for locked in ({}, {"team": "ads"}, {"feature": "search"}, {"team": ""}):
        with pytest.raises(Denied):
            check_key_scope(owner, locked)
    check_key_scope(Principal("all", "owner"), {})


def test_an_owner_of_a_team_sees_its_keys_alone() -> None:
    keys = [GatewayKey(f"key_{team}", "", team, "", 0, locked={"team": team}) for team in ("search", "ads")]
    keys.append(GatewayKey("key_none", "", "none", "", 0, defaults={"team": "search"}))
    assert [one.key_id for one in keys_in_scope(Principal("o", "owner", ("search",)), keys)] == ["key_search"]
    assert keys_in_scope(Principal("a", "admin"), keys) == keys
