"""One OpenAI-shaped address for all models: ``/v1/…``, where the model's name says whose it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tallystick.gateway.dialects.model import Change
from tallystick.gateway.refuse import Refused, refuse
from tallystick.gateway.settings import ProviderSettings
from tallystick.pricing.book import PriceBook
from tallystick.pricing.match import MAKERS, canonical_provider

if TYPE_CHECKING:
    from tallystick.gateway.prepare import Incoming

NAME = "v1"
# Stands for the provider until the model is read; it has no address, so nothing can be sent to it.
OPEN = ProviderSettings("openai", "", "")
_MOST_NAMED = 20


def as_dialect(provider: ProviderSettings, dialect: str) -> ProviderSettings | None:
    """A provider as a dialect's calls reach it: itself, or its OpenAI-compatible endpoint; None when neither is."""
    if dialect == "openai" and provider.openai_url:
        return replace(provider, dialect="openai", base_url=provider.openai_url)
    return provider if provider.dialect == dialect else None


def split_model(model: str, providers: Mapping[str, ProviderSettings]) -> tuple[str, str]:
    """``provider/model`` as the two; the provider is empty where the first part names none.

    >>> split_model("groq/meta/llama", {"groq": ...}), split_model("meta/llama", {"groq": ...})
    (('groq', 'meta/llama'), ('', 'meta/llama'))
    """
    name, slash, rest = model.partition("/")
    return (name, rest) if slash and rest and name in providers else ("", model)


def address(incoming: "Incoming") -> None:
    """The path below the upstream's address: after that of an OpenAI-compatible endpoint no version comes."""
    bare = bool(incoming.provider.openai_url) and incoming.provider.base_url == incoming.provider.openai_url
    if bare and incoming.below.startswith("/v1/"):
        incoming.below, incoming.bare = incoming.below[3:], True
    elif not bare and incoming.bare:
        incoming.below, incoming.bare = "/v1" + incoming.below, False


def choose_upstream(providers: Mapping[str, ProviderSettings], book: PriceBook, incoming: "Incoming") -> None:
    """Make a call to the open address one to the provider that its model names.

    Raises:
        Refused: 404 when the model names none, or one that speaks no OpenAI.
    """
    asked = incoming.facts.model
    if not asked:
        raise refuse(
            404,
            "model_not_named",
            f"{incoming.below} names no model, which here says whose it is; ask its provider: /openai{incoming.below}",
        )
    name, model = split_model(asked, providers)
    name = name or maker_of(asked, providers, book)
    view = as_dialect(providers[name], "openai") if name else None
    if view is None:
        raise _unknown(asked, name, providers)
    incoming.name, incoming.provider = name, view
    if model != asked:
        facts = incoming.facts
        _, body = incoming.dialect.rewrite(incoming.route, incoming.below, facts.body, Change(model=model))
        incoming.facts = replace(facts, model=model, body=body, changed=True)
    address(incoming)


def maker_of(model: str, providers: Mapping[str, ProviderSettings], book: PriceBook) -> str:
    """The configured provider of the maker of a model, where there is but one; empty when nobody can tell.

    Of several with one maker, those with a key count; of these the one that has the maker's name.
    """
    maker = book.resolve("", model).provider
    if not maker:
        lower = model.lower()
        maker = next((maker for pattern, maker in MAKERS if re.search(pattern, lower)), "")
    if not maker:
        return ""
    named = [
        name
        for name, one in providers.items()
        if canonical_provider(one.provider) == maker and as_dialect(one, "openai") is not None
    ]
    keyed = [name for name in named if providers[name].keys] or named
    if len(keyed) == 1:
        return keyed[0]
    return maker if maker in keyed else ""


def _unknown(asked: str, name: str, providers: Mapping[str, ProviderSettings]) -> Refused:
    if name:
        return refuse(
            404,
            "model_not_found",
            f"{name} has no OpenAI-compatible address: set openai_url of [providers.{name}], or call it below /{name}",
        )
    open_ones = sorted(one for one in providers if as_dialect(providers[one], "openai") is not None)
    return refuse(
        404,
        "model_not_found",
        f'nobody can tell whose "{asked[:64]}" is: write it as PROVIDER/MODEL, the provider being one of '
        + ", ".join(open_ones[:_MOST_NAMED]),
    )


def list_models(providers: Mapping[str, ProviderSettings], book: PriceBook, at_us: int) -> dict[str, Any]:
    """What can be asked for: models that the price book knows, of providers that we have a key for."""
    sellers = tuple(
        (name, canonical_provider(one.provider))
        for name, one in sorted(providers.items())
        if one.keys and as_dialect(one, "openai") is not None
    )
    day = at_us // 86_400_000_000
    ids = _sold(book, sellers, day)
    data = [{"id": one, "object": "model", "created": 0, "owned_by": one.partition("/")[0]} for one in ids]
    return {"object": "list", "data": data}


@lru_cache(maxsize=2)
def _sold(book: PriceBook, sellers: tuple[tuple[str, str], ...], day: int) -> tuple[str, ...]:
    at_us = day * 86_400_000_000
    models: dict[str, set[str]] = {}
    for card in book.cards:
        if card.withdrawn_at is None and (card.valid_to is None or card.valid_to > at_us):
            models.setdefault(card.provider, set()).add(card.model)
    return tuple(_names(sellers, models))


def _names(sellers: tuple[tuple[str, str], ...], models: Mapping[str, set[str]]) -> Iterator[str]:
    for name, seller in sellers:
        yield from (f"{name}/{model}" for model in sorted(models.get(seller, ())))
