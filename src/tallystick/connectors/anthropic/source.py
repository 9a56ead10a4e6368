"""Anthropic as a source: costs and usage of one organisation, read with an admin key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.anthropic.names import names
from tallystick.connectors.anthropic.streams import REPORTS, streams, ways
from tallystick.connectors.options import address, is_on
from tallystick.connectors.paged import Api, Asked, answer, pages
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Named, Option, Page, Setup, SourceKind, Stream
from tallystick.transport.patience import Patience

# Later versions rename fields of these reports; this one is pinned, and asked with x-api-key.
VERSION = "2023-06-01"
_BASE_URL = "https://api.anthropic.com"
# Somebody waits for it.
_TRIES_OF_A_CHECK = 2
_MAKE = (
    "an admin of the organisation makes one in the Claude Console › Settings › Admin keys (for analytics of Claude "
    "Enterprise: claude.ai › Analytics › API keys); personal accounts and Claude Platform on AWS have none"
)
_REFUSALS: Mapping[int, str] = {
    401: f"refuses the key: an admin key (sk-ant-admin01-…) is needed, and ordinary API keys are none; {_MAKE}",
    403: f"does not let this key read that report; {_MAKE}",
    404: "does not know this report: the organisation may not have it yet (the unified analytics are a beta: "
    'analytics = "off" reads the older reports)',
}


def _patience() -> Patience:
    return Patience(retry_headers=("anthropic-ratelimit-requests-reset",))


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The connector of one organisation."""

    setup: Setup
    patience: Patience = field(default_factory=_patience)

    @property
    def streams(self) -> Sequence[Stream]:
        return streams(
            unified=is_on(self.setup.options, "analytics", default=False),
            code=is_on(self.setup.options, "claude_code", default=True),
            now_us=self.setup.now_us(),
        )

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        """The pages of one slice; grouped as finely as the organisation allows."""
        asked = Asked(stream, window, cursor, number, self.setup.account)
        yield from pages(self._api(), asked, ways(REPORTS[stream.name], window))

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        return REPORTS[page.stream].parse(page)

    def names(self) -> Iterator[Named]:
        """What the ids on its lines are called."""
        return names(self._api())

    def check(self) -> str:
        """Ask for yesterday's figures of each stream that is set up."""
        today = self.setup.now_us() // DAY_US * DAY_US
        yesterday = Period(today - DAY_US, today)
        api, names = replace(self._api(), patience=replace(self.patience, tries=_TRIES_OF_A_CHECK)), []
        for stream in self.streams:
            answer(api, ways(REPORTS[stream.name], yesterday)[-1])
            names.append(stream.title)
        return f"the key may read: {'; '.join(names)}"

    def _api(self) -> Api:
        return Api(
            "Anthropic",
            address(self.setup.options, _BASE_URL),
            lambda: {"x-api-key": self.setup.secret("admin_key"), "anthropic-version": VERSION},
            _REFUSALS,
            self.patience,
        )


def connect(setup: Setup) -> Anthropic:
    """One organisation.

    Raises:
        ConfigError: An option is written wrongly.
    """
    address(setup.options, _BASE_URL)
    made = Anthropic(setup)
    assert made.streams, "its switches are looked at here"
    return made


KIND = SourceKind(
    "anthropic",
    "Anthropic: costs and usage of an organisation",
    (
        Option("admin_key", "Admin key (sk-ant-admin01-…), not an ordinary API key", secret=True, needed=True),
        Option(
            "analytics", "Read the unified analytics (beta) in place of the API's reports: on or off", default="off"
        ),
        Option("claude_code", "Read Claude Code analytics too: on or off", default="on"),
        Option("base_url", "Address of the API", default=_BASE_URL),
    ),
    connect,
)
