"""What every page needs beside its own data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from tallystick.operations.context import Context
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook


def principal_of(request: Request) -> Principal:
    """Who is asking, as the guard in front of all routes found out."""
    found: Principal = request.state.principal
    return found


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """What to paste to send an SDK's calls through the gateway.

    Attributes:
        variable: The environment variable the SDK reads, empty when it reads none.
    """

    name: str
    variable: str
    url: str


@dataclass(frozen=True, slots=True)
class Site:
    """One instance's pages.

    Attributes:
        company: Shown at the top left; the demo's own name where it is one.
        facts: What the server knows of itself: ``counters`` and ``counters_state``.
    """

    context: Context
    book: Callable[[], PriceBook]
    principal: Callable[[Request], Principal] = principal_of
    base_urls: tuple[BaseUrl, ...] = ()
    company: str = ""
    version: str = ""
    facts: Callable[[], Mapping[str, object]] = dict

    @property
    def name(self) -> str:
        """What the instance is called."""
        return self.company or self.context.demo or "Tallystick"
