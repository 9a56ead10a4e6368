"""Read by columns, a bill gives the very lines that it gives read by rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import BillLine, Rejected
from tallystick.focus.batch import FocusReader
from tallystick.focus.convert import line_from_focus
from tallystick.focus.place import Place
from tallystick.kernel.money import grains_from_decimal
from tallystick.usage.dimensions import ATTRIBUTION
from tests.focus.rows import ANTHROPIC, DISK

_TEXTS = st.sampled_from(["", "NULL", "a", "'7'", "=1+1", "123.0", "Tokens", "Input Tokens", "Requests", "Anthropic"])
_AMOUNTS = st.one_of(
    st.sampled_from(["", "N/A", "$1,000.00", "(12.50)", "12,50", "x", "1E-13", "-3"]),
    st.decimals(-1000, 1000, places=14).map(str),
    st.floats(-1e6, 1e6),
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
)
_INSTANTS = st.one_of(
    st.sampled_from(["2026-10-14T00:00:00Z", "10/14/26", "2026-11-02", "", "14/14/14", None]),
    st.integers(0, 400 * 86_400).map(lambda seconds: datetime.fromtimestamp(1_760_000_000 + seconds, UTC)),
)
_TAGS = st.sampled_from(["", '{"team":"a"}', "env=dev;x=y", "so what", None, [("k", "v")], {"cost-center": 3}])
_KINDS: dict[str, Any] = {
    "BilledCost": _AMOUNTS, "EffectiveCost": _AMOUNTS, "ConsumedQuantity": _AMOUNTS, "PricingQuantity": _AMOUNTS,
    "ChargePeriodStart": _INSTANTS, "ChargePeriodEnd": _INSTANTS, "BillingPeriodStart": _INSTANTS, "Tags": _TAGS,
    "ServiceName": _TEXTS, "SkuMeter": _TEXTS, "ConsumedUnit": _TEXTS, "BillingAccountId": _TEXTS,
    "ChargeCategory": st.sampled_from(["usage", "Tax", "", "fee"]),
    "SkuPriceDetails": st.sampled_from(["", '{"x_ModelId":"m","TokenDirection":"Output"}', "[1]", "{"]),
    "x_Own": st.one_of(_TEXTS, st.lists(st.integers(), max_size=2), st.none()),
}  # fmt: skip


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]]]:
    changed = draw(st.sets(st.sampled_from(sorted(_KINDS)), max_size=6))
    names = [*ANTHROPIC, "x_Own"]
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        base = draw(st.sampled_from([ANTHROPIC, DISK]))
        rows.append({"x_Own": "", **base, **{name: draw(_KINDS[name]) for name in sorted(changed)}})
    return names, [{name: row[name] for name in names} for row in rows]


def _columns_of(line: BillLine) -> dict[str, Any]:
    found = {name: getattr(line, name) for name in LINE_FIELDS}
    for name in ("consumed_quantity", "pricing_quantity"):
        found[name] = None if found[name] is None else grains_from_decimal(Decimal(found[name]))
    return found | {f"d_{name}": line.dimensions.get(name, "") for name in ATTRIBUTION}


@given(_tables(), st.sampled_from(["", "ours"]))
def test_columns_and_rows_agree(table: tuple[list[str], list[dict[str, Any]]], account: str) -> None:
    names, rows = table
    by_rows_notes, by_columns_notes = Place(account=account), Place(account=account)
    singly = [
        line_from_focus(row, Place(line_no=number, account=account, notes=by_rows_notes.notes))
        for number, row in enumerate(rows, start=2)
    ]
    reader = FocusReader(names, by_columns_notes)
    cells = [[row[name] for row in rows] for name in names]
    for _ in range(2):  # again, out of its memory
        batch = reader.read(cells, range(2, 2 + len(rows)))
        assert batch.rejected == [one for one in singly if isinstance(one, Rejected)]
        good = [one for one in singly if isinstance(one, BillLine)]
        assert len(batch.kept) == len(good)
        for place, line in enumerate(good):
            assert {name: column[place] for name, column in batch.data.items()} == _columns_of(line)
    assert by_rows_notes.notes == by_columns_notes.notes
