"""What nobody has billed has no figure: not in a total, and not in a bucket of a series."""

from tallystick.explore.assemble import Groups, Series, Summed, assemble
from tallystick.explore.model import Freshness, Query, Sums
from tallystick.explore.wire import to_wire
from tallystick.kernel.period import Period


def test_a_measure_without_figures_has_no_series_either() -> None:
    query = Query(Period(0, 10), measure="billed", grain="day")
    summed = Summed((), Sums(cost=7, calls=1, attempts=1), Sums(), (1, 0))
    answer = assemble(query, Groups((summed,), 1, summed), Series((0,), (7,), (3,)), Freshness(None, 0))
    assert answer.total.now.cost is None
    wire = to_wire(answer)
    assert wire["total"] is None
    assert wire["series"]["values"] == []
