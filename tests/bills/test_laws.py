"""What holds of every month, whatever its bills say: nothing is lost, nothing counts twice, order is nothing."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.bills.grade import grade
from tallystick.bills.reconcile import Facts, Outcome, reconcile
from tallystick.bills.said import Amounts, Item, Key, Match, Said
from tallystick.bills.spread import spread

DAY = 86_400_000_000
MODELS, METERS, TIERS = ("alpha", "beta", ""), ("plain_output", "reasoning_output", "cache_read", ""), ("", "flex")

grains = st.integers(0, 10**15)
days = st.integers(0, 2)
keys = st.builds(Key, st.just("openai"), st.sampled_from(MODELS), st.sampled_from(METERS), st.sampled_from(TIERS))


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    metered = [key._replace(meter=key.meter or "cache_read") for key in draw(st.lists(keys, max_size=8))]
    names = {(draw(days), key, draw(st.booleans())) for key in metered}
    found = []
    for day, key, priced in sorted(names):
        cost = draw(grains) if priced else None
        found.append(Item(day * DAY, key, draw(st.integers(0, 10**6)), cost, cost))
    return found


@st.composite
def one_said(draw: st.DrawFn) -> Said:
    key, day = draw(keys), draw(days)
    amount = draw(grains)
    category = draw(st.sampled_from(("Usage", "Usage", "Usage", "Tax", "Credit", "Purchase")))
    layer = draw(st.sampled_from(("usage", "cost", "invoice"))) if category == "Usage" else "invoice"
    amount = -amount if category == "Credit" else amount
    listed = draw(st.none() | grains)
    return Said(
        layer, "bills", "lines", day * DAY, (day + draw(st.integers(1, 3))) * DAY,
        Amounts(amount, None if layer == "usage" else amount, listed, listed), "openai", key.model, key.meter,
        key.service_tier, category=category, quantity=draw(st.none() | st.integers(0, 10**6)) if key.meter else None,
        lines=draw(st.integers(1, 3)), ai=draw(st.booleans()) or category == "Usage",
    )  # fmt: skip


months = st.tuples(items(), st.lists(one_said(), max_size=8))


def held_against(items: list[Item], said: list[Said]) -> Outcome:
    return reconcile(Facts("main", "USD", items, said, Match()), lambda key, at: 7 if key.service_tier else 5)


def sums(outcome: Outcome) -> tuple[object, ...]:
    figures = (outcome.metered, outcome.billed, outcome.pending, outcome.residual, outcome.owned)
    return (*figures, outcome.classes(), outcome.shares(), sorted(map(repr, outcome.rows)))


@given(st.integers(-(10**20), 10**20), st.lists(st.integers(0, 10**18), min_size=1, max_size=30))
def test_a_spread_loses_no_grain_and_is_fair_to_one(amount: int, weights: list[int]) -> None:
    shares = spread(amount, weights)
    assert sum(shares) == amount
    total = sum(weights) or len(weights)
    for share, weight in zip(shares, weights if sum(weights) else [1] * len(weights), strict=True):
        assert abs(share * total - amount * weight) <= total


def test_nothing_to_spread_over_gets_nothing() -> None:
    assert spread(5, []) == []


@given(months)
@settings(max_examples=150)
def test_metered_and_the_classes_sum_to_what_is_billed(month: tuple[list[Item], list[Said]]) -> None:
    outcome = held_against(*month)
    difference = outcome.billed - outcome.metered
    assert sum(one.amount for one in outcome.classes()) == difference
    assert sum(row.amount for row in outcome.rows if not row.class_) == difference
    assert sum(row.metered_cost or 0 for row in outcome.rows) == outcome.metered
    for claim in {row.claim for row in outcome.rows}:
        mine = [row for row in outcome.rows if row.claim == claim]
        assert sum(row.amount for row in mine if not row.class_) == sum(row.amount for row in mine if row.class_)
    assert sum(outcome.shares().values()) == outcome.billed + outcome.pending


@given(months, st.randoms())
@settings(max_examples=60)
def test_the_order_of_lines_and_charges_is_nothing(month: tuple[list[Item], list[Said]], dice: object) -> None:
    metered, said = list(month[0]), list(month[1])
    before = sums(held_against(metered, said))
    dice.shuffle(said)  # type: ignore[attr-defined]
    assert sums(held_against(metered, said)) == before


@given(months)
@settings(max_examples=60)
def test_a_claim_of_the_strongest_layer_is_worth_what_its_lines_say(month: tuple[list[Item], list[Said]]) -> None:
    metered, said = month
    outcome = held_against(metered, said)
    usage = [one for one in said if one.layer == "invoice" and not one.own]
    invoiced = sum(one.effective or 0 for one in outcome.held if one.basis == "invoiced")
    assert invoiced == sum(one.amounts.effective or 0 for one in usage)


@given(months, grains)
@settings(max_examples=60)
def test_an_invoice_of_one_line_over_all_of_it_is_what_usage_comes_to(
    month: tuple[list[Item], list[Said]], amount: int
) -> None:
    metered, said = month
    weaker = [replace(one, layer="cost") if one.layer == "invoice" and not one.own else one for one in said]
    total = Said("invoice", "bills", "invoice", 0, 6 * DAY, Amounts(amount, amount), "openai")
    outcome = held_against(metered, [*(one for one in weaker if not one.own), total])
    assert (outcome.billed, outcome.pending) == (amount, 0)
    # What no claim had covered keeps its dimensions: no item is gone.
    assert [one.item for one in outcome.held if one.metered] == metered


@given(st.lists(one_said(), min_size=1, max_size=8))
@settings(max_examples=60)
def test_the_same_lines_from_a_second_source_change_no_amount(said: list[Said]) -> None:
    once = held_against([], said)
    twice = held_against([], [*said, *(replace(one, source="copy") for one in said)])
    assert (twice.billed, twice.owned, twice.residual) == (once.billed, once.owned, once.residual)
    assert sum(one.lines for one in twice.set_aside) == sum(one.lines for one in said)


def test_the_grade_says_what_the_money_rests_on() -> None:
    assert grade({"invoiced": 95, "metered": 5}, 0)[0] == "A"
    assert grade({"invoiced": 94, "metered": 6}, 0)[0] == "B"
    assert grade({"reported": 100}, 0)[0] == "B"
    assert grade({"reported": 79, "metered": 21}, 0)[0] == "C"
    assert grade({"reported": 19, "metered": 81}, 0)[0] == "D"
    assert grade({"invoiced": 100}, 1_000) == ("B", "100.0% invoiced, 1,000 tokens without a price")
    assert grade({}, 5)[0] == "D"
