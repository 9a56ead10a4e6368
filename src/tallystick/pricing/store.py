"""Price cards in the row database, and the statement that rates a table of events in a column engine.

Rows of cards are never deleted: a price that no longer holds is withdrawn.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast

from tallystick.kernel.period import day_start, local_day
from tallystick.pricing.book import EPOCH_MINUTE, WEEK_MINUTES, PriceBook
from tallystick.pricing.bulk import EVENT_NAME, NAME_COLUMNS, NAMES, PRICE_COLUMNS, PRICES, EventName, lay_prices
from tallystick.pricing.contract import Contract, parse_contract
from tallystick.pricing.currency import ExchangeRate
from tallystick.pricing.fingerprint import from_row, to_row
from tallystick.pricing.model import PriceCard
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Dialect, Engine, Param
from tallystick.usage.meters import FACT_METERS, INPUT_METERS, METERS, TOKEN_METERS, Meter

# Wide enough for any quantity times any price.
_WIDE = {"duckdb": "HUGEINT", "clickhouse": "Int128"}


_SOURCE, _OVERRIDE = "prices.source", "prices.override"


def list_cards(config_db: ConfigDb) -> list[PriceCard]:
    """All cards, withdrawn ones too."""
    rows = config_db.rows("SELECT price_id, provider, model, body, known_since, withdrawn_at FROM price_card")
    return [from_row(cast("tuple[str, str, str, str, int, int | None]", row)) for row in rows]


def read_version(config_db: ConfigDb) -> int:
    """The latest version any card or contract was written with; 0 for an empty book."""
    found = config_db.rows(
        "SELECT max(coalesce((SELECT max(version) FROM price_card), 0), "
        "coalesce((SELECT max(version) FROM price_contract), 0))"
    )
    return int(found[0][0] or 0)


def append_cards(config_db: ConfigDb, cards: Iterable[PriceCard], version: int) -> None:
    """Write new cards, or the new body (source, notes, matching) of cards that are there."""
    config_db.execute_many(
        """
        INSERT INTO price_card (price_id, provider, model, body, known_since, withdrawn_at, version)
        VALUES (:price_id, :provider, :model, :body, :known_since, NULL, :version)
        ON CONFLICT (price_id) DO UPDATE SET body = excluded.body, version = excluded.version
        """,
        [
            {
                "price_id": card.price_id,
                "provider": card.provider,
                "model": card.model,
                "body": to_row(card),
                "known_since": card.known_since,
                "version": version,
            }
            for card in cards
        ],
    )


def withdraw_cards(config_db: ConfigDb, price_ids: Sequence[str], at_us: int, version: int) -> None:
    """Mark cards as no longer holding."""
    config_db.execute_many(
        "UPDATE price_card SET withdrawn_at = :at, version = :version WHERE price_id = :price_id",
        [{"price_id": one, "at": at_us, "version": version} for one in price_ids],
    )


def read_source(config_db: ConfigDb) -> str:
    """What the book was last built from; empty before the first time."""
    return config_db.read_setting(_SOURCE)


def write_source(config_db: ConfigDb, source: str) -> None:
    """Remember what the book was built from, so that an equal build is not done again."""
    config_db.write_setting(_SOURCE, source)


def read_override_file(config_db: ConfigDb) -> str:
    """The override file that the book was last built with; empty for none."""
    return config_db.read_setting(_OVERRIDE)


def write_override_file(config_db: ConfigDb, path: str) -> None:
    """Remember the override file, so that a price that is set is laid over the same."""
    config_db.write_setting(_OVERRIDE, path)


def create_rating_tables(engine: Engine, suffix: str = "") -> None:
    """The two relations the bulk statement joins; emptied, for they hold one run's book."""
    for name, columns, order in ((NAMES, NAME_COLUMNS, ["name_id"]), (PRICES, PRICE_COLUMNS, ["name_id"])):
        table = name + suffix
        engine.execute(f"DROP TABLE IF EXISTS {table}")
        engine.ensure_table(table, columns, order_by=order)


def append_rating(engine: Engine, names: Sequence[EventName], book: PriceBook, suffix: str = "") -> None:
    """Write what the book says of each name, for all time."""
    name_data, price_data = lay_prices(names, book)
    engine.append(NAMES + suffix, NAME_COLUMNS, name_data)
    engine.append(PRICES + suffix, PRICE_COLUMNS, price_data)


def list_names(engine: Engine, events: str, params: Mapping[str, Param] | None = None) -> list[EventName]:
    """Each combination of names and conditions that occurs in a table of events, or in a SELECT in brackets."""
    columns = ", ".join(EVENT_NAME)
    rows = engine.rows(f"SELECT DISTINCT {columns} FROM {_relation(engine.dialect, events)} x", params)  # noqa: S608 - names of ours
    return [cast(EventName, tuple(str(value) for value in row)) for row in rows]


