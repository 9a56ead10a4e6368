"""What pages say of months and of missing costs, as words: without a browser."""

from dataclasses import replace

import pytest

from tallystick.bills.reconciliation import ClassTotal, Reconciliation
from tallystick.explore.parse import parse_query
from tallystick.web.reconcile_page import closed_month, status_of
from tallystick.web.view import why_unknown

DAY = 86_400_000_000
OCTOBER = 1_790_812_800_000_000  # 2026-10-01 UTC
NOVEMBER, DECEMBER = OCTOBER + 31 * DAY, OCTOBER + 61 * DAY
CENT = 10**10
RUN = Reconciliation(
    "rec_1", "openai", "USD", OCTOBER, NOVEMBER, 0, metered=1_319_537 * CENT, billed=1_340_737 * CENT,
    difference=21_200 * CENT, record=1_340_737 * CENT, invoiced=1_340_737 * CENT,
)  # fmt: skip
SECOND = replace(RUN, account="anthropic", billed=100 * CENT, difference=-300 * CENT)


def test_the_last_closed_month_is_told_over_all_its_accounts() -> None:
    assert closed_month([RUN], NOVEMBER) == (
        "October: invoiced $13,407.37, $212.00 more than metered",
        "/reconcile/2026-10",
    )
    assert closed_month([RUN, SECOND], NOVEMBER) == (
        "October: invoiced $13,408.37, $209.00 more than metered",
        "/reconcile/2026-10",
    )
    agreed = replace(RUN, difference=CENT - 1)
    assert (closed_month([agreed], NOVEMBER) or ("",))[0] == "October: invoiced $13,407.37, as metered"
    other = replace(SECOND, currency="EUR", billed=1)
    assert (closed_month([RUN, other], NOVEMBER) or ("",))[0].startswith("October: invoiced $13,407.37")


def test_a_month_that_is_open_or_on_no_invoice_is_not_closed() -> None:
    november = replace(RUN, period_start=NOVEMBER, period_end=DECEMBER)
    assert closed_month([], DECEMBER) is None
    assert closed_month([replace(RUN, invoiced=None)], NOVEMBER) is None
    assert closed_month([RUN, november], DECEMBER - 1) == closed_month([RUN], NOVEMBER)
    assert (closed_month([RUN, november], DECEMBER) or ("", ""))[1] == "/reconcile/2026-11"


@pytest.mark.parametrize(
    ("name", "cents", "word"),
    [
        ("residual", 21_200, "to look into"),  # 1.6 % of what was metered
        ("missing_calls", 6_598, "to look into"),  # half a per cent of $13,195.37 is $65.98
        ("missing_calls", 6_597, "within 0.5%"),
        ("missing_calls", 99, "explained"),  # below a dollar
        ("tax", 900_000, "explained"),
    ],
)
def test_a_month_wants_a_look_where_what_nobody_explains_is_worth_one(name: str, cents: int, word: str) -> None:
    run = replace(RUN, classes=(ClassTotal(name, cents * CENT, 1),))
    assert status_of(run, NOVEMBER)[0] == word
    tiny = replace(run, metered=0)
    assert status_of(tiny, NOVEMBER)[0] == ("to look into" if name != "tax" and cents > 99 else "explained")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "no price is known for any of them"),
        ({"measure": "contracted"}, "no price is known for any of them"),
        ({"measure": "billed"}, "no invoice or cost report covers any of them"),
        ({"measure": "billed", "basis": "metered"}, "metered usage has none before a bill covers it"),
        ({"measure": "contracted", "basis": "invoiced"}, "what is invoiced alone has none; ask for the cost of record"),
        ({"basis": "reported"}, "no invoice or cost report covers any of them"),
    ],
)
def test_why_a_cost_is_unknown_is_true_whatever_is_recorded(words: dict[str, str], why: str) -> None:
    assert why_unknown(parse_query(words, now_us=DECEMBER, zone="UTC")) == why
