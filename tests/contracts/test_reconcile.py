"""A month with a report and an invoice, on each engine: the cost of record is the same number wherever it is asked."""

from dataclasses import replace

import pytest

from tallystick.bills.reconciliation import ClassTotal
from tallystick.bills.said import Match
from tallystick.explore.model import Breakdown
from tallystick.explore.parse import parse_query
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.operations.context import Context
from tallystick.operations.explore import explore
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.reconcile import (
    lines_of,
    list_reconciliations,
    month_of,
    read_reconciliation,
    reconcile,
    reconcile_all,
    write_match,
)
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tests.bills.october import CENT, DAY, OCTOBER, call, line, write_october
from tests.bills.written import write_load

ANYONE = Principal("test", "admin")


@pytest.fixture
def october(context: Context) -> Context:
    start_ledger(context)
    write_october(context)
    return context


def ask(context: Context, **params: str) -> Breakdown:
    query = parse_query({"range": "2026-10", "cmp": "none", **params}, now_us=OCTOBER + 40 * DAY, zone="UTC")
    return explore(context, query, ANYONE)


def by(answer: Breakdown) -> dict[str, float | None]:
    """Cents by the first dimension; whole ones in this month but for the invoice's half cent."""
    costs = {next(iter(row.group.values())): row.now.cost for row in answer.rows}
    return {name: None if cost is None else round(cost / CENT, 2) for name, cost in costs.items()}


def test_the_invoice_decides_the_amount_and_the_calls_keep_their_dimensions(october: Context) -> None:
    run = reconcile(october, "main", month_of(OCTOBER))

    half = 5 * 10**9
    assert (run.metered, run.reported, run.invoiced) == (500 * CENT, 550 * CENT, 561 * CENT + half)
    assert (run.billed, run.record, run.pending, run.own) == (
        561 * CENT + half,
        611 * CENT + half,
        50 * CENT,
        11 * CENT,
    )
    # 400 metered and 440 billed on the first day is volume: ten tokens a cent, 4,000 became 4,400.
    assert run.classes == (
        ClassTotal("missing_calls", 40 * CENT, 1),
        ClassTotal("tax", 22 * CENT, 1),
        ClassTotal("credit", -11 * CENT, 1),
        ClassTotal("residual", 60 * CENT, 1),
        ClassTotal("timing", -50 * CENT, 1),
        ClassTotal("rounding", half, 1),
    )
    assert run.shares == {"metered": 50 * CENT, "reported": 0, "invoiced": 561 * CENT + half}
    assert (run.grade, run.coverage) == ("B", 900_000)

    record = ask(october, by="team")
    assert by(record) == {"support": 330.3, "search": 210.15, "lab": 60.05, "": 11.0}
    assert record.total.now.cost == run.record == sum(row.now.cost or 0 for row in record.rows)
    assert record.quality
    assert record.quality.by_basis == run.shares
    assert (record.quality.grade, record.total.now.calls) == ("B", 4)


def test_every_question_has_the_same_total(october: Context) -> None:
    run = reconcile(october, "main", month_of(OCTOBER))
    for name in ("team", "customer", "model", "user,region", "tag.squad", "source"):
        answer = ask(october, by=name, grain="day")
        assert answer.total.now.cost == run.record == sum(answer.total.series)
        few = ask(october, by=name, limit="1")
        assert (few.rows[0].now.cost or 0) + (few.others.now.cost or 0 if few.others else 0) == run.record
    assert ask(october, by="customer").rows[-1].now.calls == 1
    assert ask(october, where="customer=acme").total.now.cost == 100 * CENT
    assert by(ask(october, by="model", where="model=shadow")) == {"shadow": 60.05}
    assert by(ask(october, by="model", basis="metered")) == {"alpha": 500}
    assert by(ask(october, by="model", basis="invoiced")) == {"alpha": 490.45, "shadow": 60.05, "": 11}
    assert ask(october, basis="reported").total.now.cost == 0
    assert by(ask(october, by="team", measure="billed")) == {"support": 330.3, "search": 160.15, "lab": 60.05, "": 11}
    assert ask(october, by="team", measure="list").total.now.cost == 500 * CENT
    assert by(ask(october, by="region", scope="all")) == {"": 551.45, "eu": 67.05}
    assert by(ask(october, by="region", scope="cloud")) == {"eu": 7}


