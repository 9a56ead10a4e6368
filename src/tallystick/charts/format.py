"""Figures as people read them. Amounts are whole grains (1e-12 of the currency) until here.

Rounding is half to even and happens nowhere else on a page; the exact amount travels
beside the text (``<data value>``), so that what is shown can be checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_GRAINS = 10**12
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_STEPS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))
MINUS = "−"

Direction = Literal["up", "down", "none", "unknown"]


def symbol(currency: str) -> str:
    """The sign before an amount: ``$``, else the code and a thin space."""
    return _SYMBOLS.get(currency, f"{currency}\u2009")


def _rounded(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + 1 if twice > denominator or (twice == denominator and quotient % 2) else quotient


def places_for(grains: int) -> int:
    """Decimals that show an amount with about three significant digits, two at least.

    >>> [places_for(int(amount * 10**12)) for amount in (46840.13, 0.787, 0.0123, 0.000123)]
    [2, 3, 4, 6]
    """
    magnitude = abs(grains)
    if magnitude >= _GRAINS or not magnitude:
        return 2
    leading = len(str(magnitude))  # 12 digits are 0.1 and more
    return max(2, min(12, 15 - leading))


def money(grains: int | None, currency: str = "USD", places: int | None = None, *, sign: bool = False) -> str:
    """An amount as text; None is a dash, since unknown is not zero.

    A sum too small for its column is shown as less than its last place, not as nothing.

    With `places` None the decimals follow the size; `sign` puts + before rises too.

    >>> money(46840_134000000000), money(123_000_000), money(-5 * 10**11), money(None)
    ('$46,840.13', '$0.000123', '−$0.500', '–')
    >>> money(1, places=2), money(0)
    ('<$0.01', '$0.00')
    """
    if grains is None:
        return "–"
    decimals = places_for(grains) if places is None else places
    scaled = _rounded(abs(grains) * 10**decimals, _GRAINS)
    lead = MINUS if grains < 0 else "+" if sign and grains else ""
    if grains and not scaled:
        return f"{lead}<{symbol(currency)}{_decimal(1, decimals)}"
    return f"{lead}{symbol(currency)}{_decimal(scaled, decimals)}"


def _decimal(scaled: int, places: int) -> str:
    whole, part = divmod(scaled, 10**places)
    return f"{whole:,}.{part:0{places}d}" if places else f"{whole:,}"


def money_short(grains: int, currency: str = "USD") -> str:
    """An amount for an axis or a sentence: ``$0``, ``$500``, ``$1.5k``, ``$0.02``.

    >>> [money_short(int(amount * 10**12)) for amount in (0, 500, 1500, 2_000_000, 0.02)]
    ['$0', '$500', '$1.5k', '$2M', '$0.02']
    """
    lead = MINUS if grains < 0 else ""
    magnitude = abs(grains)
    if not magnitude:
        return f"{symbol(currency)}0"
    for step, suffix in _STEPS:
        if magnitude >= step * _GRAINS:
            return f"{lead}{symbol(currency)}{_trimmed(_rounded(magnitude * 100, step * _GRAINS), 2)}{suffix}"
    decimals = places_for(magnitude)
    return f"{lead}{symbol(currency)}{_trimmed(_rounded(magnitude * 10**decimals, _GRAINS), decimals)}"


def _trimmed(scaled: int, places: int) -> str:
    text = _decimal(scaled, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_money(grains: int | None, currency: str = "USD", *, sign: bool = False) -> str:
    """An amount in a sentence or a change: no cents above ten, else as `money`."""
    if grains is not None and abs(grains) >= 10 * _GRAINS:
        return money(grains, currency, 0, sign=sign)
    return money(grains, currency, sign=sign)


def count(number: int | None) -> str:
    """A whole number with thousands separated; None is a dash."""
    return "–" if number is None else f"{number:,}".replace("-", MINUS)


def count_short(number: int) -> str:
    """A whole number in three digits or so: ``5.76M``.

    >>> [count_short(n) for n in (0, 999, 1200, 5_755_516, 2_140_000_000)]
    ['0', '999', '1.2k', '5.76M', '2.14B']
    """
    for step, suffix in _STEPS:
        if number >= step:
            return f"{_trimmed(_rounded(number * 100, step), 2)}{suffix}"
    return str(number)


def percent(part: int, whole: int) -> str:
    """A share with one decimal; all but everything is never rounded up to 100.0.

    >>> percent(1, 3), percent(999_999, 1_000_000), percent(0, 0)
    ('33.3%', '99.9%', '–')
    """
    if not whole:
        return "–"
    tenths = _rounded(part * 1000, whole) if whole > 0 else _rounded(-part * 1000, -whole)
    if tenths >= 1000 and part < whole:
        tenths = 999
    if tenths <= 0 < part:
        return "<0.1%"
    return f"{_signed(tenths)}%"


def _signed(tenths: int) -> str:
    whole, part = divmod(abs(tenths), 10)
    return f"{MINUS if tenths < 0 else ''}{whole}.{part}"


def shares(values: Sequence[int]) -> list[int]:
    """Tenths of a percent that sum to exactly 1000, nearest to the proportions (largest remainder).

    Negative values and an empty total give zeros.

    >>> shares([1, 1, 1])
    [334, 333, 333]
    """
    total = sum(values)
    if total <= 0 or min(values) < 0:
        return [0] * len(values)
    floors = [value * 1000 // total for value in values]
    rests = sorted(range(len(values)), key=lambda index: (-(values[index] * 1000 % total), index))
    for index in rests[: 1000 - sum(floors)]:
        floors[index] += 1
    return floors


def tenths_text(tenths: int) -> str:
    """``34.5%`` of 345."""
    return f"{_signed(tenths)}%"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference in words and signs; colour is never the only signal.

    Attributes:
        amount: ``+$4,149``, or "no change".
        ratio: ``+22.0%``, "new" or a dash.
        arrow: ▲, ▼ or empty.
    """

    direction: Direction
    amount: str
    ratio: str
    arrow: str


def change(now: int | None, before: int | None, currency: str = "USD", places: int | None = None) -> Change:
    """What changed from `before` to `now`, in grains; without one of them there is no change to speak of."""
    if now is None or before is None:
        return Change("unknown", "–", "–", "")
    delta = now - before
    if not delta:
        return Change("none", "no change", "–", "")
    shown = places if places is not None and abs(delta) < 10 * _GRAINS else None
    amount = money(delta, currency, shown, sign=True) if shown is not None else whole_money(delta, currency, sign=True)
    return Change("up" if delta > 0 else "down", amount, ratio(now, before), "▲" if delta > 0 else "▼")


def ratio(now: int, before: int) -> str:
    """``+22.0%``; "new" where there was nothing; more than tenfold as ``×12``."""
    if before <= 0:
        return "new"
    if now >= 10 * before:
        return f"×{_rounded(now, before):,}"
    tenths = _rounded((now - before) * 1000, before)
    if not tenths and now != before:
        return f"{'+' if now > before else MINUS}<0.1%"
    return f"{'+' if tenths >= 0 else ''}{_signed(tenths)}%"
