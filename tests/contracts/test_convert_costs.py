"""Sums in one currency are those of plain arithmetic, day by day; what no rate says stays apart. On both engines."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from tallystick.explore.describe import conversion_texts
from tallystick.explore.model import Breakdown
from tallystick.explore.parse import parse_query, query_link
from tallystick.explore.statement import Shape, Statement, branches
from tallystick.explore.wire import to_wire
from tallystick.kernel.errors import QueryError
from tallystick.operations import convert_costs
from tallystick.operations.context import Context
from tallystick.operations.explore import explore, other_currencies, read_scope
from tallystick.operations.list_ledger import LedgerWish, list_ledger
from tallystick.operations.list_requests import list_requests
from tallystick.operations.manage_currency import keep_rates, set_rate
from tallystick.org.model import Principal
from tallystick.pricing.currency import ExchangeRate
from tallystick.usage.model import UsageEvent
from tests.contracts.explored import filled, local, made_events, micros, value_of

ANYONE = Principal("test", "admin")
NOW = "2026-11-10T15:07:33"
ZONE = "Europe/Berlin"
# Euro in dollars, from the day; dollars before 15 October and pounds at any time have no rate.
RATES = {"2026-10-15": "1.1578", "2026-10-20": "1.2", "2026-10-21": "1.0931", "2026-11-02": "0.9873"}


def asked(context: Context, *, raw: bool = False, principal: Principal = ANYONE, **params: str) -> Breakdown:
    given = {name.rstrip("_"): value for name, value in params.items()}
    return explore(context, parse_query(given, now_us=micros(NOW), zone=ZONE), principal, raw=raw)


@pytest.fixture
def events() -> list[UsageEvent]:
    made = made_events(11, 500, "2026-09-01T00:00", NOW)
    codes = ("USD", "EUR", "USD", "GBP", "USD")
    return [replace(one, currency=codes[number % 5]) for number, one in enumerate(made)]


@pytest.fixture
def mixed(context: Context, events: list[UsageEvent]) -> Context:
    context = filled(replace(context, zone=ZONE), events, 400)
    keep_rates(
        context, [ExchangeRate("EUR", "USD", date.fromisoformat(on), Decimal(one), "bank") for on, one in RATES.items()]
    )
    return context


def half_even(exact: Fraction) -> int:
    return round(exact)  # of a fraction Python rounds half to even


def factor(currency: str, day: date) -> Fraction | None:
    """The newest rate on or before the day, written out."""
    if currency == "EUR":
        return Fraction(1)
    before = [on for on in RATES if on <= str(day)]
    return 1 / Fraction(RATES[max(before)]) if currency == "USD" and before else None


def by_day(events: list[UsageEvent], first: str, end: str) -> dict[tuple[str, date], int]:
    found: dict[tuple[str, date], int] = defaultdict(int)
    for one in events:
        if micros(first, ZONE) <= one.occurred_at < micros(end, ZONE):
            found[one.currency, local(one, ZONE).date()] += one.effective_cost or 0
    return dict(found)


def test_each_days_amount_is_converted_at_that_days_rate_and_what_has_none_stays_apart(
    mixed: Context, events: list[UsageEvent]
) -> None:
    days = by_day(events, "2026-10-10", "2026-11-09")
    with_rate = {key: half_even(sums * rate) for key, sums in days.items() if (rate := factor(*key))}
    expected = sum(with_rate.values())
    answers = [
        asked(mixed, from_="2026-10-10", to="2026-11-09", convert="EUR", raw=raw, by=by, grain=grain, limit=limit)
        for raw, by, grain, limit in (
            (False, "team,model", "day", ""), (False, "team", "hour", ""), (True, "user", "week", "2"), (False, "", "month", ""),
        )
    ]  # fmt: skip
    for answer in answers:
        assert answer.total.now.cost == expected
        parts = [*answer.rows, *([answer.others] if answer.others else [])]
        assert sum(row.now.cost or 0 for row in parts) == expected
        assert sum(answer.total.series) == expected
        assert {one.query.currency: one.total.now.cost for one in answer.unconverted} == {
            "GBP": sum(sums for (code, _), sums in days.items() if code == "GBP"),
            "USD": sum(sums for (code, day), sums in days.items() if code == "USD" and str(day) < "2026-10-15"),
        }
        assert answer.total.now.calls + sum(one.total.now.calls for one in answer.unconverted) == sum(
            one.attempt <= 1 and micros("2026-10-10", ZONE) <= one.occurred_at < micros("2026-11-09", ZONE)
            for one in events
        )
    per_day: dict[date, int] = defaultdict(int)
    for (_, day), grains in with_rate.items():
        per_day[day] += grains
    first = answers[0]
    assert [per_day[date.fromordinal(first_day)] for first_day in range(date(2026, 10, 10).toordinal(), date(2026, 11, 9).toordinal())] == list(first.total.series)  # fmt: skip
    for answer in answers[:2]:
        for place in range(len(answer.buckets)):
            assert sum(row.series[place] for row in answer.rows) == answer.total.series[place]
    exact: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for one in events:
        rate = factor(one.currency, local(one, ZONE).date())
        if rate and micros("2026-10-10", ZONE) <= one.occurred_at < micros("2026-11-09", ZONE):
            exact[value_of(one, "team"), value_of(one, "model")] += (one.effective_cost or 0) * rate
    for row in first.rows:
        assert abs((row.now.cost or 0) - exact[row.group["team"], row.group["model"]]) < len(with_rate)
    assert first.quality is not None
    assert first.quality.by_basis == {"metered": expected, "reported": 0, "invoiced": 0}


def test_the_period_before_is_converted_at_its_own_days_rates(mixed: Context, events: list[UsageEvent]) -> None:
    span = {"from_": "2026-10-27", "to": "2026-11-03", "convert": "EUR", "grain": "day", "by": "team"}
    partial = asked(mixed, **span)
    assert partial.total.before is not None
    assert (partial.total.before.cost, partial.previous_series) == (None, ()), "pounds have no rate yet"
    assert partial.unconverted[0].total.before is not None
    keep_rates(mixed, [ExchangeRate("EUR", "GBP", date(2026, 9, 1), Decimal("0.8"), "bank")])
    answer = asked(mixed, **span)
    before = by_day(events, "2026-10-20", "2026-10-27")
    costs = [half_even(sums * (factor(*key) or Fraction(5, 4))) for key, sums in before.items()]
    assert answer.total.before is not None
    assert answer.total.before.cost == sum(costs) == sum(answer.previous_series)
    assert sum(row.before.cost or 0 for row in answer.rows if row.before) == sum(costs)


def test_an_answer_names_its_rates_and_says_what_has_none(mixed: Context) -> None:
    wire = to_wire(asked(mixed, from_="2026-10-14", to="2026-10-21", convert="EUR", cmp="none", by="team"), ())
    told = wire["convert"]
    assert (told["to"], told["via"], told["currencies"]) == ("EUR", None, ["EUR", "USD"])
    assert [(one["from"], one["to"], one["date"], one["rate"], one["source"], one["backwards"]) for one in told["rates"]] == [
        ("EUR", "USD", "2026-10-15", "1.1578", "bank", True), ("EUR", "USD", "2026-10-20", "1.2", "bank", True),
    ]  # fmt: skip
    assert wire["currency"] == "EUR"
    assert [(one["currency"], one["from"], one["to"]) for one in wire["unconverted"]] == [
        ("GBP", "2026-10-14", "2026-10-21"), ("USD", "2026-10-14", "2026-10-15"),
    ]  # fmt: skip
    for apart in wire["unconverted"]:
        assert sum(Decimal(row["value"] or 0) for row in apart["rows"]) == Decimal(apart["total"])
    assert told["notes"][0] == "USD in EUR, each day at its rate: 2 rates of 2026-10-15 to 2026-10-20 (bank)."
    assert [note.split(" has ")[1] for note in told["notes"][1:]] == ["no rate to EUR and is in no figure in EUR."] * 2
    assert "convert=EUR" in wire["link"]
    assert "currency" not in wire["link"]


def test_a_currency_is_crossed_only_through_one_that_is_named(mixed: Context, events: list[UsageEvent]) -> None:
    keep_rates(mixed, [ExchangeRate("EUR", "GBP", date(2026, 9, 1), Decimal("0.8"), "bank")])
    span = {"from_": "2026-10-20", "to": "2026-10-21", "cmp": "none", "convert": "GBP"}
    days = by_day(events, "2026-10-20", "2026-10-21")
    amounts = {code: sums for (code, _), sums in days.items()}
    assert set(amounts) == {"USD", "EUR", "GBP"}
    alone = asked(mixed, **span)
    assert alone.total.now.cost == amounts["GBP"] + half_even(amounts["EUR"] * Fraction(4, 5))
    assert [one.query.currency for one in alone.unconverted] == ["USD"]
    crossed = asked(mixed, via="EUR", **span)
    assert crossed.unconverted == ()
    assert crossed.total.now.cost == (alone.total.now.cost or 0) + half_even(
        amounts["USD"] * Fraction(4, 5) / Fraction(6, 5)
    )
    assert "via=EUR" in query_link(crossed.query)
    none = asked(mixed, **{**span, "convert": "CHF"}, by="team")
    assert (none.total.now.cost, none.rows, len(none.unconverted)) == (None, (), 3), "no rate is unknown, not nothing"


def test_a_corrected_rate_changes_the_answer_and_nothing_is_known_before_it_is_said(mixed: Context) -> None:
    span = {"from_": "2026-10-20", "to": "2026-10-21", "cmp": "none", "convert": "EUR"}
    first = asked(mixed, **span)
    set_rate(mixed, ["EUR", "USD", "2026-10-20", "2.4"])
    second = asked(mixed, **span)
    euros = asked(mixed, **{**span, "convert": ""}, currency="EUR").total.now.cost or 0
    halves = ((first.total.now.cost or 0) - euros) - 2 * ((second.total.now.cost or 0) - euros)
    assert abs(halves) <= 1
    assert second.conversion is not None
    assert [str(one.leg.rate.rate) for one in second.conversion.rates] == ["2.4"]


def test_without_conversion_currencies_are_never_added_and_are_named(mixed: Context, events: list[UsageEvent]) -> None:
    query = parse_query({"range": "12m", "by": "team"}, now_us=micros(NOW), zone=ZONE)
    answer = explore(mixed, query, ANYONE)
    assert answer.total.now.cost == sum(one.effective_cost or 0 for one in events if one.currency == "USD")
    assert (answer.conversion, answer.unconverted) == (None, ())
    assert other_currencies(mixed, query, ANYONE) == ("EUR", "GBP")
    assert other_currencies(mixed, query, Principal("nobody", "viewer", teams=("no such team",))) == ()
    sums = list_ledger(mixed, query, ANYONE, LedgerWish()).sums
    posted = [one for one in events[:400] if one.currency == "USD"]
    assert sums.effective_cost == sum(one.effective_cost or 0 for one in posted)
    rows = list_requests(mixed, replace(query, currency="EUR"), ANYONE, limit=1000).events
    assert {one.currency for one in rows} == {"EUR"}


def test_rows_stay_in_their_own_currency_and_no_sum_of_several_is_possible(
    mixed: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = parse_query({"range": "12m", "convert": "EUR"}, now_us=micros(NOW), zone=ZONE)
    assert {one.currency for one in list_requests(mixed, query, ANYONE, limit=1000).events} == {"EUR", "GBP", "USD"}
    with pytest.raises(QueryError, match="stay in the currency"):
        list_ledger(mixed, query, ANYONE, LedgerWish())
    with pytest.raises(ValueError, match="a currency at a time"):
        branches(Statement(mixed.ledger.dialect), read_scope(mixed, query, ANYONE), Shape((), ("cost",)))
    monkeypatch.setattr(convert_costs, "MOST_CELLS", 3)
    with pytest.raises(QueryError, match="too many groups"):
        explore(mixed, query, ANYONE)


def test_nothing_is_nothing_in_any_currency(context: Context) -> None:
    free = [
        replace(one, effective_cost=None, list_cost=None, priced={}, currency="USD")
        for one in made_events(3, 20, "2026-11-01T00:00", NOW)
    ]
    context = filled(replace(context, zone=ZONE), free, 10)
    answer = asked(context, range="mtd", convert="EUR", by="team")
    assert (answer.total.now.cost, answer.unconverted, conversion_texts(answer)) == (None, (), ())
    assert answer.total.now.calls == sum(one.attempt <= 1 for one in free)
