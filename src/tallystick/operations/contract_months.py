"""What a month's volume makes of contracts with steps: known when a month is re-rated, not at the call."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import day_start, local_day
from tallystick.ledger.adjust import EVENTS, adjustable
from tallystick.operations.context import Context
from tallystick.operations.rate_events import RATING, prepare_rating
from tallystick.pricing import store
from tallystick.pricing.book import PriceBook, card_tier
from tallystick.pricing.contract import Contract, Months, covers, factor_of
from tallystick.pricing.replayed import relation


def month_factors(context: Context, listed: PriceBook, period: tuple[int, int]) -> Months:
    """For each contract with steps the months that a period touches, each with the factor its volume reached.

    Months are the instance's own. All of a month counts towards its volume, also what of
    it lies outside the period. Call it while `RATING` is held.
    """
    stepped = [one for one in store.list_contracts(context.config_db) if one.volume is not None]
    if not stepped:
        return {}
    found: dict[str, list[tuple[int, int, int]]] = {one.name: [] for one in stepped}
    for start, end in _months(period, context.zone):
        volumes = _volumes(context, listed, start, end)
        for contract in stepped:
            reached = _reached(contract, volumes)
            found[contract.name].append((start, end, reached))
    return found


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a contract's volume has come in a month.

    Attributes:
        volume: Grains of list cost, or tokens.
        factor: What remains of the list price at it, in millionths.
    """

    start_us: int
    end_us: int
    volume: int
    factor: int


def reached_in(context: Context, listed: PriceBook, contract: Contract, at_us: int) -> Reached | None:
    """The volume of the month of an instant and what it makes of the discount; None where no volume decides it."""
    if contract.volume is None:
        return None
    ((start, end),) = _months((at_us, at_us + 1), context.zone)
    with RATING:
        volumes = _volumes(context, listed, start, end)
    reached = _volume(contract, volumes)
    return Reached(start, end, reached, factor_of(contract.volume, reached, contract.factor))


_Volume = tuple[str, str, str, int, int]


def _months(period: tuple[int, int], zone: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    first = local_day(period[0], zone).replace(day=1)
    while (start := day_start(first, zone)) < period[1]:
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        found.append((start, day_start(first, zone)))
    return found


def _volumes(context: Context, listed: PriceBook, start: int, end: int) -> list[_Volume]:
    """List provider, model and tier of a month with their list cost in grains and their tokens."""
    engine = context.ledger
    events, values = relation(engine.dialect, (), adjustable(engine.dialect))
    params: dict[str, Any] = {**values, "from": start, "to": end}
    rated = prepare_rating(engine, listed, events, params)
    tier = "CASE WHEN u.service_tier <> '' THEN u.service_tier ELSE u.requested_service_tier END"
    rows = engine.rows(
        f"SELECT u.provider AS provider, r.model AS model, {tier} AS tier, sum(r.list_cost), "  # noqa: S608 - names of ours
        "sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) "
        f"FROM ({rated}) r JOIN {engine.dialect.final(EVENTS)} u ON u.event_id = r.event_id "
        f"WHERE {adjustable(engine.dialect)} GROUP BY u.provider, r.model, tier",
        params,
    )
    found: list[_Volume] = []
    for provider, model, named, cost, tokens in rows:
        seller = listed.resolve(str(provider), str(model)).provider or str(provider)
        grains = 0 if cost is None else grains_from_decimal(cost)  # type: ignore[arg-type]
        found.append((seller, str(model), card_tier(str(named)), grains, int(str(tokens))))
    return found


def _reached(contract: Contract, volumes: list[_Volume]) -> int:
    volume = contract.volume
    return contract.factor if volume is None else factor_of(volume, _volume(contract, volumes), contract.factor)


def _volume(contract: Contract, volumes: list[_Volume]) -> int:
    held = [one for one in volumes if covers(contract, *one[:3])]
    spent = contract.volume is None or contract.volume.of == "spend"
    return sum(cost if spent else tokens for *_, cost, tokens in held)
