"""SVG as text: the one place that escapes."""

from collections.abc import Mapping
from html import escape

Attributes = Mapping[str, str | float]


def element(tag: str, attributes: Attributes, *children: str) -> str:
    """One element; attribute values are escaped, children are markup already."""
    written = "".join(f' {name}="{_written(value)}"' for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(children)}</{tag}>" if children else f"<{tag}{written}/>"


def text(attributes: Attributes, content: str) -> str:
    """A text element; the content is escaped."""
    return element("text", attributes, escape(content))


def described(summary: str) -> str:
    """The title of a drawing: what a screen reader says of it. The summary is one sentence."""
    return element("title", {}, escape(summary))


def number(value: float) -> str:
    """A coordinate; a tenth of a pixel is enough for any eye, and keeps pages small."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _written(value: str | float) -> str:
    return number(value) if isinstance(value, float) else escape(str(value), quote=True)