def test_every_figure_opens_into_rows_that_sum_to_it(october: Context) -> None:
    run = reconcile(october, "main", month_of(OCTOBER))
    for figure, expected in (("reported", run.reported), ("invoiced", run.invoiced), ("metered", run.metered)):
        rows = lines_of(october, run.run_id, figure)
        assert sum(getattr(row, f"{figure}_cost") for row in rows) == expected
    difference = lines_of(october, run.run_id, "difference")
    assert sum(row.amount for row in difference) == run.difference
    assert lines_of(october, run.run_id, "difference", limit=2, offset=1) == difference[1:3]
    (volume,) = lines_of(october, run.run_id, "missing_calls")
    (step,) = lines_of(october, run.run_id, "difference", claim=volume.claim)
    assert (step.metered_quantity, step.billed_quantity, step.metered_cost, step.reported_cost) == (4000, 4400, 400 * CENT, 440 * CENT)  # fmt: skip
    with pytest.raises(UsageError, match="no figure"):
        lines_of(october, run.run_id, "everything")
    with pytest.raises(NotFound):
        lines_of(october, "rec_0", "metered")


def test_again_is_nothing_new_and_a_later_bill_or_call_is_a_new_run(october: Context) -> None:
    (first,) = reconcile_all(october)
    rows = october.ledger.rows("SELECT count(*) FROM true_up")
    assert reconcile_all(october) == []
    assert reconcile(october, "main", month_of(OCTOBER)) == first
    assert october.ledger.rows("SELECT count(*) FROM true_up") == rows

    ingest_events(october, [call(5, 1, 50, "support")])
    (second,) = reconcile_all(october)
    assert (second.metered, second.record) == (550 * CENT, first.record)
    # The half of the second day's 50 that is support's now; of the invoice's half cent nothing is lost.
    assert by(ask(october, by="team"))["support"] == pytest.approx(330.3 + 25, abs=0.05)

    write_load(october, "report", [line(0, 440, model="alpha", meter="plain_output", quantity=4400)], at=2)
    (third,) = reconcile_all(october)
    assert (third.reported, third.billed) == (440 * CENT, first.billed)
    assert [one.run_id for one in list_reconciliations(october, "main")] == [third.run_id]
    assert ask(october).total.now.cost == third.record
    assert (read_reconciliation(october, first.run_id).superseded_at or 0) >= second.created_at


def test_a_run_that_was_never_named_counts_nowhere_and_is_dropped(october: Context) -> None:
    run = reconcile(october, "main", month_of(OCTOBER))
    before = october.ledger.rows("SELECT count(*) FROM true_up")
    october.ledger.execute(
        "INSERT INTO true_up (charge_period_start, run_id, currency, basis, ai, effective_cost) "
        "SELECT charge_period_start, 'rec_torn', currency, basis, ai, effective_cost FROM true_up"
    )
    assert ask(october).total.now.cost == run.record
    start_ledger(october)
    assert october.ledger.rows("SELECT count(*) FROM true_up") == before


def test_a_key_that_somebody_named_keeps_its_bill_to_itself(context: Context) -> None:
    start_ledger(context)
    ingest_events(
        context, [replace(call(1, 0, 100, "search"), key="ours"), replace(call(2, 0, 100, "support"), key="theirs")]
    )
    lines = [line(0, 100, model="alpha", credential_id="key_1"), line(0, 160, model="alpha", credential_id="key_2")]
    write_load(context, "report", lines)
    reconcile_all(context)
    assert by(ask(context, by="team")) == {"search": 130, "support": 130}

    write_match(context, "main", Match(keys={"key_1": "ours", "key_2": "theirs"}))
    reconcile_all(context)
    assert by(ask(context, by="team")) == {"search": 100, "support": 160}
