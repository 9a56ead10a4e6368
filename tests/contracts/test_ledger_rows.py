"""The rows of the ledger, and what a claim stands on, on each engine: figures of a month that is worked out by hand."""

from dataclasses import replace

import pytest

from tallystick.explore.parse import parse_query
from tallystick.kernel.errors import NotFound, QueryError
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.list_ledger import LedgerPage, LedgerWish, list_ledger
from tallystick.operations.reconcile import lines_of, list_reconciliations, reconcile_all
from tallystick.operations.start_ledger import start_ledger
from tallystick.operations.trace_claim import trace_claim
from tallystick.org.model import Principal
from tests.bills.october import CENT, DAY, OCTOBER, call, write_october

ANYONE = Principal("test", "admin")
ALL_OF_IT = LedgerWish()


@pytest.fixture
def october(context: Context) -> Context:
    start_ledger(context)
    write_october(context)
    reconcile_all(context)
    return context


def ask(
    context: Context,
    wish: LedgerWish = ALL_OF_IT,
    who: Principal = ANYONE,
    **params: str,
) -> LedgerPage:
    query = parse_query({"range": "2026-10", "cmp": "none", **params}, now_us=OCTOBER + 40 * DAY, zone="UTC")
    return list_ledger(context, query, who, wish)


def effective(page: LedgerPage) -> int:
    return sum(row.effective_cost or 0 for row in page.rows)


