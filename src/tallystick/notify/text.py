"""An alert as plain text."""

from tallystick.notify.model import Alert
from tallystick.notify.wire import whole_link


def plain_text(alert: Alert, base_url: str) -> str:
    """Title, sentences and link, one a line, with an empty line around the sentences."""
    link = whole_link(alert, base_url)
    parts = [alert.title, *(["", *alert.lines] if alert.lines else []), *(["", link] if link else [])]
    return "\n".join(parts) + "\n"


def one_line(text: str) -> str:
    """The text without line breaks and control characters: for a header."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
