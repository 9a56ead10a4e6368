"""Price cards in the row database. Rows are never deleted: a price that no longer holds is withdrawn."""

from collections.abc import Iterable, Sequence
from typing import cast

from tallystick.pricing.fingerprint import from_row, to_row
from tallystick.pricing.model import PriceCard
from tallystick.storage.config_db import ConfigDb


def list_cards(config_db: ConfigDb) -> list[PriceCard]:
    """All cards, withdrawn ones too."""
    rows = config_db.rows("SELECT price_id, provider, model, body, known_since, withdrawn_at FROM price_card")
    return [from_row(*cast("tuple[str, str, str, str, int, int | None]", row)) for row in rows]


def read_version(config_db: ConfigDb) -> int:
    """The latest version any card was written with; 0 for an empty book."""
    return int(config_db.rows("SELECT coalesce(max(version), 0) FROM price_card")[0][0] or 0)


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
    rows = config_db.rows("SELECT value FROM setting WHERE name = 'prices.source'")
    return str(rows[0][0]) if rows else ""


def write_source(config_db: ConfigDb, source: str) -> None:
    """Remember what the book was built from, so that an equal build is not done again."""
    config_db.execute(
        """
        INSERT INTO setting (name, value) VALUES ('prices.source', :source)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
        """,
        {"source": source},
    )
