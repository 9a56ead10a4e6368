"""Read the price book from the row database; the gateway reads it when its version moved."""

from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.pricing.contract import contracted
from tallystick.storage.config_db import ConfigDb


def load_book(config_db: ConfigDb) -> PriceBook:
    """The book as it is now, with what contracts make of it."""
    cards, contracts = store.list_cards(config_db), store.list_contracts(config_db)
    return PriceBook(cards, PriceBook(contracted(cards, contracts)) if contracts else None)


def book_version(config_db: ConfigDb) -> int:
    """The version of the latest change of any price."""
    return store.read_version(config_db)


def changed_since(config_db: ConfigDb, version: int) -> bool:
    """Whether any price changed after a version."""
    return store.read_version(config_db) > version
