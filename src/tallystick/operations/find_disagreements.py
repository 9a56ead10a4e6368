"""Hold the price book against every other source: lists, our own prices, contracts; with the dollars that hang on it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tallystick.connectors.list_prices import PACKAGE
from tallystick.kernel.period import DAY_US, rfc3339
from tallystick.operations.context import Context
from tallystick.operations.import_price_list import list_price_lists
from tallystick.operations.refresh_prices import wanted_cards
from tallystick.pricing import store
from tallystick.pricing.book import PriceBook, card_tier
from tallystick.pricing.check import Finding, is_listed
from tallystick.pricing.explain import in_force
from tallystick.pricing.opinion import (
    Apart,
    advice,
    class_of,
    compare,
    idle_contracts,
    is_apart,
    million,
    quotes_of_cards,
)
from tallystick.pricing.replayed import EVENTS, within
from tallystick.usage.meters import INPUT_METERS

DAYS = 30
_Used = Mapping[tuple[str, str, str], Sequence[tuple[int, Mapping[str, int]]]]
"""Book's provider, model and tier to usage by size class: the threshold it lies above, and tokens by meter."""


def find_disagreements(context: Context, book: PriceBook, at_us: int) -> list[Finding]:
    """One finding for each model and class of tokens on which two sources are more than one per cent apart.

    Its amount is what the usage of the last thirty days would cost more at the other price; None where there was none.
    """
    live = [card for card in book.cards if card.withdrawn_at is None]
    found = _lists(context, book, at_us) + _own(book, live, at_us) + _contracts(context, book, at_us)
    used = _used(context, book, at_us, found)
    return [_with_amount(finding, one, used) for finding, one in found] + _idle(context, live)


_Found = list[tuple[Finding, Apart]]


def _lists(context: Context, book: PriceBook, at_us: int) -> _Found:
    """Where a list that somebody brought says otherwise than the book."""
    return [
        (
            Finding(
                "price_sources_disagree",
                f"list {kept.name} {_name(one)}",
                f"{class_of(one)} of {one.provider} costs {million(one.held)} a million by {one.card.source} and "
                f"{million(one.quote.price)} by {kept.name}; if {kept.name} is right: {advice(one)}",
                {
                    "book": million(one.held),
                    "book_source": one.card.source,
                    "book_since": rfc3339(one.card.valid_from) if one.card.valid_from else "always",
                    "book_known": rfc3339(one.card.known_since),
                    "other": million(one.quote.price),
                    "other_source": f"{kept.name} ({kept.file})",
                    "other_known": rfc3339(kept.imported_at),
                    "other_name": one.quote.model,
                    "advice": advice(one),
                },
            ),
            one,
        )
        for kept in list_price_lists(context)
        for one in compare(book, kept.quotes, at_us).apart
    ]


def _own(book: PriceBook, live: Sequence[Any], at_us: int) -> _Found:
    """Where a price that was set here is not the list's."""
    own = [card for card in live if not is_listed(card, PACKAGE)]
    if not own:
        return []
    now = in_force(book, own, at_us)
    quotes = quotes_of_cards(card for card in own if card.price_id in now)
    sources = {_key(card.provider, card.model, card.service_tier): card.source for card in own}
    listed = PriceBook(wanted_cards(None, []))
    return [
        (
            Finding(
                "price_sources_disagree",
                f"own {_name(one)}",
                f"{class_of(one)} of {one.provider} costs {million(one.quote.price)} a million by the price set here "
                f"and {million(one.held)} by {one.card.source}; if the list is right: "
                f"tally prices unset {one.quote.provider} {one.quote.model}",
                {
                    "own": million(one.quote.price),
                    "own_source": sources.get(_key(one.quote.provider, one.quote.model, one.quote.service_tier), ""),
                    "list": million(one.held),
                    "list_source": one.card.source,
                    "list_since": rfc3339(one.card.valid_from) if one.card.valid_from else "always",
                },
            ),
            one,
        )
        for one in compare(listed, quotes, at_us).apart
    ]


