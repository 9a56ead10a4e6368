"""Whether a line fits the tables: figures within their bounds, texts that are text."""

from decimal import Decimal
from operator import attrgetter

from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import BillLine

_LATEST_US = 7_258_118_400_000_000  # the year 2200: a later instant is a unit mistaken
_MOST_GRAINS = 10**37
_MOST_QUANTITY = 2**63 - 1
_MOST_DECIMAL = Decimal(10) ** 25
_fields = attrgetter(*LINE_FIELDS)
_MONEY = (
    "pricing_currency_cost", "list_unit_price", "contracted_unit_price", "billed_cost", "effective_cost", "list_cost",
    "contracted_cost",
)  # fmt: skip
_money = attrgetter(*_MONEY)


def fault_of(line: BillLine) -> str:
    """What keeps a line out of the ledger, for its owner; empty when nothing does."""
    if not 0 <= line.charge_period_start <= line.charge_period_end <= _LATEST_US:
        return "its charge period does not run from a start to an end between 1970 and 2200"
    for name, amount in zip(_MONEY, _money(line), strict=True):
        if amount is not None and not -_MOST_GRAINS < amount < _MOST_GRAINS:
            return f"{name} is larger than any amount of money"
    if line.quantity is not None and not -_MOST_QUANTITY <= line.quantity <= _MOST_QUANTITY:
        return "quantity is larger than any count"
    for amount in (line.consumed_quantity, line.pricing_quantity):
        if amount is not None and not (amount.is_finite() and -_MOST_DECIMAL < amount < _MOST_DECIMAL):
            return "a quantity is not a number, or larger than any count"
    if not line.slice_key or not line.dataset:
        return "it belongs to no slice"
    return _broken_text(line)


def _broken_text(line: BillLine) -> str:
    for value in _fields(line):
        if isinstance(value, str) and not (value.isascii() or _encodes(value)):
            return "a text holds half a character"
    for texts in (line.tags, line.extra, line.dimensions):
        if not all(_encodes(key) and _encodes(value) for key, value in texts.items()):
            return "a tag holds half a character"
    return ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
