"""What an attempt settles at, once its row is known."""

import asyncio

import pytest

from tallystick.budgets.ask import holds
from tallystick.budgets.cover import counter_key
from tallystick.budgets.model import Ask, Bound, Budget
from tallystick.counters.process import ProcessCounters
from tallystick.gateway.reserve import Enforcer, Reserved
from tallystick.gateway.settings import BudgetSettings
from tests.ledger.sample import START, an_event

MONEY = Budget("bud_1", "money", 10**12, window="total")
# Nine dollars at most: four, and ten tokens of half a dollar.
BOUND = Bound(100, 20, 4 * 10**12, 5 * 10**11, capped=True)


@pytest.mark.parametrize(("currency", "posted"), [("USD", 10**9), ("CNY", 9 * 10**9)])
def test_a_cost_in_dollars_settles_at_its_amount_and_one_in_another_currency_at_the_bound(
    currency: str, posted: int
) -> None:
    counters = ProcessCounters()
    enforcer = Enforcer(BudgetSettings(), counters, lambda _: (), "gw_1", may_build=True)
    event = an_event(1, currency=currency, effective_cost=10**12)
    asked = holds((MONEY,), {}, START, BOUND)

    async def settled() -> int:
        await enforcer.reserve(Ask(event.event_id, "gw_1", asked, 10, 10, START, START + 10**9))
        enforcer.settle(Reserved((MONEY,), BOUND, 10), event)
        (standing,) = await counters.read([counter_key("bud_1", (), 0)])
        assert standing.reserved == 0
        return standing.posted

    assert asyncio.run(settled()) == posted
