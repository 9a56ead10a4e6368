"""What all calls of one gateway process share: keys, prices, spool, upstream."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from tallystick.counters.open import open_counters
from tallystick.gateway.aiohttp_upstream import AiohttpUpstream
from tallystick.gateway.attribution import HeaderReader
from tallystick.gateway.cache import ResponseCache
from tallystick.gateway.health import HealthBoard, HealthFile
from tallystick.gateway.identify import KeyRing
from tallystick.gateway.lean_upstream import LeanUpstream
from tallystick.gateway.mock import MockUpstream
from tallystick.gateway.observe import Observer
from tallystick.gateway.reserve import Enforcer
from tallystick.gateway.rulebook import RuleBook
from tallystick.gateway.settings import GatewaySettings
from tallystick.gateway.upstream import Upstream
from tallystick.gateway.watchers import open_observer
from tallystick.kernel.ids import Ids, fingerprint, new_id
from tallystick.operations.context import now_us
from tallystick.operations.load_budgets import budgets_since
from tallystick.operations.load_keys import keys_since
from tallystick.operations.load_prices import book_version, load_book
from tallystick.operations.load_rules import rules_since
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.spool import SpoolWriter
from tallystick.storage.version_word import VersionWord

_BACKSTOP_SECONDS = 1.0
_MOST_FINGERPRINTS = 4096
Found = TypeVar("Found")


@dataclass(slots=True)
class State:
    """Opened once a process by `open_state`; closed when it ends."""

    settings: GatewaySettings
    config_db: ConfigDb
    word: VersionWord
    ring: KeyRing
    book: PriceBook
    book_version: int
    spool: SpoolWriter
    upstream: Upstream
    headers: HeaderReader
    enforcer: Enforcer
    rules: RuleBook
    health: HealthBoard
    health_file: HealthFile
    ids: Ids = field(default_factory=Ids)
    observer: Observer = field(default_factory=Observer)
    cache: ResponseCache = field(default_factory=lambda: ResponseCache(0))
    seen: int = -1
    contents_lost: int = 0
    _fingerprints: dict[bytes, str] = field(default_factory=dict)
    # One thread reads the row database off the loop, so that its connection is closed where it was made.
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "config-db"))
    _reload: "asyncio.Task[None] | None" = None
    _backstop: "asyncio.Task[None] | None" = None

    def refresh(self) -> "asyncio.Task[None] | None":
        """Take in changed keys before deciding anything.

        A tenth of a microsecond when nothing has changed. Prices are read in a thread, for a
        book is large: while they are, the task to wait for is returned, so that a change
        holds for the next call and stops no other.
        """
        moved = self.word.read()
        if moved != self.seen:
            self.seen = moved
            self.take_in()
        return None if self._reload is None or self._reload.done() else self._reload

    def take_in(self) -> None:
        """Read changed keys now, and changed prices off the loop: a book is large."""
        self.ring.refresh()
        self.enforcer.refresh()
        self.rules.refresh()
        if self._reload is None or self._reload.done():
            self._reload = asyncio.ensure_future(self._reload_book())

    async def _reload_book(self) -> None:
        while (version := await self._read(book_version)) > self.book_version:
            self.book = await self._read(load_book)
            self.book_version = version

    async def _read(self, what: Callable[[ConfigDb], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._reader, what, self.config_db)

    def watch(self) -> None:
        """Begin to look once a second whether a change was missed (its writer died before telling), and to tell
        how upstreams fare.
        """
        self.health_file.watch()
        self._backstop = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        known = -1
        while True:
            version = await self._read(ConfigDb.change_version)
            if version != known:
                known = version
                self.take_in()
            await asyncio.sleep(_BACKSTOP_SECONDS)

    def fingerprint_of(self, secret: bytes) -> str:
        """Keyed fingerprint of a provider's key; remembered, for most calls use the same few."""
        found = self._fingerprints.get(secret)
        if found is None:
            if len(self._fingerprints) >= _MOST_FINGERPRINTS:
                self._fingerprints.clear()
            found = self._fingerprints[secret] = fingerprint(self.settings.secret, secret)
        return found

    async def close(self) -> None:
        """Stop watching, close connections, give the spool back."""
        tasks = [task for task in (self._backstop, self._reload) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.health_file.close()
        await self._read(ConfigDb.close)
        self._reader.shutdown()
        await self.upstream.close()
        await self.enforcer.counters.close()
        self.spool.close()
        self.observer.close()
        self.word.close()
        self.config_db.close()


def open_state(settings: GatewaySettings, upstream: Upstream | None = None) -> State:
    """Open everything; inside a running loop.

    Raises:
        OSError: The data directory cannot be used.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config_db = ConfigDb(settings.data_dir / "config.db")
    ring = KeyRing(lambda version: keys_since(config_db, version))
    ring.refresh()
    folder = spool_folder(settings, now_us())
    enforcer = Enforcer(
        settings.budgets,
        open_counters(settings.counter_settings, folder.name),
        lambda version: budgets_since(config_db, version),
        folder.name,
        # Where nothing was ever counted there is nothing to build counters from.
        may_build=settings.counter_settings.kind == "process" or not (settings.data_dir / "ledger.duckdb").exists(),
    )
    enforcer.refresh()
    rules = RuleBook(lambda version: rules_since(config_db, version))
    rules.refresh()
    health = HealthBoard()
    return State(
        settings=settings,
        config_db=config_db,
        word=VersionWord(settings.data_dir / "version"),
        ring=ring,
        book_version=book_version(config_db),
        book=load_book(config_db),
        spool=SpoolWriter(folder, segment_bytes=settings.segment_bytes),
        upstream=upstream or open_upstream(settings),
        headers=HeaderReader(settings.header_prefix),
        observer=open_observer(settings, folder.name, now_us()),
        enforcer=enforcer,
        rules=rules,
        health=health,
        health_file=HealthFile(health, settings.data_dir / "health", folder.name),
        cache=ResponseCache(settings.cache_bytes),
    )


def open_upstream(settings: GatewaySettings) -> Upstream:
    """The client that the settings name."""
    if settings.client == "mock":
        return MockUpstream(settings.mock_seconds)
    kind = AiohttpUpstream if settings.client == "aiohttp" else LeanUpstream
    return kind(private_hosts(settings), settings.connections_per_host)


def spool_folder(settings: GatewaySettings, at_us: int) -> Path:
    """A folder that no earlier process had: what those left open is theirs."""
    return settings.spool_root / new_id("gw", at_us)


def private_hosts(settings: GatewaySettings) -> set[str]:
    """Hosts that may lead inside: allowed by word, or written out as ``localhost``."""
    hosts = {
        (urlsplit(url).hostname or "", one.allow_private)
        for one in settings.providers.values()
        for url in (one.base_url, one.openai_url)
        if url
    }
    return {host for host, allowed in hosts if allowed or host == "localhost" or host.endswith(".localhost")}
