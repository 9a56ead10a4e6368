"""How long to go on asking: pauses that grow, spread, and heed what the other side says."""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def pause(seconds: float) -> None:
    """Wait; the one place where asking again does."""
    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Patience:
    """When to try again, and when to leave it.

    Attributes:
        tries: Requests in all.
        first_seconds: The pause after the first failure; each further one is twice as long, a random part of it less.
        most_seconds: No pause is longer. Who asks for a longer one is not asked again now.
        retry_headers: Besides `retry-after`: their names in lower case. Values are seconds (`12`, `1.5`), lengths
            (`6m0s`, `20ms`) or instants (RFC 3339, HTTP); milliseconds where the name ends in `-ms`.
        sleep, now: The clock, in seconds.
    """

    tries: int = 5
    first_seconds: float = 1.0
    most_seconds: float = 60.0
    retry_headers: tuple[str, ...] = ()
    sleep: Callable[[float], object] = lambda seconds: pause(seconds)  # noqa: PLW0108 - looked up when it is called
    now: Callable[[], float] = time.time


def pause_of(patience: Patience, failures: int, asked: float | None) -> float:
    """Seconds to wait after so many failures; what was asked for is heeded, and never undercut."""
    grown = min(patience.first_seconds * float(1 << (failures - 1)), patience.most_seconds)
    spread = grown * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, keeps no secret
    return spread if asked is None else asked + spread * 0.1


def asked_seconds(headers: Mapping[str, str], names: tuple[str, ...], now: float) -> float | None:
    """The longest wait that an answer's headers ask for; None where they say nothing."""
    found = [_seconds(name, headers.get(name, ""), now) for name in ("retry-after", "retry-after-ms", *names)]
    said = [one for one in found if one is not None]
    return max(said) if said else None


def _seconds(name: str, text: str, now: float) -> float | None:
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text) / (1000 if name.endswith("-ms") else 1)
    if text and _PART.sub("", text) == "":
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return _until(text, now)


def _until(text: str, now: float) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
        except (ValueError, TypeError):
            continue
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
    return None
