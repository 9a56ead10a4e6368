"""OpenAI as a source: costs and usage of one organisation, read with an admin key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.openai.names import names
from tallystick.connectors.openai.streams import DECISIONS, REPORTS, ways
from tallystick.connectors.options import address, is_on
from tallystick.connectors.paged import Api, Asked, Way, answer, pages
from tallystick.connectors.records import Unusable, count, json_of, member, text
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Named, Option, Page, Setup, SourceFailed, SourceKind, Stream
from tallystick.transport.patience import Patience

_MAKE = "an owner of the organisation makes one at platform.openai.com › Settings › Organization › Admin keys"
_REFUSALS: Mapping[int, str] = {
    401: f"refuses the key: an admin key (sk-admin-…) is needed, and project keys are none; {_MAKE}",
    403: f"does not let this key read: an admin key with the right to read usage is needed; {_MAKE}",
    404: "does not know this report; the organisation may not have it, or base_url lacks its /v1",
}


@dataclass(frozen=True, slots=True)
class OpenAi:
    """The connector of one organisation: an admin key belongs to exactly one."""

    setup: Setup
    patience: Patience = field(default_factory=Patience)

    @property
    def streams(self) -> Sequence[Stream]:
        asked = is_on(self.setup.options, "decisions", default=False)
        return [report.stream for name, report in REPORTS.items() if asked or name != DECISIONS]

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
        """Ask for yesterday's costs and usage, and for the spend limit where the key may see it."""
        api = replace(self._api(), patience=replace(self.patience, tries=_TRIES_OF_A_CHECK))
        today = self.setup.now_us() // DAY_US * DAY_US
        yesterday = Period(today - DAY_US, today)
        for name in ("costs", "usage_completions"):
            answer(api, ways(REPORTS[name], yesterday)[-1])
        return f"the key may read costs and usage{_limit(api)}"

    def _api(self) -> Api:
        return Api(
            "OpenAI",
            address(self.setup.options, _BASE_URL),
            lambda: {"authorization": f"Bearer {self.setup.secret('admin_key')}"},
            _REFUSALS,
            self.patience,
        )


def _limit(api: Api) -> str:
    """The organisation's spend limit, which the API gives in cents; nothing where there is none to see."""
    try:
        found = json_of(answer(api, Way("/organization/spend_limit", ())))
        cents = count(found, "threshold_amount")
        status = text(member(found, "enforcement").get("status"))
    except (SourceFailed, Unusable):
        return ""
    if cents is None:
        return ""
    amount = f"{cents // 100:,}.{cents % 100:02} {text(found.get('currency')).upper()}".rstrip()
    return f"; its spend limit is {amount} a {text(found.get('interval')) or 'period'} ({status or 'status unknown'})"


def connect(setup: Setup) -> OpenAi:
    """One organisation.

    Raises:
        ConfigError: An option is written wrongly.
    """
    address(setup.options, _BASE_URL)
    made = OpenAi(setup)
    assert made.streams, "its switches are looked at here"
    return made


_BASE_URL = "https://api.openai.com/v1"
# Somebody waits for it.
_TRIES_OF_A_CHECK = 2
KIND = SourceKind(
    "openai",
    "OpenAI: costs and usage of an organisation",
    (
        Option("admin_key", "Admin key (sk-admin-…), not a project key", secret=True, needed=True),
        Option("decisions", "Read the newer report of decisions too: on or off", default="off"),
        Option("base_url", "Address of the API", default=_BASE_URL),
    ),
    connect,
)
