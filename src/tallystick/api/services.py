"""What the API needs beside the context: built by `wiring`, handed to `build_api`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tallystick.kernel.errors import TallyError
from tallystick.notify.model import Channel
from tallystick.operations.connect_source import Sources
from tallystick.pricing.book import PriceBook

ErrorPage = Callable[[Request, int, TallyError], Response]


def _nothing_pending() -> int:
    return 0


def _no_facts() -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True)
class Services:
    """Everything with a life of its own that routes use.

    Attributes:
        version: Of the product.
        base_url: Public address, without a slash at the end; for links in answers.
        book: The current price book.
        pending: Records the ledger does not hold yet; 0 means drained.
        ready: Whether the ledger is open and its jobs run.
        writing: Entered around whatever appends to the ledger: one writer at a time.
        facts: More lines for the status page, such as gateways and jobs.
        channels: The ways alerts leave by.
        sources: What fetching bills needs; None where nothing is fetched.
        error_page: Makes the HTML page of an error; absent, browsers get plain text.
        secure: Cookies are marked Secure, for TLS ends here or in front of us.
        session_hours: How long a login lasts.
        max_body_bytes: Largest body any route takes.
        body_seconds: Longest time a body may take to arrive.
    """

    book: Callable[[], PriceBook]
    version: str = ""
    base_url: str = ""
    pending: Callable[[], int] = _nothing_pending
    ready: Callable[[], bool] = lambda: True
    writing: Callable[[], AbstractContextManager[object]] = nullcontext
    facts: Callable[[], Mapping[str, object]] = _no_facts
    channels: Sequence[Channel] = ()
    sources: Sources | None = None
    error_page: ErrorPage | None = None
    secure: bool = False
    session_hours: int = 168
    max_body_bytes: int = 1024 * 1024
    body_seconds: float = 20.0
