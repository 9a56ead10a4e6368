"""From the name a caller wrote to the model a price list knows, with the reason.

The rules of each model come with its price cards; this file adds how providers are
named (OpenTelemetry's names and the catalogue's), which provider sells whose models,
and the spellings of one name that are tried in turn. A name nobody knows stays
unknown: no date is cut off, nothing is taken for its neighbour.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tallystick.pricing.model import Clause, PriceCard

# OpenTelemetry's `gen_ai.provider.name` values and common spellings -> the price list's.
PROVIDERS: dict[str, str] = {
    "amazon": "aws",
    "amazon_bedrock": "aws",
    "aws.bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "copilot": "github-copilot",
    "dashscope": "alibaba",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "meta_llama": "meta",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "together-ai": "together",
    "together_ai": "together",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z-ai": "zai",
}

# Sellers of other makers' models at the maker's price where they list none of their own.
FALLBACKS: dict[str, tuple[str, ...]] = {
    "azure": ("openai", "anthropic", "deepseek", "x-ai", "moonshotai"),
    "google": ("anthropic",),
}

# Whose model a name is, for rows that do not say who served it.
MAKERS: tuple[tuple[str, str], ...] = (
    (r"claude", "anthropic"),
    (r"gemini", "google"),
    (r"^(?:ft:)?(?:gpt-|chatgpt-|o[134](?:-|$)|text-embedding-|whisper-1|tts-1)", "openai"),
    (r"^deepseek", "deepseek"),
    (r"grok", "x-ai"),
    (r"^(?:open-)?(?:mistral|mixtral|codestral|devstral|magistral|ministral|pixtral|voxtral)", "mistral"),
    (r"^command-", "cohere"),
    (r"^(?:kimi|moonshot)", "moonshotai"),
    (r"^voyage-", "voyageai"),
)
_ROUTERS = frozenset({"", "litellm", "litellm_proxy"})
_VERSION_END = re.compile(r"(?:^|\D)[1-9]$")
# Names that a rule of the list takes for another model: a smaller sibling, a model of one's own making on its base.
_NOT_MEANT: dict[str, re.Pattern[str]] = {
    "google": re.compile(r"^(?:.*/)?gemini-1\.5-flash-8b"),
    "aws": re.compile(r":(?:custom-model|custom-model-deployment|imported-model|provisioned-model)/"),
}
# Mistral points these at newer models at times that no page tells: only an entry of that name can price them.
_MOVES = re.compile(r"-latest$")
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=$|[-@:])")


@dataclass(frozen=True, slots=True)
class Match:
    """Where a name arrived.

    Attributes:
        provider: The price list that knows the model (not always the one that served it).
        model: Its canonical name there.
        why: One sentence for people.
    """

    provider: str
    model: str
    why: str


def canonical_provider(name: str) -> str:
    """The price list's name of a provider; unknown ones as they are, lower case."""
    lower = name.strip().lower()
    return PROVIDERS.get(lower) or PROVIDERS.get(lower.replace("-", "_")) or lower


def holds(clause: Clause, name: str) -> bool:
    """Whether a clause is true of a lower-case name."""
    return _test(clause)(name)


def _test(clause: Clause) -> Callable[[str], bool]:
    text = clause.text.lower()
    if clause.kind == "regex":
        pattern = re.compile(clause.text)
        return lambda name: pattern.search(name) is not None
    if clause.kind in ("any", "all"):
        tests = [_test(part) for part in clause.parts]
        join = any if clause.kind == "any" else all
        return lambda name: join(test(name) for test in tests)
    simple: dict[str, Callable[[str], bool]] = {
        "equals": lambda name: name == text,
        "starts_with": lambda name: name.startswith(text) and not _goes_on(text, name),
        "ends_with": lambda name: name.endswith(text),
        "contains": lambda name: text in name,
    }
    return simple[clause.kind]


def _goes_on(text: str, name: str) -> bool:
    """Whether a name goes on with its version where a rule ends: opus-4-1 is not opus-4-10; a date may go on."""
    return bool(_VERSION_END.search(text)) and name[len(text) : len(text) + 1].isdigit()


