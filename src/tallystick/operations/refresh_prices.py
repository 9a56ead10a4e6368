"""Bring the price book up to the installed list and the override file.

Writes only what differs: new prices become rows known since now, prices that no longer
hold are withdrawn, and everything else stays. Doing it again changes nothing, and costs
one read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tallystick.connectors.list_prices import list_prices, version
from tallystick.connectors.price_overrides import read_overrides
from tallystick.operations.context import Context, Home, now_us
from tallystick.pricing import store
from tallystick.pricing.corrected import corrected
from tallystick.pricing.fingerprint import content, identify, to_row
from tallystick.pricing.model import PriceCard
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import parse_override
from tallystick.storage.version_word import VersionWord

# Raised when the rules that turn a list into cards change, so that books are built anew.
RULES = "2026-11-24.5"


def refresh_prices(context: Context | Home, override: Path | None = None) -> int:
    """Read the list and the override, write the differences, and return how many cards changed.

    Raises:
        ConfigError: The override file cannot be used; the book stays as it is.
    """
    entries = store.list_entries(context.config_db)
    source = f"{version()}; rules {RULES}; override {_digest(override)}"
    if entries:
        source += f"; set {sha256(' '.join(one[0] for one in entries).encode()).hexdigest()}"
    if store.read_source(context.config_db) == source:
        return 0
    wanted = wanted_cards(override, [(one, body) for one, body, *_ in entries])
    store.write_override_file(context.config_db, str(override.resolve()) if override else "")
    return write_cards(context, wanted, source)


def wanted_cards(override: Path | None, entries: Sequence[tuple[str, Mapping[str, object]]]) -> list[PriceCard]:
    """The cards that list, its corrections, override file and set prices make together; what was set last wins.

    Raises:
        ConfigError: The file or an entry cannot be used.
    """
    overrides = read_overrides(override) if override else []
    cards = merge_overrides(corrected(list_prices()), overrides, f"override {override.name}" if override else "")
    for entry_id, body in entries:
        cards = merge_overrides(cards, [parse_override(body, f"price {entry_id}")], entry_id)
    return cards


def write_cards(context: Context | Home, wanted: Iterable[PriceCard], source: str) -> int:
    """Make the book hold exactly these cards, and tell the gateways.

    Returns:
        How many rows were added, withdrawn or renamed.
    """
    at_us, changed = now_us(), 0
    with context.config_db.transaction():
        rows = store.list_cards(context.config_db)
        live = {content(card): card for card in rows if card.withdrawn_at is None}
        taken = {card.price_id for card in rows}
        target = {content(card): card for card in wanted}
        new = [_known_since(card, at_us, taken) for text, card in target.items() if text not in live]
        renamed = [
            replace(card, price_id=live[text].price_id)
            for text, card in target.items()
            if text in live and to_row(card) != to_row(live[text])
        ]
        gone = [card.price_id for text, card in live.items() if text not in target]
        if new or renamed or gone:
            changed = context.config_db.next_version()
            store.withdraw_cards(context.config_db, gone, at_us, changed)
            store.append_cards(context.config_db, [*new, *renamed], changed)
        store.write_source(context.config_db, source)
    if changed:
        VersionWord(context.data_dir / "version").write(changed)
    return len(new) + len(renamed) + len(gone)


def _known_since(card: PriceCard, at_us: int, taken: set[str]) -> PriceCard:
    """A new card; one that was withdrawn before and came back gets an id of its own."""
    known = replace(card, known_since=at_us)
    return identify(known, known_since=at_us) if card.price_id in taken else known


def _digest(path: Path | None) -> str:
    return f"{path.name} {sha256(path.read_bytes()).hexdigest()}" if path else "none"
