"""Usage nobody reported, guessed from bytes; whoever uses a figure of here marks it estimated.

Text and code run at about four bytes a token in the common tokenizers. The bytes of a
prompt are those of its JSON less media: the marks of JSON stand for the few tokens
that every message costs beside its words. Scripts of three bytes a character come out
somewhat high, which is the safe side.
"""

from tallystick.gateway.dialects.model import RequestFacts

BYTES_A_TOKEN = 4
# Typical figures of the providers' own tables: a picture of one megapixel, a low-detail
# one, a page of a document, and sound at ten tokens a second.
IMAGE_TOKENS = 1_200
LOW_IMAGE_TOKENS = 85
PAGE_TOKENS = 2_000
PAGE_BYTES = 50_000
SOUND_BYTES_A_TOKEN = 4_800


def tokens_of(byte_count: int) -> int:
    """Tokens of so many bytes of text, rounded up."""
    return -(-byte_count // BYTES_A_TOKEN)


def input_tokens(request: RequestFacts) -> int:
    """Tokens of a prompt, from its text and media."""
    return tokens_of(request.text_bytes) + request.media_tokens


def sound_tokens(base64_bytes: int) -> int:
    """Tokens of a recording (16 bit, 24 kHz, mono) from its base64."""
    return -(-base64_bytes * 3 // (4 * SOUND_BYTES_A_TOKEN))


def document_tokens(base64_bytes: int) -> int:
    """Tokens of a document from its base64; at least one page."""
    return max(1, -(-base64_bytes // PAGE_BYTES)) * PAGE_TOKENS
