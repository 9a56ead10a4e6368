"""The most tokens that something in a request can become, by the makers' published rules.

Text needs no rule: a token is at least one byte of it, and its JSON is at least as long
as its UTF-8. What is here covers the rest: pictures, sound, documents, and what makers
put into a prompt themselves. Every figure is meant to be too high rather than too low;
`estimate` has the likely ones.
"""

import re

# Marks around messages and preambles that a server writes itself (the longest known is
# the header that open-weight GPT models are served with, about 70 tokens).
FRAME = 128
# The instructions for using tools, or for answering by a schema, that makers add once
# tools or a schema are given: 159 to 530 in Anthropic's first table, below 1,000 in all since.
TOOLS = 1_024
# One tool whose schema the maker holds: bash is 245 tokens, an editor 700, a computer 735.
MAKERS_TOOL = 1_024

# Anthropic scales a picture to at most 4,784 tokens (1,568 in older models).
ANTHROPIC_IMAGE = 4_784
# OpenAI: 10,000 patches at `original` detail, times the dearest multiplier (2.46); other
# hosts of its format stay below (16,384 for the largest open-weight vision models).
IMAGE = 24_600
# gpt-4o-mini counts tiles otherwise: 2,833 and eight times 5,667.
MINI_IMAGE = 48_169
LOW_IMAGE = 2_833
# Sound: at most 32 tokens a second among the makers that publish a rate (10 to 32), and
# 8 kbit/s is the lowest rate of the formats they take.
_SOUND_TOKENS_A_SECOND = 32
_SOUND_BYTES_A_SECOND = 1_000
# Documents are read as text and, page by page, as pictures: at most 600 pages, taken to
# weigh two kilobytes at least. Text counts as a token a byte; compressed text comes out
# longer, but pages hold far more than text.
_PAGES = 600
_PAGE_BYTES = 2_000
# No model takes a longer prompt; a request that has one is refused unbilled.
LONGEST_PROMPT = 2_000_000

_MINI = re.compile(r"4o-mini")


def image(model: str, *, low: bool = False) -> int:
    """The most tokens of a picture of any size in OpenAI's format."""
    if low:
        return LOW_IMAGE
    return MINI_IMAGE if _MINI.search(model) else IMAGE


def sound(base64_bytes: int) -> int:
    """The most tokens of a recording from its base64."""
    seconds = -(-base64_bytes * 3 // (4 * _SOUND_BYTES_A_SECOND)) + 1
    return seconds * _SOUND_TOKENS_A_SECOND


def document(base64_bytes: int, page_image: int) -> int:
    """The most tokens of a document from its base64."""
    pages = min(_PAGES, 1 + base64_bytes // _PAGE_BYTES)
    return min(base64_bytes + pages * page_image, LONGEST_PROMPT)
