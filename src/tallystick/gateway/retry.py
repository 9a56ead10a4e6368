"""When an upstream may be asked again, and how long to wait before: pure."""

from collections.abc import Iterable

from tallystick.gateway.wire_headers import get

# Answers of providers that did no work and bill none. What lies between us and them says 502 and 504.
UNBILLED = frozenset({429, 503, 529})
LONGEST_WAIT = 30.0
_FIRST_WAIT, _LONGEST_GUESS = 0.5, 8.0
# How long a client waits that does not say.
_PATIENCE = 60.0

Headers = Iterable[tuple[bytes, bytes]]


def pause(headers: Headers, tries: int, chance: float) -> float | None:
    """Seconds to wait before the same upstream is asked again; None when it does not want to be, or not so soon.

    Args:
        headers: Of its answer.
        tries: How often it was asked again already.
        chance: From 0 to 1: without a word of the upstream's, so much of the longest wait.
    """
    if get(headers, b"x-should-retry") == "false":
        return None
    asked = _asked(headers)
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    return chance * min(_LONGEST_GUESS, _FIRST_WAIT * 2.0 ** min(tries, 10))


def _asked(headers: Headers) -> float | None:
    for name, unit in ((b"retry-after-ms", 1000), (b"retry-after", 1)):
        try:
            seconds = float(get(headers, name) or "nan") / unit
        except ValueError:
            # A date: providers do not send one.
            continue
        if seconds >= 0:
            return seconds
    return None


def patience(headers: Headers) -> float:
    """Seconds that the client will wait for its answer: SDKs say them in a header."""
    try:
        seconds = float(get(headers, b"x-stainless-timeout") or get(headers, b"x-stainless-read-timeout") or "nan")
    except ValueError:
        return _PATIENCE
    return seconds if seconds > 0 else _PATIENCE
