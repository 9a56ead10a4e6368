"""Bringing the book up to date: only differences are written, nothing is lost, twice is once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.connectors.list_prices import list_prices as read_list
from tallystick.kernel.errors import ConfigError
from tallystick.operations.context import Context
from tallystick.operations.explain_price import card_to_wire, explain_price, explanation_to_wire, list_prices
from tallystick.operations.load_prices import book_version, changed_since, load_book
from tallystick.operations.refresh_prices import refresh_prices, write_cards
from tallystick.pricing import store
from tallystick.pricing.corrected import corrected
from tallystick.pricing.rate import rate
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.version_word import VersionWord
from tests.pricing.sample import card, day, used

NOV = day("2026-11-01")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    config_db = ConfigDb(tmp_path / "config.db")
    yield Context(ledger=None, config_db=config_db, data_dir=tmp_path)  # type: ignore[arg-type]
    config_db.close()


def cost_of(context: Context, model: str = "m", provider: str = "p", **usage: int) -> int | None:
    book = load_book(context.config_db)
    return rate(
        book, provider=provider, model=model, service_tier="", region="", at_us=NOV, measured=used(**usage)
    ).cost


def rows(context: Context) -> set[str]:
    return {one.price_id for one in store.list_cards(context.config_db)}


def test_the_list_is_loaded_once_and_a_second_refresh_changes_nothing(context: Context) -> None:
    assert refresh_prices(context) > 2000
    version, ids = book_version(context.config_db), rows(context)
    assert refresh_prices(context) == 0
    assert (book_version(context.config_db), rows(context)) == (version, ids)
    assert cost_of(context, "gpt-4o", "openai", uncached_input=1000) == 1000 * 2_500_000


def test_an_override_changes_only_its_own_model_and_its_end_brings_the_list_back(
    context: Context, tmp_path: Path
) -> None:
    refresh_prices(context)
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\ninput = "2.00"\n')
    before = book_version(context.config_db)
    assert refresh_prices(context, file) == 2
    assert changed_since(context.config_db, before)
    assert VersionWord(context.data_dir / "version").read() == book_version(context.config_db)
    assert cost_of(context, "gpt-4o", "openai", uncached_input=1000, plain_output=1) == 1000 * 2_000_000 + 10_000_000
    assert refresh_prices(context, file) == 0
    assert refresh_prices(context) == 2
    assert cost_of(context, "gpt-4o", "openai", uncached_input=1000) == 1000 * 2_500_000
    assert refresh_prices(context) == 0


def test_a_broken_override_leaves_the_book_as_it_is(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-4o-2024-08-06"\ninput = 1\n')
    with pytest.raises(ConfigError, match="gpt-4o"):
        refresh_prices(context, file)
    assert book_version(context.config_db) == 0


def test_a_price_that_is_gone_is_withdrawn_and_not_deleted(context: Context) -> None:
    old, new = card(prices={"uncached_input": 9}), card(prices={"uncached_input": 3})
    assert write_cards(context, [old], "one") == 1
    assert write_cards(context, [new], "two") == 2
    held = {one.price_id: one for one in store.list_cards(context.config_db)}
    assert held[old.price_id].withdrawn_at is not None
    assert held[new.price_id].known_since == held[old.price_id].withdrawn_at
    assert cost_of(context, uncached_input=1) == 3


def test_a_price_that_comes_back_is_a_new_row(context: Context) -> None:
    old, new = card(prices={"uncached_input": 9}), card(prices={"uncached_input": 3})
    for number, cards in enumerate([[old], [new], [old]]):
        write_cards(context, cards, str(number))
    held = store.list_cards(context.config_db)
    assert len(held) == 3
    assert cost_of(context, uncached_input=1) == 9
    assert write_cards(context, [old], "again") == 0


def test_a_new_spelling_or_source_renames_the_row_and_keeps_its_id(context: Context) -> None:
    write_cards(context, [card(source="list 1")], "one")
    assert write_cards(context, [card(source="list 2")], "two") == 1
    (held,) = store.list_cards(context.config_db)
    assert (held.source, held.price_id) == ("list 2", card().price_id)


def test_a_card_is_read_back_as_it_was_written(context: Context) -> None:
    written = {one.price_id: one for one in corrected(read_list())}
    refresh_prices(context)
    for one in store.list_cards(context.config_db):
        source = written.pop(one.price_id)
        assert card_to_wire(one) == card_to_wire(source) | {"known_since": card_to_wire(one)["known_since"]}
        assert (one.match, one.order, one.tiers) == (source.match, source.order, source.tiers)
    assert not written


def test_a_price_is_explained_with_its_match_its_history_and_its_source(context: Context) -> None:
    refresh_prices(context)
    wire = explanation_to_wire(explain_price(context, model="o3-2025-04-16", provider="openai", at_us=NOV))
    assert (wire["known"], wire["provider"], wire["model"]) == (True, "openai", "o3")
    assert wire["why"] == '"o3-2025-04-16" is openai\'s o3'
    cards = wire["cards"]
    assert isinstance(cards, list)
    standard = [one for one in cards if one["service_tier"] == "standard"]
    first = standard[0]["tiers"][0]["prices"]["uncached_input"]
    assert first == {"price": "10", "per": 1_000_000, "unit": "Tokens"}
    assert standard[0]["valid_to"] == "2025-06-10T00:00:00Z"
    assert [one["in_force"] for one in standard] == [False, True]
    assert standard[1]["source"].startswith("genai-prices ")


def test_an_unknown_name_is_explained_too(context: Context) -> None:
    refresh_prices(context)
    wire = explanation_to_wire(explain_price(context, model="gpt-99", provider="openai"))
    assert (wire["known"], wire["cards"]) == (False, [])
    assert wire["why"] == 'no price list knows "gpt-99"'


def test_prices_are_listed_by_parts_of_their_names(context: Context) -> None:
    refresh_prices(context)
    found = list_prices(context, provider="OpenAI", model="4o-mini", at_us=NOV)
    assert {one.provider for one in found} == {"openai", "openai-decisions"} & {one.provider for one in found}
    assert all("4o-mini" in one.model for one in found)
    now = list_prices(context, provider="openai", model="o3", at_us=NOV)
    ever = list_prices(context, provider="openai", model="o3", at_us=NOV, history=True)
    assert len(now) < len(ever)
    assert not [one for one in now if one.valid_to is not None and one.valid_to <= NOV]
