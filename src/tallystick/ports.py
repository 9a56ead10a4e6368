"""Everything that plugs in: what the outside implements, one protocol each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from tallystick.bills.batch import LineBatch
from tallystick.bills.model import BillLine, Layer, Rejected
from tallystick.budgets.model import Ask, Granted, OpenReservation, Standing
from tallystick.kernel.period import Period


class CountersAway(Exception):
    """The counters cannot be asked now; each budget's `fail` decides.

    Attributes:
        reason: For people: away, empty after a restart, full, too slow.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Counters(Protocol):
    """The counters of budgets, wherever they are: in this process, in shared memory, in Redis.

    The ledger is the authority; these are its fast copy, with an epoch that says whether it
    was built. Amounts are whole; `posted + reserved <= limit` holds at every instant for
    every counter that was only ever reserved with that limit.
    """

    async def reserve(self, ask: Ask) -> Granted:
        """Create what is not there and reserve on all counters, or on none: one atomic act.

        The largest output from `least` to `most` that fits everywhere is granted. A hold
        without a limit never refuses. A breaker without room opens; while it is open it refuses.
        The same `reservation_id` again gives the same answer and reserves nothing more.

        Raises:
            CountersAway: Not reachable within the deadline, not built, or full.
        """

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """Replace a reservation by what was really used, in the order of its holds; exactly once.

        None posts the bound itself; zeros release. Never waited for: where it needs a round
        trip it is queued and tried again until done. An unknown id changes nothing.
        """

    async def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """Each counter by itself (limit None); one that is not there stands at 0."""

    async def open_reservations(self) -> list[OpenReservation]:
        """All that are not settled."""

    async def correct(self, key: bytes, expected: int, posted: int, ends_us: int) -> bool:
        """Set `posted` if it still is what was expected: a repair never overwrites a settlement. Whether it was."""

    async def reopen(self, keys: Sequence[bytes]) -> None:
        """Close breakers by hand."""

    async def built(self) -> bool:
        """Whether the counters were built from the ledger since they last were empty."""

    async def mark_built(self) -> None:
        """Say that they are."""

    async def close(self) -> None:
        """Finish what is queued, let go."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that a connector can read.

    Attributes:
        name: `costs`, `usage_completions`, `cur2`.
        title: For people.
        layer: What its lines are worth, see `bills.model`.
        slice: The stretch of time that is fetched, kept and replaced as one; days and months are UTC.
        revises_days: How long after a slice's end the source may still change it: until then it is read again.
        backfill_days: How far back the source can be read at the most; None for as far as one likes.
        instead_of: Streams of the same source that say the same in another way: a slice of this one that holds
            lines takes the place of theirs.
    """

    name: str
    title: str
    layer: Layer
    slice: Literal["day", "month"]
    revises_days: int
    backfill_days: int | None = None
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source, verbatim.

    Attributes:
        window: The slice it belongs to.
        number: From 0 within the slice.
        cursor: What asked for this page; empty for the first.
        next_cursor: What asks for the next one; empty when this is the last.
        body: The bytes as they came, uncompressed.
        account: Our name of the provider account.
    """

    stream: str
    window: Period
    number: int
    cursor: str
    next_cursor: str
    body: bytes
    account: str


class SourceFailed(Exception):
    """A source did not give what was asked of it.

    Attributes:
        reason: For people: what happened and what to do; no secret, no address with one.
        retry_seconds: When to try again; None when only a person can mend it (an expired key, a missing right).
    """

    def __init__(self, reason: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_seconds = retry_seconds


class Connector(Protocol):
    """A source of bills and reports, set up with its account, options and secret."""

    @property
    def streams(self) -> Sequence[Stream]:
        """What it reads, as set up."""

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        """The pages of one slice from a cursor on; each is kept before the next is asked for.

        Raises:
            SourceFailed: Refused, throttled, away, or an answer that is no page.
        """

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        """Every line of a page, good or rejected; pure: the same page gives the same lines."""

    def check(self) -> str:
        """One cheap request that shows whether the secret holds; what it may read, for people.

        Raises:
            SourceFailed: It does not.
        """


@dataclass(frozen=True, slots=True)
class Named:
    """What a provider calls one of its own ids.

    Attributes:
        kind: The attribute of a line that holds the id: a project or workspace, a key, a person or machine.
        id: The identity; it never changes.
        name: As it is called now; empty ones are not told.
    """

    kind: Literal["sub_account_id", "credential_id", "principal"]
    id: str
    name: str


@runtime_checkable
class Directory(Protocol):
    """A connector that can also say what the ids of its lines are called; the lines themselves hold ids alone."""

    def names(self) -> Iterator[Named]:
        """Every id it may read the name of.

        Raises:
            SourceFailed: A list could not be read; what was given before holds.
        """


@runtime_checkable
class ByColumns(Protocol):
    """A connector that reads the pages of some streams by columns as well: for bills of millions of lines."""

    def parse_columns(self, page: Page) -> Iterator[LineBatch | BillLine | Rejected] | None:
        """The lines that `parse` gives of the page, in any order; None where its stream is read by line."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a connector is made from.

    Attributes:
        name: Of the source.
        account: Our name of the provider account, on every line.
        options: As configured, by name; texts.
        secret: Reads a secret by the option that refers to it (`env:NAME`, `file:PATH`), when it is needed.
        now_us: The clock, for signatures; nothing that is parsed depends on it.
    """

    name: str
    account: str
    options: Mapping[str, str]
    secret: Callable[[str], str]
    now_us: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a kind of source, for help, forms and checks."""

    name: str
    title: str
    secret: bool = False
    needed: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source, as the entry point group `tallystick.sources` names it."""

    kind: str
    title: str
    options: tuple[Option, ...]
    connect: Callable[[Setup], Connector]