def _relation(dialect: Dialect, events: str) -> str:
    """A table as it is read, or a SELECT in brackets as it stands."""
    return events if events.startswith("(") else dialect.final(events)


def rating_query(dialect: Dialect, events: str, suffix: str = "") -> str:
    """One statement that rates a whole table, or a SELECT of one in brackets: event_id, model, price_id, currency, costs per meter, their sum.

    Equal to `rate` to the last digit: whole quantities times decimal prices of 12 places,
    rounded nowhere but for parts of a second, half to even.
    """
    costs = [(meter, _cost(meter, dialect)) for meter in METERS]
    columns = ",\n        ".join(f"{cost} AS c_{meter.name}" for meter, cost in costs)
    names = ", ".join(f"c_{meter.name}" for meter in METERS)
    total = " + ".join(f"coalesce(c_{meter.name}, CAST(0 AS DECIMAL(38, 12)))" for meter in METERS)
    billed = " OR ".join(f"coalesce(q_{meter.name}, 0) > 0" for meter in METERS if meter.name not in FACT_METERS)
    unpriced = " + ".join(f"CASE WHEN c_{name} IS NULL THEN coalesce(q_{name}, 0) ELSE 0 END" for name in TOKEN_METERS)
    quantities = ", ".join(f"e.q_{meter.name} AS q_{meter.name}" for meter in METERS)
    size = f"coalesce(e.input_tokens, {' + '.join(f'coalesce(e.q_{name}, 0)' for name in INPUT_METERS)})"
    same = " AND ".join(f"n.{column} = e.{column}" for column in EVENT_NAME)
    at_us = dialect.micros("e.occurred_at")
    minute = _whole_quotient(at_us, 60_000_000, dialect)
    return f"""
SELECT event_id, model, price_id, currency, {names},
    CASE WHEN coalesce({names}) IS NOT NULL THEN {total}
         WHEN usage_state <> 'absent' AND NOT ({billed}) THEN CAST(0 AS DECIMAL(38, 12)) END AS list_cost,
    list_cost AS effective_cost,
    {unpriced} AS unpriced_tokens
FROM (
    SELECT e.event_id AS event_id, e.usage_state AS usage_state, n.model AS model,
        coalesce(p.price_id, '') AS price_id, coalesce(p.currency, 'USD') AS currency, {quantities},
        {columns}
    FROM (
        SELECT {size} AS size, {at_us} AS at_us, ({minute} + {EPOCH_MINUTE}) % {WEEK_MINUTES} AS minute, e.* FROM {_relation(dialect, events)} e
    ) e
    JOIN {NAMES}{suffix} n ON {same}
    LEFT JOIN {PRICES}{suffix} p ON p.name_id = n.name_id
        AND e.at_us >= p.start_us AND e.at_us < p.end_us
        AND e.minute >= p.from_minute AND e.minute < p.to_minute
        AND e.size > p.above AND e.size <= p.up_to
) r
"""  # noqa: S608 - names of ours


def _cost(meter: Meter, dialect: Dialect) -> str:
    quantity, price = f"e.q_{meter.name}", f"p.p_{meter.name}"
    if meter.scale == 1:
        return f"CASE WHEN {quantity} > 0 THEN {quantity} * {price} END"
    grains = f"CAST({quantity} AS {_WIDE[dialect.name]}) * p.g_{meter.name}"
    quotient, rest = _whole_quotient(grains, meter.scale, dialect), f"(({grains}) % {meter.scale})"
    up = (
        f"CASE WHEN 2 * {rest} > {meter.scale} OR (2 * {rest} = {meter.scale} AND {quotient} % 2 = 1) THEN 1 ELSE 0 END"
    )
    return f"CASE WHEN {quantity} > 0 THEN ({quotient} + {up}) * CAST('0.000000000001' AS DECIMAL(38, 12)) END"


def _whole_quotient(number: str, divisor: int, dialect: Dialect) -> str:
    return f"intDiv({number}, {divisor})" if dialect.name == "clickhouse" else f"(({number}) // {divisor})"


def list_contracts(config_db: ConfigDb) -> list[Contract]:
    """The contracts in force, by name."""
    rows = config_db.rows(
        "SELECT contract_id, body, created_at FROM price_contract WHERE deleted_at IS NULL ORDER BY name"
    )
    return [
        replace(
            parse_contract(json.loads(str(body)), "the contract"),
            contract_id=str(contract_id),
            created_at=int(str(created_at)),
        )
        for contract_id, body, created_at in rows
    ]


def write_contract(config_db: ConfigDb, contract: Contract, version: int) -> None:
    """Add a contract; the one of its name ends with it."""
    delete_contract(config_db, contract.name, contract.created_at, version)
    config_db.execute(
        "INSERT INTO price_contract (contract_id, name, body, created_at, deleted_at, version) "
        "VALUES (:contract_id, :name, :body, :created_at, NULL, :version)",
        {
            "contract_id": contract.contract_id,
            "name": contract.name,
            "body": json.dumps(contract.wire, default=str),
            "created_at": contract.created_at,
            "version": version,
        },
    )


