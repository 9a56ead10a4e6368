"""The kind of source `aws`: its options, what it reads, and how it is connected."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.bills.batch import LineBatch
from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.cost_explorer import fetch_costs, parse_costs
from tallystick.connectors.aws.cur import missing_columns, parse_cur
from tallystick.connectors.aws.cur_columns import parse_cur_columns
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.connectors.aws.delivery import reports_below
from tallystick.connectors.aws.exports import fetch_month
from tallystick.connectors.aws.focus_rows import missing_focus, parse_focus
from tallystick.connectors.aws.invocation_lines import parse_logs
from tallystick.connectors.aws.invocation_logs import fetch_logs
from tallystick.connectors.aws.keys import keys_of
from tallystick.connectors.aws.places import Folder, Place
from tallystick.connectors.aws.s3 import Address, Bucket, parse_location
from tallystick.connectors.aws.signed import Signer
from tallystick.connectors.labels import parse_labels
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import Period
from tallystick.ports import Option, Page, Setup, SourceFailed, SourceKind, Stream
from tallystick.transport.ask import Patience
from tallystick.transport.sigv4 import AwsKey
from tallystick.usage.units import parse_unit

# A bill is final about a week after its month; refunds that come later are read when somebody asks for that month.
_BILL_DAYS = 15
CUR2 = Stream("cur2", "Cost and Usage Report", "invoice", "month", revises_days=_BILL_DAYS)
FOCUS = Stream("focus", "FOCUS export", "invoice", "month", revises_days=_BILL_DAYS)
LOGS = Stream("invocation_logs", "Bedrock invocation logs", "usage", "day", revises_days=1)
COSTS = Stream("cost_explorer", "Cost Explorer ($0.01 a request)", "cost", "month", revises_days=8, backfill_days=365)
_PLACED = {"cur": CUR2, "focus": FOCUS, "invocation_logs": LOGS}
_COST_EXPLORER = "https://ce.us-east-1.amazonaws.com/"
_ON = {"on": True, "off": False, "": False}

OPTIONS = (
    Option("cur", "Cost and Usage Report: s3://bucket/prefix/export, or a folder"),
    Option("focus", "FOCUS export instead: s3://bucket/prefix/export, or a folder"),
    Option("invocation_logs", "Bedrock invocation logs: s3://bucket/prefix, or a folder, above AWSLogs/"),
    Option("cost_explorer", 'Costs by day before the bill, $0.01 a request: "on"', default="off"),
    Option("region", "Region of the bucket", default="us-east-1"),
    Option("access_key_id", "Access key id"),
    Option("secret_access_key", "Secret access key", secret=True),
    Option("session_token", "Session token of a temporary key", secret=True),
    Option("role_arn", "Role to assume with the key or the token: arn:aws:iam::ACCOUNT:role/NAME"),
    Option("external_id", "What the role's trust policy wants to hear"),
    Option("web_identity_token", "Token that assumes the role without a key, as on Kubernetes", secret=True),
    Option("role_session", "Name of the role's session, in AWS's logs", default="tallystick"),
    Option("tags", "Tags that are dimensions: team=user:team,feature=user:feature"),
    Option("profiles", "Models of application inference profiles: abcd1234=anthropic.claude-sonnet-4-6"),
    Option("market_unit", 'What a Marketplace "Unit" is, where the bill does not say: 1M Tokens'),
    Option("endpoint", "Address of a service that speaks S3, in place of AWS's"),
    Option("cost_explorer_endpoint", "Address in place of AWS's", default=_COST_EXPLORER),
    Option("sts_endpoint", "Address of STS in place of AWS's"),
)


@dataclass(frozen=True, slots=True)
class Aws:
    """A source of AWS, as set up."""

    setup: Setup = field(repr=False)
    streams: Sequence[Stream]
    reading: Reading
    patience: Patience = field(default_factory=Patience, repr=False)
    key: Callable[[], AwsKey] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", keys_of(self.setup, self.patience))

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        asked = (stream.name, window, self.setup.account)
        if stream.name == COSTS.name:
            url = self._option("cost_explorer_endpoint", _COST_EXPLORER)
            signer = Signer(self.key, "us-east-1", "ce", self.setup.now_us, allow_private=url != _COST_EXPLORER)
            return fetch_costs(signer, url, asked, cursor, number, patience=self.patience)
        place = self._place(stream)
        if stream.name == LOGS.name:
            return fetch_logs(place, asked, cursor, number)
        return fetch_month(place, asked, cursor, number, _missing if stream.name == CUR2.name else missing_focus)

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        read = {CUR2.name: parse_cur, FOCUS.name: parse_focus, LOGS.name: parse_logs, COSTS.name: parse_costs}
        return read[page.stream](page, self.reading)

    def parse_columns(self, page: Page) -> Iterator[LineBatch | BillLine | Rejected] | None:
        return parse_cur_columns(page, self.reading) if page.stream == CUR2.name else None

    def check(self) -> str:
        said = [self._check(stream) for stream in self.streams]
        return "; ".join(said)

    def _check(self, stream: Stream) -> str:
        if stream.name == COSTS.name:
            return "Cost Explorer: not asked, for that costs a cent"
        place = self._place(stream)
        reports = reports_below(place) if stream.slice == "month" else []
        if reports:
            raise SourceFailed(f"{place.name} holds the reports {', '.join(reports)}: name one of them")
        folders = place.folders("")
        return f"{stream.title}: {place.name} can be listed" + ("" if folders else ", and nothing is there yet")

    def _place(self, stream: Stream) -> Place:
        option = next(name for name, one in _PLACED.items() if one.name == stream.name)
        text = self._option(option)
        found = parse_location(text)
        if found is None:
            return Folder(Path(text).expanduser())
        bucket, prefix = found
        region = self._option("region", "us-east-1")
        address = Address(bucket, prefix, region, self._option("endpoint"))
        signer = Signer(self.key, region, "s3", self.setup.now_us, allow_private=bool(address.endpoint))
        return Bucket(address, signer, self.patience)

    def _option(self, name: str, default: str = "") -> str:
        return self.setup.options.get(name, "").strip() or default


def _missing(names: Sequence[str]) -> str:
    lacking = missing_columns(list(names))
    return f"the columns {', '.join(lacking)} are missing: select them in the export" if lacking else ""


def connect(setup: Setup) -> Aws:
    """A source as its options say.

    Raises:
        ConfigError: Nothing is to be read, an option is wrong, or one is missing.
    """
    options = {name: value.strip() for name, value in setup.options.items()}
    if options.get("cost_explorer", "").lower() not in _ON:
        raise ConfigError(f'cost_explorer is {options["cost_explorer"]!r}; write "on" or "off"', where=setup.name)
    streams = [stream for name, stream in _PLACED.items() if options.get(name)]
    streams += [COSTS] if _ON[options.get("cost_explorer", "").lower()] else []
    if not streams:
        names = ", ".join([*_PLACED, "cost_explorer"])
        raise ConfigError(f"nothing is to be read: set one of {names}", where=setup.name)
    if CUR2 in streams and FOCUS in streams:
        raise ConfigError("cur and focus are the same bill twice: set one of them", where=setup.name)
    _keyed(setup.name, options, streams)
    unit = options.get("market_unit", "")
    known = parse_unit(unit) if unit else None
    if unit and (known is None or known.kind != "tokens"):
        raise ConfigError(f"market_unit is {unit!r}; write a number of tokens, as in 1M Tokens", where=setup.name)
    reading = Reading(
        parse_labels(options.get("tags", ""), "tags", "team=user:team"), unit, _profiles(options.get("profiles", ""))
    )
    return Aws(setup, tuple(streams), reading)


def _keyed(name: str, options: dict[str, str], streams: Sequence[Stream]) -> None:
    """A bucket and Cost Explorer want a key; a folder wants none."""
    remote = [one for one in _PLACED if options.get(one, "").startswith("s3:")]
    for one in remote:
        if parse_location(options[one]) is None:
            raise ConfigError(f"{one} is {options[one]!r}; write s3://bucket/prefix", where=name)
    if not (options.get("access_key_id") or options.get("role_arn")) and (remote or COSTS in streams):
        raise ConfigError("access_key_id or role_arn must be set to ask AWS", where=name)


def _profiles(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in filter(None, (one.strip() for one in text.split(","))))
    return {left.strip(): right.strip() for left, _, right in pairs}


KIND = SourceKind("aws", "Amazon Web Services", OPTIONS, connect)