class _Shelf:
    """One provider's models: exact names in a table, the other rules in their order."""

    __slots__ = ("exact", "rules")

    def __init__(self) -> None:
        self.exact: dict[str, tuple[int, str]] = {}
        self.rules: list[tuple[int, str, Callable[[str], bool]]] = []

    def add(self, order: int, model: str, clause: Clause) -> None:
        if clause.kind == "equals":
            self.exact.setdefault(clause.text.lower(), (order, model))
        elif clause.kind == "any":
            for part in clause.parts:
                self.add(order, model, part)
        else:
            self.rules.append((order, model, _test(clause)))

    def find(self, name: str) -> str | None:
        order, found = self.exact.get(name, (None, None))
        for rank, model, test in self.rules:
            if order is not None and rank >= order:
                break
            if test(name):
                return model
        return found


class Matcher:
    """The rules of all models, ready to be asked. Not memoised: the price book remembers answers."""

    def __init__(self, cards: Iterable[PriceCard]) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._names: dict[tuple[str, str], str] = {}
        ranked = sorted(cards, key=lambda card: card.order)
        seen: set[tuple[str, str, Clause]] = set()
        for card in ranked:
            shelf = self._shelves.setdefault(card.provider, _Shelf())
            self._names.setdefault((card.provider, card.model.lower()), card.model)
            if card.match is not None and (card.provider, card.model, card.match) not in seen:
                seen.add((card.provider, card.model, card.match))
                shelf.add(card.order, card.model, card.match)

    def knows(self, provider: str) -> bool:
        """Whether there is a price list of this provider."""
        name = canonical_provider(provider)
        return name in self._shelves or name in FALLBACKS

    def find(self, provider: str, name: str) -> Match | None:
        """The model a name means at a provider; None when no rule knows it.

        Args:
            provider: Any spelling; empty to tell it from the name.
            name: As the caller or the provider wrote it.
        """
        seller, model, how = _seller(provider, name.strip().lower())
        for list_of in (seller, *FALLBACKS.get(seller, ())):
            shelf = self._shelves.get(list_of)
            if shelf is None or (list_of in _NOT_MEANT and _NOT_MEANT[list_of].search(model)):
                continue
            for spelling, change in _spellings(list_of, model):
                found = self._names.get((list_of, spelling)) if not change else None
                found = shelf.find(spelling) or found
                if found is not None and not _moves(list_of, spelling, found):
                    return Match(list_of, found, _why(name, found, list_of, seller, (*how, *change)))
        return None


def _moves(list_of: str, name: str, found: str) -> bool:
    """Whether a name that is pointed at newer models was taken for one of them."""
    return list_of == "mistral" and bool(_MOVES.search(name)) and not _MOVES.search(found)


def _seller(provider: str, model: str) -> tuple[str, str, tuple[str, ...]]:
    seller = canonical_provider(provider)
    if seller not in _ROUTERS:
        return seller, model, ()
    vendor, slash, rest = model.partition("/")
    if slash:
        return canonical_provider(vendor), rest, (f'provider "{vendor}" taken from the name',)
    for pattern, maker in MAKERS:
        if re.search(pattern, model):
            return maker, model, (f'provider "{maker}" told from the name',)
    return seller, model, ()


def _spellings(seller: str, model: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name, then the same name without what only an interface adds."""
    yield model, ()
    tail = model
    for prefix in ("publishers/", "models/"):
        if prefix in tail:
            tail = tail.rpartition("/")[2]
            yield tail, ("without its path",)
    vendor, slash, rest = tail.rpartition("/")
    if slash and canonical_provider(vendor.rpartition("/")[2]) == seller:
        tail = rest
        yield tail, (f'without "{vendor}/"',)
    dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", tail)
    if dashed != tail:
        yield dashed, ("its date written with dashes",)
    if "@" in tail:
        yield tail.replace("@", "-"), ('"@" read as "-"',)


def _why(name: str, found: str, list_of: str, seller: str, changes: tuple[str, ...]) -> str:
    how = [*changes]
    if list_of != seller:
        how.append(f"{seller} lists no price of its own; {list_of}'s holds")
    text = f'"{name}" is {list_of}\'s {found}' if name != found else f"{list_of}'s {found}"
    return f"{text} ({'; '.join(how)})" if how else text
