"""Who is right in each kind of disagreement, and what says so. Written by hand, from the providers' own pages.

The first pattern that a cause begins with holds. `ours` means that our figure stands; a source's name that
ours does not, or that ours is unknown where the source knows; `unknown` that nothing was read that decides it.
What a ruling rests on was read in November 2026; where that is somebody's quotation of a page, it says whose.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ruling:
    """One verdict with its reason and what it rests on."""

    who: str
    why: str
    rests_on: str


_BATCH = "a batch is half of the standard price (OpenAI, Anthropic, Gemini: batch pages)"
_SOLD = Ruling(
    "LiteLLM", "the provider sells the tier and our list has no price of it: ours is unknown, says so and counts the "
    "tokens; `tally prices set` gives it. That the tier is sold was read, not each figure",
    "ai.google.dev optimization: batch and flex at 50 %, priority 75 to 100 % more; AWS usage types -batch, -flex, -priority")  # fmt: skip
RULINGS: tuple[tuple[tuple[str, str], Ruling], ...] = (
    (("genai-prices", "dates the "), Ruling(
        "ours", "the list dates tiers when its authors wrote them down in October 2026; they were sold long before, "
        "so a call of September costs what the tier cost then. The day each began is on no page that was read: this "
        "is our own rule for what the list leaves open", f"{_BATCH}; decision 0004")),
    (("genai-prices", "an error of the list"), Ruling(
        "ours", "DeepSeek's prices after 5 September 2025 and the long contexts of Sonnet 4 and 4.5 on Bedrock are wrong "
        "in the list; found by this bench and mended in pricing/corrected.py",
        "api-docs.deepseek.com pricing and updates; platform.claude.com pricing")),
    (("genai-prices", "reads its own list otherwise: aws"), Ruling(
        "ours", "Sonnet 4.5 in GovCloud costs a fifth more than the global price; the list has the commercial one",
        "AWS's page as quoted in LiteLLM's issue 27120")),
    (("genai-prices", "no batch price"), Ruling(
        "ours", "a batch is never sold at the standard price; ours says unknown, which is less than the price and "
        "not a wrong one", _BATCH)),
    (("genai-prices", "no "), Ruling(
        "ours", "what has no price is unknown; its parent's price is another one wherever both are listed (an hour of "
        "cache is 2 x input, five minutes 1.25 x; heard tokens cost a multiple of read ones). Where a page prices all "
        "kinds of input alike (Gemini 3 and later) the guess is right and ours is less",
        "platform.claude.com pricing: cache multipliers; ai.google.dev pricing")),
    (("LiteLLM", "has no dates"), Ruling(
        "ours", "one price for all time: a call from before a change is charged at what holds today",
        "OpenAI o3, 10 June 2025: 10/40 to 2/8; docs.x.ai grok-4.20; docs.mistral.ai changelog")),
    (("LiteLLM", "has no price of a request"), Ruling(
        "unknown", "Perplexity asks for a request by the size of its search (sonar 5, 8 or 12 dollars a thousand): our "
        "list has the highest, LiteLLM's calculator of tokens none, and usage does not say which it was",
        "docs.perplexity.ai pricing")),
    (("LiteLLM", "has no batch price: takes half"), Ruling(
        "unknown", "half is what most providers ask, but not all do (xAI 20 % off) and not every model is sold in "
        "batches; ours has the list's price of a batch or says unknown", "docs.x.ai grok-4.20: batch at a 20 % discount")),
    (("LiteLLM", "has no "), Ruling(
        "ours", "a tier without a price is charged at the standard one without a word, also a tier that the provider "
        "does not sell; ours has its price or says unknown", "decision 0004")),
    (("LiteLLM", "no batch price of cache_write"), Ruling(
        "ours", "the cache's multiplier and the batch's half stack, which is what our list has",
        "platform.claude.com pricing: multipliers stack")),
    (("LiteLLM", "no price of reasoning_output"), Ruling(
        "ours", "reasoning has a price of its own in our list", "")),
    (("LiteLLM", "no price of a cache write for an hour in a batch"), Ruling(
        "ours", "multipliers of the cache stack with the batch: an hour is 2 x input, halved; it charges 1.25 x, halved",
        "platform.claude.com pricing: multipliers stack")),
    (("LiteLLM", "no price of a cache write for an hour"), Ruling(
        "ours", "an hour costs 2 x input where it is sold; for models whose page has no price of it ours is unknown and "
        "five minutes' price is too little", "platform.claude.com pricing; AWS usage types ...cache-write-1h")),
    (("LiteLLM", "no batch price of cache_read"), Ruling(
        "unknown", "ours keeps the standard price of cached tokens where the table of batch leaves it out, LiteLLM "
        "charges a batch's input; no table of batch was read that says which", "")),
    (("LiteLLM", "no "), Ruling(
        "ours", "charges the parent's price for a class it has none of; ours is unknown there or has the price",
        "decision 0004")),
    (("LiteLLM", "long context: charges the price of short ones for batch"), Ruling(
        "ours", "a batch is half of the standard price, which for a long context is the long one; it halves the short one",
        "ai.google.dev optimization: batch at 50 %")),
    (("LiteLLM", "long context"), Ruling(
        "unknown", "a premium for a tier at a size that the list does not quote; ours is unknown",
        "")),
    *(
        (("LiteLLM", f"has a {tier} price that our list lacks: {seller}"), _SOLD)
        for tier in ("batch", "priority", "flex")
        for seller in ("gemini", "vertex_ai", "bedrock")
    ),
    (("LiteLLM", "has a "), Ruling(
        "unknown", "LiteLLM lists a price that our list lacks; ours is unknown, says so and counts the tokens. No page of "
        "the seller was read that gives it", "")),
    (("LiteLLM", "the lists differ: an id without a geography on Bedrock"), Ruling(
        "ours", "an id without a prefix is served in its region and billed 10 % above the global endpoint since "
        "Sonnet 4.5; LiteLLM lists the global price",
        "AWS Price List API as quoted in LiteLLM's open issue 42679; platform.claude.com: regional endpoints 10 % more")),
    (("LiteLLM", "the lists differ: Bedrock in GovCloud"), Ruling(
        "unknown", "GovCloud asks 20 % more than the global price for Sonnet 4.5, which ours has; others are unknown in ours",
        "AWS's page as quoted in LiteLLM's issue 27120")),
    (("LiteLLM", "the lists differ: a geography's own price on Bedrock"), Ruling(
        "unknown", "AWS prices Nova and Llama by region; ours is unknown outside the US, and LiteLLM's figures were not "
        "confirmed on AWS's page", "")),
    (("LiteLLM", "the lists differ: long contexts of Sonnet 4 and 4.5 on Bedrock"), Ruling(
        "LiteLLM", "above 200,000 tokens AWS bills the long-context usage types at twice the input, as Anthropic does; "
        "our list has one price there", "AWS usage types ...long_ctx; AWS Marketplace as quoted in LiteLLM's 15428")),
    (("LiteLLM", "the lists differ: embeddings on Azure"), Ruling(
        "unknown", "LiteLLM's figures are 10 % higher, as deployments in a region may be; a name does not say which it is",
        "")),
    (("LiteLLM", "the lists differ: deepseek"), Ruling(
        "unknown", "by name and date: deepseek-chat and v4 are ours (prices and dates are those of its page, which "
        "LiteLLM has for one day), deepseek-v3.2 is LiteLLM's while it was sold (0.28/0.42)",
        "api-docs.deepseek.com pricing and change log")),
    (("LiteLLM", "the lists differ: mistral"), Ruling(
        "unknown", "dated names and those in -latest that the list has an entry of; other names in -latest are unknown in "
        "ours, for they are pointed at newer models and when they moved was not read",
        "Mistral's changelog and deprecations as quoted in braintrust-proxy's issue 802")),
    (("LiteLLM", "the lists differ: openai priority"), Ruling(
        "unknown", "long contexts by priority: our list has one price for all sizes of that tier", "")),
    (("LiteLLM", "the lists differ"), Ruling(
        "unknown", "two figures for one class of tokens, and no page of the provider that was found decides between "
        "them for the date", "")),
)  # fmt: skip


def ruling(source: str, cause: str) -> Ruling:
    """The verdict on a cause; unknown without a reason where none was written."""
    for (who, start), found in RULINGS:
        if who == source and cause.startswith(start):
            return found
    return Ruling("unknown", "not looked at yet", "")
