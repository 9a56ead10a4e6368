"""A source's connector, made from its setup; its secrets are read when they are needed and shown nowhere."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tallystick.connectors.kept import Source
from tallystick.connectors.registry import Kinds
from tallystick.kernel.errors import TallyError
from tallystick.operations.context import now_us
from tallystick.ports import Connector, Setup, SourceFailed
from tallystick.pricing.book import PriceBook

_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Sources:
    """What syncing needs beside the context.

    Attributes:
        kinds: What can be set up.
        book: The current price book.
        environment: A variable of the environment, empty where it is not set.
        writing: Entered around each write to the ledger.
        stopping: Whether the process is about to end: no further page is asked for.
        clock: This instant in microseconds.
        running: One lock for each source, by name: nothing of a source is fetched twice at once.
    """

    kinds: Kinds
    book: Callable[[], PriceBook]
    environment: Callable[[str], str]
    writing: Callable[[], AbstractContextManager[object]] = nullcontext
    stopping: Callable[[], bool] = lambda: False
    clock: Callable[[], int] = now_us
    running: dict[str, Lock] = field(default_factory=dict)

    def lock(self, name: str) -> Lock:
        """The lock of a source."""
        return self.running.setdefault(name, Lock())


class Secrets:
    """Reads secrets by reference, and takes out of texts what it has read."""

    def __init__(self, references: Mapping[str, str], environment: Callable[[str], str]) -> None:
        self._references = references
        self._environment = environment
        self._seen: set[str] = set()

    def read(self, option: str) -> str:
        """The secret of an option; empty where it has none.

        Raises:
            SourceFailed: It is not where the reference says.
        """
        reference = self._references.get(option, "")
        where, _, name = reference.partition(":")
        if not reference:
            return ""
        found = self._environment(name) if where == "env" else _of_file(option, name)
        secret = found.strip()
        if not secret:
            place = f"the environment variable {name} of the server" if where == "env" else f"the file {name}"
            raise SourceFailed(f"{option} is looked for in {place}, where there is nothing; set it and sync again")
        if len(secret) >= _SHORTEST_SECRET:
            self._seen.add(secret)
        return secret

    def without(self, text: str) -> str:
        """A text without the secrets read so far."""
        for secret in sorted(self._seen, key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


def _of_file(option: str, name: str) -> str:
    try:
        return Path(name).expanduser().read_text()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise SourceFailed(f"{option} is looked for in the file {name}: {words}; mend it and sync again") from None


def connect(sources: Sources, source: Source, secrets: Secrets) -> Connector:
    """The connector of a source.

    Raises:
        SourceFailed: Its kind is not there, or cannot be made from this setup.
    """
    kind = sources.kinds.known.get(source.kind)
    if kind is None:
        why = sources.kinds.broken.get(source.kind, "no package that is installed knows it")
        raise SourceFailed(f"the kind {source.kind} cannot be used: {why}")
    defaults = {option.name: option.default for option in kind.options if option.default and not option.secret}
    setup = Setup(source.name, source.account, defaults | dict(source.options), secrets.read, sources.clock)
    try:
        return kind.connect(setup)
    except SourceFailed:
        raise
    except TallyError as error:
        raise SourceFailed(f"it cannot be made from its options: {error.what}") from None
    except Exception as error:
        raise SourceFailed(f"it cannot be made from its options: {type(error).__name__}: {error}") from error


def check_source(sources: Sources, source: Source) -> str:
    """One cheap request with the secret; what it may read, for people.

    Raises:
        SourceFailed: It may not, or nothing answers.
    """
    secrets = Secrets(source.secrets, sources.environment)
    try:
        return secrets.without(connect(sources, source, secrets).check())
    except SourceFailed as error:
        raise SourceFailed(secrets.without(error.reason), retry_seconds=error.retry_seconds) from None