def delete_contract(config_db: ConfigDb, name: str, at_us: int, version: int) -> int:
    """End a contract; how many there were of the name."""
    return config_db.execute(
        "UPDATE price_contract SET deleted_at = :at, version = :version WHERE name = :name AND deleted_at IS NULL",
        {"name": name, "at": at_us, "version": version},
    )


def list_entries(config_db: ConfigDb) -> list[tuple[str, dict[str, object], str, int]]:
    """Prices that people have set: entry id, the entry as an override writes it, who, when; oldest first."""
    rows = config_db.rows(
        "SELECT entry_id, body, who, created_at FROM price_entry WHERE deleted_at IS NULL ORDER BY created_at, entry_id"
    )
    return [(str(one), json.loads(str(body)), str(who), int(str(at))) for one, body, who, at in rows]


def append_entry(config_db: ConfigDb, entry_id: str, body: Mapping[str, object], who: str, at_us: int) -> None:
    """Write a price that somebody has set."""
    config_db.execute(
        "INSERT INTO price_entry (entry_id, body, who, created_at, deleted_at) VALUES (:id, :body, :who, :at, NULL)",
        {"id": entry_id, "body": json.dumps(dict(body), default=str), "who": who, "at": at_us},
    )


def delete_entries(config_db: ConfigDb, entry_ids: Sequence[str], at_us: int) -> None:
    """Mark set prices as taken back."""
    config_db.execute_many(
        "UPDATE price_entry SET deleted_at = :at WHERE entry_id = :id", [{"id": one, "at": at_us} for one in entry_ids]
    )


def write_finding(
    config_db: ConfigDb, finding_id: str, subject: str, row: tuple[str, Mapping[str, object]], at_us: int
) -> None:
    """Write a finding, or say that one that is known is still true."""
    config_db.execute(
        "INSERT INTO finding (finding_id, subject, kind, body, found_at, seen_at, resolved_at) "
        "VALUES (:id, :subject, :kind, :body, :at, :at, NULL) ON CONFLICT (subject) DO UPDATE SET "
        "body = excluded.body, seen_at = excluded.seen_at, resolved_at = NULL, "
        "found_at = CASE WHEN finding.resolved_at IS NULL THEN finding.found_at ELSE excluded.found_at END",
        {"id": finding_id, "subject": subject, "kind": row[0], "body": json.dumps(dict(row[1])), "at": at_us},
    )


def resolve_findings(config_db: ConfigDb, kinds: Sequence[str], at_us: int) -> None:
    """What was not seen at this look is no longer true."""
    for kind in kinds:
        config_db.execute(
            "UPDATE finding SET resolved_at = :at WHERE kind = :kind AND seen_at < :at AND resolved_at IS NULL",
            {"kind": kind, "at": at_us},
        )


def list_findings(config_db: ConfigDb, kinds: Sequence[str]) -> list[tuple[str, str, str, int, int]]:
    """Kind, subject, body, found, last seen of the findings of these kinds that hold."""
    rows = config_db.rows(
        "SELECT kind, subject, body, found_at, seen_at FROM finding WHERE resolved_at IS NULL ORDER BY subject"
    )
    return [
        (str(kind), str(subject), str(body), int(str(found)), int(str(seen)))
        for kind, subject, body, found, seen in rows
        if kind in kinds
    ]


def list_rates(config_db: ConfigDb, currencies: Sequence[str] = ()) -> list[ExchangeRate]:
    """Exchange rates among these currencies, or all; corrected ones and their corrections alike."""
    names = {f"c{number}": code for number, code in enumerate(currencies)}
    among = ", ".join(f":{name}" for name in names)
    where = f" WHERE base IN ({among}) AND quote IN ({among})" if names else ""
    rows = config_db.rows(f"SELECT base, quote, from_us, rate, source, known_since FROM currency_rate{where}", names)  # noqa: S608 - names of ours
    return [
        ExchangeRate(str(base), str(quote), local_day(int(str(at))), Decimal(str(rate)), str(source), int(str(known)))
        for base, quote, at, rate, source, known in rows
    ]


def rates_known(config_db: ConfigDb) -> int:
    """When the latest rate became known; 0 for an empty table."""
    return int(config_db.rows("SELECT max(known_since) FROM currency_rate")[0][0] or 0)


def append_rates(config_db: ConfigDb, rates: Iterable[ExchangeRate]) -> None:
    """Add rates; none is ever changed or taken away."""
    config_db.execute_many(
        "INSERT INTO currency_rate (base, quote, from_us, rate, source, known_since) "
        "VALUES (:base, :quote, :at, :rate, :source, :known)",
        [
            {
                "base": one.base,
                "quote": one.quote,
                "at": day_start(one.on),
                "rate": f"{one.rate:f}",
                "source": one.source,
                "known": one.known_since,
            }
            for one in rates
        ],
    )
