"""From written names to models: what is understood, and what is left unknown."""

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.pricing.match import Matcher, canonical_provider, holds
from tallystick.pricing.model import Clause, PriceCard
from tests.pricing.sample import card


def any_of(*parts: Clause) -> Clause:
    return Clause("any", parts=parts)


def all_of(*parts: Clause) -> Clause:
    return Clause("all", parts=parts)


@pytest.fixture(scope="module")
def listed() -> Matcher:
    return Matcher(list_prices())


@pytest.fixture
def matcher() -> Matcher:
    dated = any_of(Clause("equals", "gpt-5.2"), Clause("equals", "gpt-5.2-2025-12-11"))
    return Matcher(
        [
            card("gpt-5.2", provider="openai", match=dated),
            card("o3", provider="openai", match=Clause("equals", "o3"), order=1),
            card("claude-x", provider="anthropic", match=Clause("starts_with", "claude-x")),
            card("global.claude-x", provider="aws", match=Clause("contains", "global.anthropic.claude-x"), order=0),
            card("claude-x", provider="aws", match=Clause("contains", "anthropic.claude-x"), order=1),
            card("gemini-z", provider="google", match=Clause("regex", r"^gemini-z(-\d{3})?$")),
        ]
    )


@pytest.mark.parametrize(
    ("provider", "name", "arrives"),
    [
        ("openai", "gpt-5.2", ("openai", "gpt-5.2")),
        ("OpenAI", " GPT-5.2 ", ("openai", "gpt-5.2")),
        ("openai", "gpt-5.2-2025-12-11", ("openai", "gpt-5.2")),
        ("openai", "gpt-5.2-20251211", ("openai", "gpt-5.2")),
        ("openai", "openai/gpt-5.2", ("openai", "gpt-5.2")),
        ("azure.ai.openai", "gpt-5.2", ("openai", "gpt-5.2")),
        ("azure", "claude-x", ("anthropic", "claude-x")),
        ("aws.bedrock", "us.anthropic.claude-x-v1:0", ("aws", "claude-x")),
        ("bedrock", "global.anthropic.claude-x-v1:0", ("aws", "global.claude-x")),
        ("vertex_ai", "claude-x@20250929", ("anthropic", "claude-x")),
        ("gcp.gemini", "models/gemini-z-001", ("google", "gemini-z")),
        ("vertex_ai", "publishers/google/models/gemini-z", ("google", "gemini-z")),
        ("litellm", "anthropic/claude-x", ("anthropic", "claude-x")),
        ("", "openai/o3", ("openai", "o3")),
        ("", "claude-x-latest", ("anthropic", "claude-x")),
        ("", "o3", ("openai", "o3")),
    ],
)
def test_a_name_arrives(matcher: Matcher, provider: str, name: str, arrives: tuple[str, str]) -> None:
    found = matcher.find(provider, name)
    assert found is not None
    assert (found.provider, found.model) == arrives


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-5.2-2026-01-01"),
        ("openai", "gpt-5"),
        ("openai", "anthropic/gpt-5.2"),
        ("anthropic", "gpt-5.2"),
        ("my-proxy", "gpt-5.2"),
        ("google", "gemini-z-1"),
        ("", "llama-of-mine"),
        ("openai", ""),
    ],
)
def test_a_name_stays_unknown(matcher: Matcher, provider: str, name: str) -> None:
    assert matcher.find(provider, name) is None


def test_the_first_rule_of_a_providers_order_wins() -> None:
    broad = card("broad", match=Clause("starts_with", "m"), order=2)
    exact = card("exact", match=Clause("equals", "m-1"), order=3)
    early = card("early", match=Clause("contains", "-2"), order=1)
    for cards in ([broad, exact, early], [early, exact, broad]):
        matcher = Matcher(cards)
        names = [matcher.find("p", name) for name in ("m-1", "m-2", "m-3")]
        assert [found.model if found else None for found in names] == ["broad", "early", "broad"]


def test_the_reason_tells_what_was_done(matcher: Matcher) -> None:
    found = matcher.find("azure.ai.openai", "GPT-5.2-20251211")
    assert found is not None
    assert found.why == (
        '"GPT-5.2-20251211" is openai\'s gpt-5.2 (its date written with dashes; '
        "azure lists no price of its own; openai's holds)"
    )


def test_clauses_are_true_of_what_they_say() -> None:
    both = all_of(Clause("starts_with", "a"), Clause("ends_with", "Z"))
    assert holds(both, "a-z")
    assert not holds(both, "a-y")
    assert holds(any_of(both, Clause("equals", "Q")), "q")
    assert holds(Clause("regex", r"^v\d"), "v2")


def test_a_model_without_a_rule_is_known_by_its_own_name() -> None:
    plain = PriceCard("id", "p", "House-7B", ())
    found = Matcher([plain]).find("p", "house-7b")
    assert found is not None
    assert found.model == "House-7B"


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("aws.bedrock", "aws"),
        ("gcp.vertex_ai", "google"),
        ("x_ai", "x-ai"),
        ("X-AI", "x-ai"),
        ("mistral_ai", "mistral"),
        ("Groq", "groq"),
        ("together-ai", "together"),
    ],
)
def test_providers_are_named_as_opentelemetry_does(name: str, canonical: str) -> None:
    assert canonical_provider(name) == canonical


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("anthropic", "claude-sonnet-4-55"),
        ("anthropic", "claude-opus-4-10"),
        ("gcp.gemini", "gemini-1.5-flash-8b"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-1.5-flash-8b-001"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-pro-v1:0/abc"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/amazon.nova-pro-v1:0"),
        ("mistral", "mistral-large-latest"),
        ("mistral", "codestral-latest"),
    ],
)
def test_a_name_is_not_taken_for_a_sibling_a_base_or_what_it_once_pointed_at(
    listed: Matcher, provider: str, name: str
) -> None:
    assert listed.find(provider, name) is None


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("openai", "ft:gpt-4-0613", "gpt-4"),
        ("mistral", "mistral-medium-latest", "mistral-medium-latest"),
        ("mistral", "mistral-large-2512", "mistral-large-2512"),
        ("gcp.gemini", "gemini-1.5-flash-002", "gemini-1.5-flash"),
    ],
)
def test_a_name_that_a_rule_means_is_found_as_before(listed: Matcher, provider: str, name: str, model: str) -> None:
    found = listed.find(provider, name)
    assert found is not None
    assert found.model == model
