"""The verdict: laws first, then each word by example."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.budgets.explain import explain
from tallystick.budgets.judge import SEVERITY, judge, judge_away, prejudge
from tallystick.budgets.model import FINGERPRINT, NANO, Bound, Budget, Granted, Judgement, Override, Standing, Try
from tallystick.counters.weigh import weigh
from tests.budgets.sample import BOUND, CALL, NOON, asking, at, bounds, budget, budgets, granting, standings

COUNTED = st.tuples(budgets(), standings)


def judged(pairs: Sequence[tuple[Budget, Standing]], bound: Bound, **more: Any) -> tuple[Judgement, Try]:
    """The judgement of these budgets with their counters, as counters that follow the law would answer."""
    covering = tuple(one for one, _ in pairs)
    ask = asking(covering, bound)
    granted = granting(ask.holds, [one for _, one in pairs], ask.most, ask.least)
    return judge(covering, granted, ask, **more), Try("gpt-x", CALL, covering, bound, ask, granted)


def before(pairs: Sequence[tuple[Budget, Standing]], bound: Bound) -> Judgement | None:
    return prejudge([one for one, _ in pairs], CALL, bound, "block")


@given(st.lists(COUNTED, max_size=5), COUNTED, bounds)
def test_one_more_budget_never_loosens_a_verdict(
    pairs: list[tuple[Budget, Standing]], one: tuple[Budget, Standing], bound: Bound
) -> None:
    few, many = judged(pairs, bound, model="gpt-x")[0], judged([*pairs, one], bound, model="gpt-x")[0]
    assert SEVERITY.index(many.verdict) <= SEVERITY.index(few.verdict)
    assert before(pairs, bound) is None or before([*pairs, one], bound) is not None


@given(st.lists(COUNTED, max_size=5), bounds, st.booleans(), st.data())
def test_the_order_of_budgets_does_not_change_the_verdict(
    pairs: list[tuple[Budget, Standing]], bound: Bound, second: bool, data: st.DataObject
) -> None:
    degraded = budget("cheap", action="degrade", degrade_to="small") if second else None
    one = judged(pairs, bound, degraded=degraded)[0]
    other = judged(data.draw(st.permutations(pairs)), bound, degraded=degraded)[0]
    assert (one.verdict, one.code, one.reset_us) == (other.verdict, other.code, other.reset_us)


@given(st.lists(COUNTED, min_size=1, max_size=5), bounds)
def test_a_granted_call_leaves_every_enforced_budget_within_its_limit(
    pairs: list[tuple[Budget, Standing]], bound: Bound
) -> None:
    _, tried = judged(pairs, bound)
    assert tried.ask is not None
    assert tried.granted is not None
    for hold, standing in zip(tried.ask.holds, tried.granted.standings, strict=True):
        if tried.granted.granted and standing.limit is not None and hold.amount(tried.granted.output):
            assert standing.posted + standing.reserved + hold.amount(tried.granted.output) <= standing.limit


@given(st.lists(COUNTED, max_size=5), bounds)
def test_every_refusal_names_a_budget_a_code_and_a_reason(pairs: list[tuple[Budget, Standing]], bound: Bound) -> None:
    judgement, tried = judged(pairs, bound)
    said = explain(judgement, tried)
    if judgement.verdict in {"tripped", "blocked", "paused"}:
        assert judgement.refuses
        assert judgement.breaking is not None
        assert judgement.breaking.name in said
        assert judgement.reset_us == 0 or judgement.reset_us > NOON
    else:
        assert not judgement.refuses
        assert bool(said) == (judgement.verdict != "allowed")


@given(st.lists(COUNTED, max_size=5), bounds)
def test_the_counters_themselves_answer_by_the_law_these_tests_go_by(
    pairs: list[tuple[Budget, Standing]], bound: Bound
) -> None:
    pairs = list({one.budget_id: (one, standing) for one, standing in pairs}.values())
    covering = tuple(one for one, _ in pairs)
    ask = asking(covering, bound)
    cells: dict[bytes, list[int]] = {}
    for hold, (_, standing) in zip(ask.holds, pairs, strict=True):
        cells[hold.key] = [standing.posted, standing.reserved, 0, NOON, 0, 0]
        cells[hold.breaker or b"none"] = [0, 0, 0, NOON, standing.tripped_until_us, 0]
    ours, theirs = granting(ask.holds, [one for _, one in pairs], ask.most, ask.least), weigh(ask, cells.get).granted
    assert (theirs.granted, theirs.output, theirs.lacking) == (ours.granted, ours.output, ours.lacking)
    assert judge(covering, theirs, ask, model="gpt-x") == judge(covering, ours, ask, model="gpt-x")


FULL = Standing(10 * NANO, 0, None)
FREE = Standing(0, 0, None)
LOOP = budget("loop", 3, unit="requests", window="minute", rolling=True, window_count=10, trip_seconds=60,
              group_by=("run", FINGERPRINT))  # fmt: skip


@pytest.mark.parametrize(
    ("held", "verdict", "code", "reset"),
    [
        (budget(), "blocked", "budget_exceeded", at("2026-12-01T00:00:00+00:00")),
        (budget(zone="Europe/Berlin", window="day"), "blocked", "budget_exceeded", at("2026-11-24T00:00:00+01:00")),
        (budget(window="total"), "blocked", "budget_exceeded", 0),
        (budget(window="hour", rolling=True), "blocked", "budget_exceeded", at("2026-11-23T12:05:00+00:00")),
        (budget(action="pause"), "paused", "workload_paused", at("2026-12-01T00:00:00+00:00")),
        (budget(action="degrade", degrade_to="small"), "degraded", "", at("2026-12-01T00:00:00+00:00")),
        (budget(action="degrade", degrade_to="GPT-X"), "blocked", "budget_exceeded", at("2026-12-01T00:00:00+00:00")),
        (budget(trip_seconds=60), "tripped", "rate_limited", NOON + 60_000_000),
        (LOOP, "tripped", "loop_detected", NOON + 60_000_000),
        (budget(action="alert"), "alerted", "", 0),
    ],
)
def test_what_a_full_budget_says(held: Budget, verdict: str, code: str, reset: int) -> None:
    found, _ = judged([(budget("roomy"), FREE), (held, FULL)], BOUND, model="gpt-x")
    assert (found.verdict, found.code, found.reset_us) == (verdict, code, reset)
    assert (found.breaking is held) == (verdict != "alerted")
    assert found.alerts == ((held,) if verdict == "alerted" else ())


def test_an_open_breaker_says_until_when() -> None:
    held = budget("fast", 600, unit="requests", window="minute", rolling=True, trip_seconds=60, group_by=("run",))
    found, tried = judged([(held, Standing(0, 0, None, NOON + 31_000_000))], BOUND)
    assert (found.verdict, found.reset_us) == ("tripped", NOON + 31_000_000)
    assert explain(found, tried) == (
        'breaker "fast" (run r-1) is open until 2026-11-23 12:00:31 UTC: it lets 600 requests pass in any minute'
    )
    assert "3 equal requests pass in any 10 minutes" in explain(*judged([(LOOP, FULL)], BOUND))


def test_of_equals_the_one_that_holds_longest_is_named() -> None:
    short, long, ever = budget("day", window="day"), budget("month"), budget("ever", window="total")
    assert judged([(short, FULL), (long, FULL)], BOUND)[0].breaking is long
    assert judged([(ever, FULL), (long, FULL)], BOUND)[0].breaking is ever


def test_critical_work_passes_a_pause_and_is_told() -> None:
    held = budget("batch", action="pause")
    critical = CALL | {"workload_class": "Critical"}
    ask = asking([held], BOUND, critical)
    granted = granting(ask.holds, [FULL], ask.most, ask.least)
    assert judge([held], granted, ask) == Judgement("alerted", alerts=(held,))
    tried = Try("gpt-x", critical, (held,), BOUND, ask, granted)
    assert explain(judge([held], granted, ask), tried) == 'budget "batch" is over its limit; this call is let pass'


def test_the_second_asking_blocks_where_the_first_degraded() -> None:
    held = budget("cheap", action="degrade", degrade_to="small")
    first, tried = judged([(held, FULL)], BOUND)
    assert first.verdict == "degraded"
    assert explain(first, tried).endswith("; small is asked instead")
    assert judged([(held, FULL)], BOUND, degraded=held)[0].verdict == "blocked"
    done, tried = judged([(held, FREE)], BOUND, degraded=held)
    assert done == Judgement("degraded", breaking=held)
    assert explain(done, tried) == 'budget "cheap" had no room for the model asked for; small is asked instead'


@pytest.mark.parametrize(
    ("held", "standing", "bound", "said"),
    [
        (
            budget("search-month", 100 * NANO, zone="Europe/Berlin", group_by=("team",)),
            Standing(90 * NANO, 9_580_000_000, None),
            Bound(1000, 600_000, 0, 1_999_999, True),
            (
                'budget "search-month" (team search) has $0.42 left of $100 until 2026-12-01 00:00 Europe/Berlin ($90 spent,'
                " $9.58 reserved by calls in flight); this call may cost up to $1.20"
            ),
        ),
        (
            budget("talk", 5000, unit="tokens", window="run", action="pause"),
            Standing(4500, 0, None),
            Bound(1000, 9000, 0, 0, False),
            (
                'budget "talk" (run r-1) has 500 tokens left of 5,000 tokens in all (4,500 tokens spent, 0 tokens reserved by'
                " calls in flight); this call may use up to 2,024 tokens even with no more than 1,024 tokens of output;"
                " work that is not critical is paused"
            ),
        ),
        (
            budget("rate", 1, unit="requests", window="hour", rolling=True),
            Standing(1, 0, None),
            BOUND,
            (
                'budget "rate" has 0 requests left of 1 request in any hour, the next may come free at 2026-11-23 12:05 UTC'
                " (1 request spent, 0 requests reserved by calls in flight); this call may use up to 1 request"
            ),
        ),
    ],
)
def test_a_refusal_in_words(held: Budget, standing: Standing, bound: Bound, said: str) -> None:
    assert explain(*judged([(held, standing)], bound)) == said


def test_an_override_holds_from_its_first_instant_to_before_its_last() -> None:
    for start, end, verdict in (
        (NOON, NOON + 1, "allowed"),
        (NOON - 1, NOON, "blocked"),
        (NOON + 1, NOON + 9, "blocked"),
    ):
        held = budget(overrides=(Override(NANO, 0, 1), Override(20 * NANO, start, end)))
        assert judged([(held, FULL)], BOUND)[0].verdict == verdict
    alert = budget(action="alert", overrides=(Override(20 * NANO, NOON, NOON + 1),))
    assert judged([(alert, FULL)], BOUND)[0].verdict == "allowed"


def refused_before(held: Budget, bound: Bound, default: str = "ceiling") -> tuple[str, str]:
    found = prejudge([budget("asked", unit="requests", unknown_price="block"), held], CALL, bound, default)  # type: ignore[arg-type]
    if found is None:
        return "", ""
    return found.code, explain(found, Try("gpt-x", CALL, (held,), bound))


def test_what_is_refused_before_any_counter_is_asked() -> None:
    unpriced = Bound(1, 1, 0, 0, True, price="unknown")
    endless = Bound(1, 1, 0, 0, True, unbounded="a stored conversation")
    covered = Bound(1, 1, 0, 0, True, price="covered", unbounded="a stored conversation")
    strict, tokens = budget("s", strict=True), budget("t", unit="tokens")
    assert refused_before(budget(), unpriced) == ("", "")
    assert refused_before(budget(), unpriced, "block") == (
        "price_unknown", 'no price is known for model "gpt-x", and budget "b" blocks what it cannot price',
    )  # fmt: skip
    assert refused_before(tokens, unpriced, "block")[0] == ""
    assert refused_before(budget(action="alert"), unpriced, "block")[0] == ""
    assert refused_before(budget(unknown_price="allow"), unpriced, "block")[0] == ""
    assert refused_before(budget(unknown_price="block"), unpriced, "allow")[0] == "price_unknown"
    assert refused_before(tokens, endless, "block") == (
        "cost_unbounded", 'nothing bounds what this call may cost (a stored conversation), and budget "t" blocks that',
    )  # fmt: skip
    assert refused_before(budget(), covered, "block")[0] == ""
    assert refused_before(tokens, covered, "block")[0] == "cost_unbounded"
    assert refused_before(strict, BOUND)[0] == ""
    assert refused_before(strict, Bound(1, 1, 0, 0, False)) == (
        "output_unbounded", 'this call sets no limit to its output, and budget "s" asks for one',
    )  # fmt: skip


def test_without_counters_one_enforced_budget_that_fails_closed_blocks() -> None:
    closed, open_, told = budget("c"), budget("o", fail="open"), budget("a", action="alert")
    assert judge_away([open_, told], asking([open_, told], BOUND)) == Judgement("allowed")
    assert judge_away([open_], asking([open_], BOUND), degraded=open_) == Judgement("degraded", breaking=open_)
    found = judge_away([open_, closed], asking([open_, closed], BOUND))
    assert (found.verdict, found.code, found.breaking) == ("blocked", "budget_unavailable", closed)
    assert explain(found, Try("m", CALL, (closed,), BOUND)) == (
        'the counters of budget "c" cannot be asked now, and it fails closed'
    )


def test_counters_that_break_their_promise_are_an_error() -> None:
    ask = asking([budget()], BOUND)
    with pytest.raises(ValueError, match="without room"):
        judge([budget()], Granted(False, 0, (FREE,)), ask)
    held = budget()
    with pytest.raises(ValueError, match="judged by counters"):
        explain(Judgement("blocked", "budget_exceeded", held), Try("m", CALL, (held,), BOUND))


@settings(max_examples=30)
@given(st.lists(COUNTED, max_size=4), bounds)
def test_judging_twice_gives_the_same(pairs: list[tuple[Budget, Standing]], bound: Bound) -> None:
    assert judged(pairs, bound)[0] == judged(pairs, bound)[0]
