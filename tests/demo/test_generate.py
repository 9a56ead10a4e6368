"""Northwind is the same every time, has the stories that were planted, and its truth is what its rows say."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tallystick.demo.company import CUSTOMERS, FEATURES, TEAMS, UNPRICED_MODEL
from tallystick.demo.generate import Generator
from tallystick.demo.model import DemoModel, DemoSpec
from tallystick.demo.truth import to_document
from tallystick.pricing.model import Line, Rated
from tallystick.usage.model import Measured

NOW_US = 1_795_447_876_000_000  # Mon 2026-11-23 15:31:16 UTC


def flat_rate(model: DemoModel, at_us: int, measured: Measured) -> Rated:
    """A price of its own: 2 millionths a token, 6 on the model that is switched away from, none on the new one."""
    if model.name == UNPRICED_MODEL:
        return Rated("", model.name, (), None, unpriced=("uncached_input", "plain_output"))
    price = 6_000_000 if model.name == "claude-opus-4-1" else 2_000_000
    changed = at_us >= NOW_US - 100 * 86_400_000_000
    lines = tuple(
        Line(name, quantity, price, quantity * price)
        for name, quantity in measured.quantities.items()
        if quantity and name != "requests"
    )
    return Rated(f"card-{changed}", model.name, lines, sum(line.cost or 0 for line in lines))


def built(events: int = 12_000, seed: int = 7) -> tuple[dict[str, list], Generator]:
    generator = Generator(DemoSpec(events, seed, NOW_US), flat_rate)
    columns: dict[str, list] = {}
    for batch in generator.batches():
        for name, values in batch.items():
            plain = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
            columns.setdefault(name, []).extend(plain)
    return columns, generator


@pytest.fixture(scope="module")
def company() -> tuple[dict[str, list], Generator]:
    return built()


def test_the_company_has_the_size_it_is_said_to_have() -> None:
    assert (len(TEAMS), len(FEATURES), len(set(CUSTOMERS))) == (12, 40, 300)


def test_exactly_the_events_asked_for_are_made_each_with_an_id_of_its_own(company) -> None:
    columns, _ = company
    assert {len(values) for values in columns.values()} == {12_000}
    assert len(set(columns["event_id"])) == 12_000


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(company) -> None:
    again, _ = built()
    other, _ = built(seed=8)
    assert again == company[0]
    assert other["effective_cost"] != company[0]["effective_cost"]


def test_fourteen_months_are_covered_and_nothing_lies_in_the_future(company) -> None:
    columns, _ = company
    assert max(columns["occurred_at"]) < NOW_US
    months = {_day(at).strftime("%Y-%m") for at in columns["occurred_at"]}
    assert len(months) == 15  # fourteen whole ones and the current one
    assert max(_day(at) for at in columns["occurred_at"]).date() == _day(NOW_US).date()


def test_the_truth_is_the_sum_of_the_rows(company) -> None:
    columns, generator = company
    truth = generator.truth
    rows: Counter = Counter()
    for at, team, cost in zip(columns["occurred_at"], columns["team"], columns["effective_cost"], strict=True):
        rows[_day(at).strftime("%Y-%m"), team] += cost or 0

    assert {key: cost for key, cost in rows.items() if cost} == {
        key: cost for key, cost in truth.month_team_cost.items() if cost
    }
    assert truth.events == 12_000
    assert truth.input_tokens == sum(tokens or 0 for tokens in columns["input_tokens"])
    assert truth.errors == columns["outcome"].count("error")
    assert truth.unpriced_tokens == sum(columns["unpriced_tokens"])
    assert truth.loop_calls == columns["run"].count("run_loop_invoice-matching")


def test_every_priced_row_is_the_sum_of_its_lines(company) -> None:
    columns, _ = company
    lines = [name for name in columns if name.startswith("c_")]
    for row in range(0, 12_000, 7):
        parts = [columns[name][row] for name in lines if columns[name][row] is not None]
        assert (sum(parts) if parts else None) == columns["effective_cost"][row] or columns["outcome"][row] == "error"


def test_agents_call_in_runs_of_five_to_twenty(company) -> None:
    columns, _ = company
    sizes = Counter(run for run in columns["run"] if run and "loop" not in run)
    assert set(sizes.values()) <= set(range(5, 21))
    assert len(sizes) > 100


def test_the_loop_is_the_largest_run_by_far(company) -> None:
    sizes = Counter(run for run in company[0]["run"] if run).most_common(2)
    assert sizes[0][0] == "run_loop_invoice-matching"
    assert sizes[0][1] > 1.5 * sizes[1][1]


def test_the_launched_feature_has_no_call_before_its_day(company) -> None:
    columns, generator = company
    day = generator.truth.facts["launch"]["day"]
    calls = [_day(at).date().isoformat() for at, name in _pairs(columns, "feature") if name == "delivery-copilot"]
    assert calls
    assert min(calls) >= day


def test_after_the_switch_production_no_longer_uses_the_dear_model(company) -> None:
    columns, generator = company
    switched = datetime.fromisoformat(generator.truth.facts["switch"]["day"]).replace(tzinfo=UTC)
    for at, feature, model, environment in zip(
        columns["occurred_at"], columns["feature"], columns["model"], columns["environment"], strict=True
    ):
        if feature == "ticket-triage" and environment == "production" and _day(at) >= switched:
            assert model != "claude-opus-4-1"
    assert generator.truth.switch_saving > 0


def test_about_one_in_twenty_eight_dollars_belongs_to_nobody() -> None:
    _, generator = built(events=60_000)
    costs = generator.truth.month_team_cost
    unowned = sum(cost for (_, team), cost in costs.items() if not team)
    assert 0.030 < unowned / sum(costs.values()) < 0.042


def test_weekends_are_quiet(company) -> None:
    days = Counter(_day(at).weekday() for at in company[0]["occurred_at"])
    assert max(days[5], days[6]) < 0.7 * min(days[day] for day in range(5))


def test_the_truth_document_carries_money_as_text(company) -> None:
    document = to_document(company[1].truth)
    assert isinstance(document["total"], str)
    assert document["events"] == 12_000
    assert document["loop"]["runs"] == ["run_loop_invoice-matching"]


def _day(at_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def _pairs(columns: dict[str, list], name: str) -> zip:
    return zip(columns["occurred_at"], columns[name], strict=True)
