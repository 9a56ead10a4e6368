"""The demo's keys and budgets, and counters that stand where its rows say."""

from dataclasses import replace

from tallystick.budgets.history import Change
from tallystick.budgets.store import read_budget, write_budget
from tallystick.demo.budgets import demo_budgets
from tallystick.demo.company import TEAMS
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context
from tallystick.operations.manage_keys import changed_version
from tallystick.operations.repair_counters import Repair, build_counters
from tallystick.org import store
from tallystick.org.hash import KEY_PREFIX, hash_secret, hint, new_secret
from tallystick.org.model import GatewayKey
from tallystick.ports import CountersAway

_ENVIRONMENTS = ("production", "staging", "development")
_AGE_US = 400 * DAY_US


def set_up_demo(context: Context, events: int, now_us: int) -> None:
    """Put them there; what is there already is set anew, or stays."""
    with changed_version(context) as version:
        for budget in demo_budgets(events, now_us):
            known = read_budget(context.config_db, budget.budget_id)
            made = Change(budget.created_at, budget.owner, None, budget.limit, budget.blocks)
            write_budget(context.config_db, replace(budget, version=version), None if known else made)
        for team in ("shared", *(one.name for one in TEAMS)):
            for environment in _ENVIRONMENTS:
                _add_key(context, team, environment, (now_us, version))
    if context.counters is not None:
        try:
            build_counters(Repair(context, context.counters, lambda: None))
        except CountersAway:
            # They are built when they are there again.
            return


def _add_key(context: Context, team: str, environment: str, at: tuple[int, int]) -> None:
    """A key that nobody holds the secret of, unless it is there."""
    key_id, (now_us, version) = f"key_{team.lower()}_{environment}", at
    if store.read_key(context.config_db, key_id) is not None:
        return
    secret = new_secret(KEY_PREFIX)
    owner = {} if team == "shared" else {"team": team}
    store.append_key(
        context.config_db,
        GatewayKey(
            key_id, f"{team} {environment}", hash_secret(secret), hint(secret), now_us - _AGE_US,
            locked={**owner, "environment": environment}, version=version,
        ),
    )  # fmt: skip