def test_all_rows_together_are_the_cost_of_record_and_each_kind_is_its_part(october: Context) -> None:
    everything = ask(october)
    # Metered 500 cents; the bill adds 611.5 in all with the third day's 50 that no bill speaks of.
    assert effective(everything) == everything.sums.effective_cost == 611 * CENT + CENT // 2
    assert everything.sums.rows == len(everything.rows)
    assert (everything.sums.list_cost, everything.sums.contracted_cost) == (500 * CENT, None)
    assert everything.sums.billed_cost == 561 * CENT + CENT // 2
    assert [row.at for row in everything.rows] == sorted((row.at for row in everything.rows), reverse=True)

    metered = ask(october, LedgerWish(kinds=("metered",)))
    assert [(row.at, row.calls, row.output_tokens, row.dimensions["team"], row.effective_cost) for row in metered.rows] == [
        (OCTOBER + 2 * DAY, 1, 500, "search", 50 * CENT),
        (OCTOBER + DAY, 1, 500, "search", 50 * CENT),
        (OCTOBER, 1, 1000, "search", 100 * CENT),
        (OCTOBER, 1, 3000, "support", 300 * CENT),
    ]  # fmt: skip
    assert {(row.billed_cost, row.contracted_cost, row.claim, row.run_id) for row in metered.rows} == {
        (None, None, "", "")
    }

    own = ask(october, LedgerWish(kinds=("own",)))
    # Both are said of two days: each has its half.
    assert {(row.at, row.charge_category, row.effective_cost, row.calls) for row in own.rows} == {
        (OCTOBER + day * DAY, category, cents * CENT // 2, None)
        for day in (0, 1)
        for category, cents in (("Tax", 22), ("Credit", -11))
    }
    (stray,) = ask(october, LedgerWish(kinds=("residual",))).rows
    assert (stray.dimensions["model"], stray.dimensions["team"], stray.basis) == ("shadow", "lab", "invoiced")
    # The invoice's half cent falls on 440 + 50 + 60 in proportion: 60 cents of 550 get 60/550 of it.
    assert abs((stray.effective_cost or 0) - (60 * CENT + CENT // 2 * 60 // 550)) <= 1
    covered = ask(october, LedgerWish(kinds=("covered",)))
    parts = [effective(one) for one in (metered, own, covered)]
    assert sum(parts) + (stray.effective_cost or 0) == 611 * CENT + CENT // 2


def test_pages_follow_each_other_and_filters_hold_for_rows_and_sums_alike(october: Context) -> None:
    rows = ask(october).rows
    pages = [ask(october, LedgerWish(limit=3, offset=3 * number)) for number in range(-(-len(rows) // 3))]
    assert tuple(row for page in pages for row in page.rows) == rows
    assert {page.sums for page in pages} == {ask(october).sums}

    search = ask(october, LedgerWish(kinds=("metered",)), team="search")
    assert (search.sums.rows, search.sums.effective_cost) == (3, 200 * CENT)
    assert ask(october, LedgerWish(bases=("reported",))).sums.effective_cost is None
    claim = next(row.claim for row in rows if row.kind == "residual")
    assert {row.claim for row in ask(october, LedgerWish(claim=claim)).rows} == {claim}
    with pytest.raises(QueryError, match='keeps no "customer"'):
        ask(october, customer="acme")


def test_whoever_is_of_a_team_sees_its_rows_alone(october: Context) -> None:
    seen = ask(october, who=Principal("lead", "viewer", teams=("support",)))
    assert {row.dimensions["team"] for row in seen.rows} == {"support"}
    # 300 of the first day's 400 were support's: of its 440 and that day's share of the half cent as well.
    expected = 330 * CENT + CENT // 2 * 440 // 550 * 3 // 4
    assert abs((seen.sums.effective_cost or 0) - expected) <= 2


def test_a_claim_leads_to_the_lines_it_stands_on(october: Context) -> None:
    (run,) = list_reconciliations(october)
    (volume,) = lines_of(october, run.run_id, "missing_calls")
    trace = trace_claim(october, volume.claim)
    assert (trace.run, trace.layer, [one.amount for one in trace.parts]) == (run, "cost", [40 * CENT])
    (traced,) = trace.lines
    assert (traced.source, traced.page_id, traced.line.line_no) == ("report", "page", 1)
    assert (traced.line.billed_cost, traced.line.quantity) == (440 * CENT, 4400)
    assert traced.load
    assert (traced.load.load_id, traced.load.rows) == ("load_report_1", 3)

    # Reported in a line of its own and invoiced in a total: the row leads to what it is, and to who has the last word.
    (stray,) = ask(october, LedgerWish(kinds=("residual",))).rows
    trace = trace_claim(october, stray.claim)
    assert [(one.line.layer, one.line.model) for one in trace.lines] == [("cost", "shadow"), ("invoice", "")]
    assert (trace.steps[0].reported_cost, trace.steps[1].invoiced_cost) == (60 * CENT, 550 * CENT + CENT // 2)

    (tax,) = lines_of(october, run.run_id, "tax")
    trace = trace_claim(october, tax.claim, run.run_id)
    assert (trace.layer, [one.line.line_no for one in trace.lines]) == ("invoice", [2])
    (late,) = lines_of(october, run.run_id, "timing")
    trace = trace_claim(october, late.claim)
    assert (trace.layer, trace.lines) == (None, ())
    with pytest.raises(NotFound, match="no claim"):
        trace_claim(october, "clm_nowhere")


def test_a_call_that_two_gateways_metered_is_a_class_of_its_month_and_links_to_the_one_that_counts(
    october: Context,
) -> None:
    ours = replace(call(9, 0, 20, "search"), response_id="chatcmpl-0123456789")
    copy = replace(ours, event_id="evt_log", call_id="log", source="import:litellm", provider_account="")
    ingest_events(october, [ours])
    (before,) = reconcile_all(october)
    ingest_events(october, [copy])
    (run,) = reconcile_all(october)

    assert (run.metered - before.metered, run.billed, run.record) == (20 * CENT, before.billed, before.record)
    assert (run.coverage, run.pending) == (before.coverage, before.pending)
    assert [(one.amount, one.claims) for one in run.classes if one.name == "duplicate"] == [(-20 * CENT, 1)]
    (row,) = lines_of(october, run.run_id, "duplicate")
    assert row.why == "1 call of import:litellm that gateway has too, by the provider's id of the answer"
    trace = trace_claim(october, row.claim)
    assert [(one.event_id, one.kept_id, one.effective_cost) for one in trace.copies] == [
        ("evt_log", "evt_9", 20 * CENT)
    ]
    assert sum(one.metered_cost or 0 for one in lines_of(october, run.run_id, "metered")) == run.metered

    assert effective(ask(october)) == run.record
    (taken,) = ask(october, LedgerWish(kinds=("duplicate",))).rows
    assert (taken.kind, taken.basis, taken.calls, taken.effective_cost) == ("duplicate", "metered", -1, -20 * CENT)
    assert {one.kind for one in ask(october, LedgerWish(kinds=("metered", "residual"))).rows} == {"metered", "residual"}
    assert reconcile_all(october) == []
