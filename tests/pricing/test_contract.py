"""What a contract makes of list prices. Figures by hand, in grains a token."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tallystick.kernel.errors import ConfigError
from tallystick.pricing.book import PriceBook
from tallystick.pricing.contract import Contract, contracted, factor_of, parse_contract
from tallystick.pricing.model import PriceCard, Rated
from tallystick.pricing.rate import rate
from tests.pricing.sample import card, day, used

LISTED = {"uncached_input": 200, "plain_output": 1000}
WHOLE = {"how": "whole", "step": [{"above": 100, "discount_percent": 10}, {"above": 1000, "discount_percent": 30}]}


def contract(**more: Any) -> Contract:
    return parse_contract({"name": "ours", "provider": "p", **more}, "test")


def paid(cards: list[PriceCard], *contracts: Contract, at: str = "2026-11-05", tier: str = "", **months: Any) -> Rated:
    book = PriceBook(cards, PriceBook(contracted(cards, contracts, months.get("months"))))
    return rate(
        book, provider="p", model="m", service_tier=tier, region="", at_us=day(at),
        measured=used(uncached_input=10, plain_output=3),
    )  # fmt: skip


def test_a_discount_leaves_the_list_cost_beside_what_is_paid() -> None:
    found = paid([card(prices=LISTED)], contract(discount_percent="12.5"))
    assert found.list_cost == 10 * 200 + 3 * 1000
    assert found.cost == 10 * 175 + 3 * 875
    assert sum(line.cost or 0 for line in found.lines) == found.cost
    assert "contract ours" in found.why


def test_without_a_contract_for_the_model_the_list_price_is_paid() -> None:
    found = paid([card(prices=LISTED)], contract(model="other-*", discount_percent=50))
    assert found.cost == found.list_cost == 5000
    assert "contract" not in found.why


def test_a_contract_holds_from_its_first_day_to_before_its_last() -> None:
    terms = contract(discount_percent=50, **{"from": "2026-11-05", "to": "2026-11-06"})
    for at, cost in (("2026-11-04", 5000), ("2026-11-05", 2500), ("2026-11-06", 5000)):
        assert paid([card(prices=LISTED)], terms, at=at).cost == cost


@pytest.mark.parametrize("text", ["2026-11-05T16:00:00Z", "2026-11-05 16:00:00+00:00", "2026-11-05 16:00"])
def test_an_instant_that_is_kept_as_text_is_the_same_instant(text: str) -> None:
    at = datetime(2026, 11, 5, 16, tzinfo=UTC)
    assert (
        contract(discount_percent=50, **{"from": text}).start_us
        == contract(discount_percent=50, **{"from": at}).start_us
    )
    assert contract(discount_percent=50, **{"from": text}).start_us == day("2026-11-05") + 16 * 3_600_000_000


def test_a_contract_spans_a_change_of_the_list_price() -> None:
    cards = [
        card(prices=LISTED),
        card(prices={"uncached_input": 400, "plain_output": 2000}, valid_from=day("2026-11-05")),
    ]
    terms = contract(discount_percent=25, **{"from": "2026-11-01"})
    assert paid(cards, terms, at="2026-10-31").cost == 5000
    assert paid(cards, terms, at="2026-11-04").cost == 3750
    assert paid(cards, terms, at="2026-11-05").cost == 7500


def test_a_contract_of_one_tier_leaves_the_others() -> None:
    cards = [card(prices=LISTED), card(prices={"uncached_input": 100, "plain_output": 500}, service_tier="batch")]
    terms = contract(service_tier="batch", discount_percent=10)
    assert paid(cards, terms).cost == 5000
    assert paid(cards, terms, tier="batch").cost == 10 * 90 + 3 * 450


def test_a_fixed_price_is_not_discounted_again() -> None:
    terms = contract(discount_percent=10, price=[{"model": "m", "input": "0.000150", "per": 1}])
    assert paid([card(prices=LISTED)], terms).cost == 10 * 150_000_000 + 3 * 900


def test_contracts_do_not_add_up_the_later_one_holds() -> None:
    old = contract(name="old", discount_percent=50)
    new = contract(name="new", discount_percent=20, **{"from": "2026-11-05"})
    assert paid([card(prices=LISTED)], new, old, at="2026-11-04").cost == 2500
    assert paid([card(prices=LISTED)], new, old, at="2026-11-05").cost == 4000


def test_a_month_whose_volume_is_known_has_its_own_factor() -> None:
    terms = contract(discount_percent=10)
    months = {"ours": [(day("2026-11-01"), day("2026-12-01"), 700_000)]}
    assert paid([card(prices=LISTED)], terms, months=months).cost == 3500
    assert paid([card(prices=LISTED)], terms, at="2026-10-31", months=months).cost == 4500
    assert paid([card(prices=LISTED)], terms, at="2026-12-01", months=months).cost == 4500


@pytest.mark.parametrize(
    ("reached", "left"), [(0, 10**6), (100, 10**6), (101, 900_000), (1000, 900_000), (1001, 700_000)]
)
def test_all_of_a_month_pays_the_step_it_has_passed(reached: int, left: int) -> None:
    volume = contract(volume={"of": "tokens", **WHOLE}).volume
    assert volume is not None
    assert factor_of(volume, reached, 10**6) == left


# 100 at 1, 900 at 0.9, 1000 at 0.7: 100 + 810 + 700 = 1610 of 2000.
@pytest.mark.parametrize(
    ("reached", "left"), [(0, 10**6), (100, 10**6), (200, 950_000), (1000, 910_000), (2000, 805_000)]
)
def test_each_part_of_a_month_pays_its_own_step(reached: int, left: int) -> None:
    volume = contract(volume={"of": "tokens", **WHOLE, "how": "marginal"}).volume
    assert volume is not None
    assert factor_of(volume, reached, 10**6) == left


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"discount_percent": 101},
        {"discount_percent": "much"},
        {"discount_percent": 5, "modle": "m"},
        {"price": [{"model": "m", "input": 1, "from": "2026-01-01"}]},
        {"volume": {"step": []}},
        {"volume": {"of": "joy", "step": [{"above": 1, "discount_percent": 1}]}},
        {"discount_percent": 5, "from": "2026-02-01", "to": "2026-01-01"},
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        contract(**terms)
