"""What was said in one call, as its page shows it."""

import json
from dataclasses import dataclass

from tallystick.usage.content import CallContent


@dataclass(frozen=True, slots=True)
class Said:
    """One side of a call.

    Attributes:
        note: What to know of the text before it is read.
    """

    title: str
    text: str
    note: str


def said_of(content: CallContent | None) -> tuple[Said, ...]:
    """Prompt and answer, JSON indented; nothing where nothing is kept or may be seen."""
    if content is None:
        return ()
    sides = (("Request", "request", content.request), ("Answer", "response", content.response))
    return tuple(
        Said(
            title,
            _indented(text) or "nothing",
            "cut: it was longer than what is kept" if name in content.truncated else "",
        )
        for title, name, text in sides
    )


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