def _contracts(context: Context, book: PriceBook, at_us: int) -> _Found:
    """Where a contract asks more than is paid without it; that it asks less is what it is for."""
    if book.paid is None:
        return []
    signed = [card for card in book.paid.cards if card.source.startswith("contract ")]
    now = in_force(book.paid, signed, at_us)
    sources = {_key(card.provider, card.model, card.service_tier): card.source for card in signed}
    plain = PriceBook(book.cards)
    dearer = compare(plain, quotes_of_cards(card for card in signed if card.price_id in now), at_us).apart
    found: _Found = []
    for one in dearer:
        source = sources.get(_key(one.quote.provider, one.quote.model, one.quote.service_tier), "a contract")
        if one.quote.price > one.held and is_apart(one.quote.price, one.held):
            what = (
                f"{source} asks {million(one.quote.price)} a million for {class_of(one)}, and the list price is "
                f"{million(one.held)}: ask for the list's, or end it with tally prices contracts remove"
            )
            evidence = {"contract": million(one.quote.price), "list": million(one.held), "list_source": one.card.source}
            found.append((Finding("price_sources_disagree", f"{source} {_name(one)}", what, evidence), one))
    return found


def _idle(context: Context, live: Sequence[Any]) -> list[Finding]:
    return [
        Finding(
            "price_of_unknown_model",
            f"contract {one.name}",
            f'contract {one.name} covers "{one.model}" of {one.provider}, and no price of the book is of that name',
            {"source": f"contract {one.name}"},
        )
        for one in idle_contracts(store.list_contracts(context.config_db), live)
    ]


def _key(provider: str, model: str, tier: str) -> tuple[str, str, str]:
    return (provider, model, tier)


def _name(one: Apart) -> str:
    size = f"above {one.quote.above}" if one.quote.above else ""
    words = (one.provider, one.model, one.quote.service_tier or "standard", one.quote.meter, size, one.quote.region)
    return " ".join(word for word in words if word)


def _used(context: Context, book: PriceBook, at_us: int, found: _Found) -> _Used:
    """The tokens of the last thirty days by size class, of all thresholds that the findings and their cards have."""
    if not found:
        return {}
    dialect = context.ledger.dialect
    edges = sorted(
        {tier.above_input_tokens for _, one in found for tier in one.card.tiers} | {one.quote.above for _, one in found}
    )
    meters = sorted({one.quote.meter for _, one in found})
    size = f"coalesce(u.input_tokens, {' + '.join(f'coalesce(u.q_{name}, 0)' for name in INPUT_METERS)})"
    bucket = " ".join(f"WHEN {size} > {edge} THEN {edge}" for edge in reversed(edges) if edge)
    tier = "CASE WHEN u.service_tier <> '' THEN u.service_tier ELSE u.requested_service_tier END"
    rows = context.ledger.rows(
        f"SELECT u.provider AS provider, u.model AS model, {tier} AS tier, "  # noqa: S608 - names of ours
        f"{f'CASE {bucket} ELSE 0 END' if bucket else '0'} AS bucket, "
        f"{', '.join(f'sum(coalesce(u.q_{name}, 0)) AS s_{name}' for name in meters)} "
        f"FROM {dialect.final(EVENTS)} u WHERE {within(dialect)} GROUP BY provider, model, tier, bucket",
        {"from": at_us - DAYS * DAY_US, "to": at_us},
    )
    used: dict[tuple[str, str, str], list[tuple[int, Mapping[str, int]]]] = defaultdict(list)
    for provider, model, named, above, *sums in rows:
        seller = book.resolve(str(provider), str(model))
        counts = {name: int(str(one)) for name, one in zip(meters, sums, strict=True)}
        used[seller.provider, seller.model, card_tier(str(named))].append((int(str(above)), counts))
    return used


def _with_amount(finding: Finding, one: Apart, used: _Used) -> Finding:
    """The finding with what the other price makes of the usage; None where nothing of it was used."""
    later = [tier.above_input_tokens for tier in one.card.tiers if tier.above_input_tokens > one.quote.above]
    top = min(later, default=None)
    rows = used.get((one.provider, one.model, one.quote.service_tier), ())
    tokens = sum(
        counts[one.quote.meter] for above, counts in rows if above >= one.quote.above and (top is None or above < top)
    )
    if not tokens:
        return finding
    amount = (one.quote.price - one.held) * tokens
    return Finding(
        finding.kind,
        finding.subject,
        finding.what,
        {**finding.evidence, "days": str(DAYS), "tokens": str(tokens)},
        amount,
    )
