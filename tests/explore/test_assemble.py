"""What nobody has billed has no figure: not in a total, and not in a bucket of a series."""

from tallystick.explore.assemble import Groups, Series, Summed, assemble
from tallystick.explore.describe import history_text
from tallystick.explore.model import Freshness, Query, Sums
from tallystick.explore.wire import to_wire
from tallystick.kernel.period import DAY_US, Period


def test_a_measure_without_figures_has_no_series_either() -> None:
    query = Query(Period(0, 10), measure="billed", grain="day")
    summed = Summed((), Sums(calls=1, attempts=1), Sums(), (0, 0))
    answer = assemble(query, Groups((summed,), 1, summed), Series((0,), (7,), (3,)), Freshness(None, 0))
    assert answer.total.now.cost is None
    wire = to_wire(answer)
    assert wire["total"] is None
    assert wire["series"]["values"] == []


def test_a_comparison_that_reaches_behind_the_ledger_says_so() -> None:
    query = Query(Period(40 * DAY_US, 60 * DAY_US), Period(20 * DAY_US, 40 * DAY_US))
    summed = Summed((), Sums(cost=7, calls=1, attempts=1), Sums(cost=3, calls=1, attempts=1), (1, 1))
    for first, said in ((30, True), (20, False), (5, False)):
        answer = assemble(
            query, Groups((summed,), 1, summed), Series(), Freshness(None, 0, first_event_at=first * DAY_US)
        )
        assert bool(history_text(answer)) is said
        assert ("The ledger begins on 31 Jan 1970" in to_wire(answer)["sentence"]) is said
