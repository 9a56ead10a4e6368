"""Prices and contracts of one's own: set, list, take back. They hold for the next call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tallystick.kernel.errors import NotFound
from tallystick.kernel.ids import new_id
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_keys import changed_version
from tallystick.operations.refresh_prices import refresh_prices, wanted_cards
from tallystick.org.model import Principal
from tallystick.pricing import store
from tallystick.pricing.contract import Contract, parse_contract
from tallystick.pricing.diff import Difference, changes, learned
from tallystick.pricing.override import parse_override

_OPERATOR = Principal("operator", "admin", local=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """A price that somebody has set.

    Attributes:
        body: As an override file would have it.
    """

    entry_id: str
    body: Mapping[str, object]
    who: str
    at_us: int


def set_price(context: Context, body: Mapping[str, object], principal: Principal = _OPERATOR) -> Entry:
    """Lay a price over list and override file, from the next call on.

    An entry of the same model, conditions and start is replaced.

    Raises:
        ConfigError: An unknown name, or a price nobody would charge; nothing is changed.
    """
    wanted = parse_override(body, "the price")
    held = list_entries(context)
    same = [one for one in held if _key(one.body) == _key(body)]
    entry = Entry(new_id("set", now_us()), dict(body), principal.name, now_us())
    kept = [(one.entry_id, one.body) for one in held if one not in same]
    wanted_cards(_override(context), [*kept, (entry.entry_id, body)])  # whatever cannot be laid over is said now
    with context.config_db.transaction():
        store.delete_entries(context.config_db, [one.entry_id for one in same], entry.at_us)
        store.append_entry(context.config_db, entry.entry_id, body, entry.who, entry.at_us)
        record(context, principal.name, "set price", f"{wanted.provider} {wanted.model} {entry.entry_id}")
    refresh_prices(context, _override(context))
    return entry


def unset_price(context: Context, provider: str, model: str, principal: Principal = _OPERATOR) -> list[Entry]:
    """Take back what was set of a model; list and override file hold again.

    Raises:
        NotFound: Nothing was set of it.
    """
    asked = parse_override({"provider": provider, "model": model, "input": 0}, "the price")
    gone = [one for one in list_entries(context) if _key(one.body)[:2] == (asked.provider, asked.model)]
    if not gone:
        raise NotFound(f'no price was set of "{provider}" "{model}"', next_steps=["tally prices entries"])
    with context.config_db.transaction():
        store.delete_entries(context.config_db, [one.entry_id for one in gone], now_us())
        record(context, principal.name, "unset price", f"{asked.provider} {asked.model}")
    refresh_prices(context, _override(context))
    return gone


def list_entries(context: Context) -> list[Entry]:
    """Prices that were set and hold, oldest first."""
    return [Entry(*row) for row in store.list_entries(context.config_db)]


def set_contract(context: Context, body: Mapping[str, Any], principal: Principal = _OPERATOR) -> Contract:
    """Make a contract, or put this in the place of the one of its name. Calls are rated by it from the next on.

    Raises:
        ConfigError: It says something that cannot be meant.
    """
    return set_contracts(context, [body], principal)[0]


def set_contracts(
    context: Context, bodies: Sequence[Mapping[str, Any]], principal: Principal = _OPERATOR
) -> list[Contract]:
    """All of them or none."""
    parsed = [parse_contract(body, f"contract {number}") for number, body in enumerate(bodies, 1)]
    made = []
    with changed_version(context) as version:
        for one in parsed:
            at = now_us()
            contract = replace(one, contract_id=new_id("contract", at), created_at=at)
            store.write_contract(context.config_db, contract, version)
            record(context, principal.name, "set contract", contract.name)
            made.append(contract)
    return made


def remove_contract(context: Context, name: str, principal: Principal = _OPERATOR) -> None:
    """End a contract: list prices hold from the next call on; what was rated under it stays as it is.

    Raises:
        NotFound: No such contract.
    """
    with changed_version(context) as version:
        if not store.delete_contract(context.config_db, name, now_us(), version):
            raise NotFound(f'no contract "{name}"', next_steps=["tally prices contracts list"])
        record(context, principal.name, "remove contract", name)


def list_contracts(context: Context) -> list[Contract]:
    """The contracts in force, by name."""
    return store.list_contracts(context.config_db)


def compare_prices(context: Context, first_us: int, second_us: int, *, known: bool = False) -> list[Difference]:
    """What changed between two days, or what the book learned between two instants."""
    book = load_book(context.config_db)
    return learned(book, first_us, second_us) if known else changes(book, first_us, second_us)


def _override(context: Context) -> Path | None:
    path = store.read_override_file(context.config_db)
    return Path(path) if path else None


def _key(body: Mapping[str, object]) -> tuple[object, ...]:
    one = parse_override(body, "the price")
    return (one.provider, one.model, one.service_tier, one.region, one.above, one.start_us)
