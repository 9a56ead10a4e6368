"""What a page says about currencies: which there are, how amounts came into one, and what did not."""

from dataclasses import dataclass, replace

from tallystick.explore.describe import conversion_texts
from tallystick.explore.model import Breakdown
from tallystick.operations.explore import currencies_of
from tallystick.web.address import Address
from tallystick.web.ask import Ask


@dataclass(frozen=True, slots=True)
class CurrencyNote:
    """A remark with the way on."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CurrencyChoice:
    """The currencies of a page.

    Attributes:
        choices: Words, address and whether it is the one in force; empty where there is nothing to choose.
        notes: What the figures leave out, and which rates they rest on.
        without_rate: There are amounts, and no rate to bring any of them into the page's currency.
    """

    choices: tuple[tuple[str, str, bool], ...]
    notes: tuple[CurrencyNote, ...]
    without_rate: bool = False


def currency_choice(asked: Ask, breakdown: Breakdown) -> CurrencyChoice:
    """What to say of a breakdown's currencies."""
    query, address = asked.query, asked.address
    found = currencies_of(asked.site.context, replace(query, grain=None), asked.principal)
    codes = sorted({*found, query.currency})
    choices: list[tuple[str, str, bool]] = []
    if len(codes) > 1 or query.convert:
        for code in codes:
            only = code == query.currency and not query.convert
            choices.append((f"only {code}", str(_only(address, code)), only))
        choices += [(f"all in {code}", str(_all_in(address, code)), query.convert == code) for code in codes]
    others = [code for code in found if code != query.currency and not query.convert]
    notes = (*_left_out(others, query.currency, address), *_converted(breakdown, address))
    return CurrencyChoice(tuple(choices), notes, bool(breakdown.unconverted) and not breakdown.rows)


def _only(address: Address, code: str) -> Address:
    return address.having(convert=None, via=None, currency=code if code != "USD" else None)


def _all_in(address: Address, code: str) -> Address:
    return address.having(currency=None, convert=code)


def _left_out(others: list[str], currency: str, address: Address) -> tuple[CurrencyNote, ...]:
    if not others:
        return ()
    links = [(f"Only {code}", str(_only(address, code))) for code in others]
    links.append((f"All in {currency}", str(_all_in(address, currency))))
    return (CurrencyNote(f"There are rows in {' and '.join(others)} too, in no figure here.", tuple(links)),)


def _converted(breakdown: Breakdown, address: Address) -> tuple[CurrencyNote, ...]:
    texts = conversion_texts(breakdown)
    said = len(texts) - len(breakdown.unconverted)
    notes = [CurrencyNote(text) for text in texts[:said]]
    for text, apart in zip(texts[said:], breakdown.unconverted, strict=True):
        code = apart.query.currency
        notes.append(CurrencyNote(text, ((f"Only {code}", str(_only(address, code))),)))
    return tuple(notes)
