"""Builds everything from the configuration: the only composition root."""

import hashlib
import logging
import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick import __version__
from tallystick.budgets.bound import BoundPolicy
from tallystick.budgets.defaults import default_budgets
from tallystick.budgets.model import Budget
from tallystick.config import CATALOGUE, Config, Content, Provider, environment
from tallystick.config.upstreams import provider_settings
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import (
    BudgetSettings,
    ContentSettings,
    GatewaySettings,
    reserved_names,
)
from tallystick.kernel.errors import ConfigError, Conflict, TallyError
from tallystick.kernel.money import grains_from_decimal
from tallystick.operations.instance import demo_in, prepare_instance
from tallystick.org.bind import Bind
from tallystick.org.bind import check_bind as check_bind_rule

if TYPE_CHECKING:
    from tallystick.notify.model import Channel
    from tallystick.operations.blocking_counters import BlockingCounters
    from tallystick.operations.context import Context
    from tallystick.operations.keep_counters import Rounds
    from tallystick.pricing.book import PriceBook
    from tallystick.storage.config_db import ConfigDb

_LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes
_DEMO_SECONDS = 30.0  # fourteen months of bills are held against the ledger when the first pages are there
_WAIT_FOR_LEDGER_SECONDS = 40.0  # an app that lost its supervisor may still be draining


@dataclass(frozen=True, slots=True)
class App:
    """The control plane in this process."""

    asgi: Any
    config: Config
    context: Any
    jobs: Any


def with_server(config: Config, *, host: str = "", port: int = 0, behind_proxy: bool = False) -> Config:
    """The configuration with what the command line says of the server; empty keeps what is there."""
    server = replace(
        config.server,
        host=host or config.server.host,
        port=port or config.server.port,
        behind_proxy=behind_proxy or config.server.behind_proxy,
    )
    return replace(config, server=server)


def default_url(config: Config) -> str:
    """Where the pages are, as seen from this machine."""
    scheme = "https" if config.server.tls_cert else "http"
    host = config.server.host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104 - compared
    return f"{scheme}://{shown}:{config.server.port}"


def base_urls(config: Config) -> list[tuple[str, str, str]]:
    """What to paste for each provider: name, environment variable (may be empty), base URL.

    The OpenAI SDK wants the version in its base URL, the Anthropic SDK adds it itself.
    """
    url = default_url(config)
    rows = []
    for name, provider in config.providers.items():
        if not _is_set_up(name, provider):
            continue
        suffix = _suffix(provider)
        variable = f"{provider.dialect.upper()}_BASE_URL" if name == provider.dialect else ""
        rows.append((name, variable, f"{url}/{name}{suffix}"))
    return rows


def _is_set_up(name: str, provider: Provider) -> bool:
    """Whether somebody uses it: of the built-in ones the two everybody knows, and those whose key is there."""
    if provider is not CATALOGUE.get(name) or name in {"openai", "anthropic"}:
        return True
    return bool(provider.api_key_env and environment(provider.api_key_env))


def _suffix(provider: Provider) -> str:
    """What a client of the OpenAI SDK puts behind the provider's name."""
    if provider.dialect == "azure":
        return "/openai/v1"
    if provider.dialect not in {"openai", "mistral"}:
        return ""
    return "" if provider.openai_url and not provider.openai_url.endswith("/v1") else "/v1"


def check_bind(config: Config, *, pages: bool = True) -> None:
    """Refuse what must not start: an unguarded public address, a provider named like a page.

    Raises:
        ConfigError: With what to do instead.
    """
    taken = sorted(set(config.providers) & reserved_names())
    if taken:
        raise ConfigError(
            f'"{taken[0]}" is the name of a page, so no provider can have it', where=f"[providers.{taken[0]}]"
        )
    check_bind_rule(
        Bind(
            config.server.host,
            pages=pages,
            keys_required=not config.gateway.bring_your_own_key,
            tls=bool(config.server.tls_cert and config.server.tls_key),
            behind_proxy=config.server.behind_proxy,
        )
    )


def socket_path(data_dir: Path) -> Path:
    """The app's socket: in the data directory, or beside the temporary files where its path is too long."""
    path = data_dir / "app.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"tally-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Conflict("the folder for sockets belongs to somebody else", where=str(folder))
    return folder / f"{name}.sock"


def gateway_settings(config: Config, data_dir: Path) -> GatewaySettings:
    """What a gateway process needs, secrets read from the environment."""
    gateway, server = config.gateway, config.server
    return GatewaySettings(
        data_dir=data_dir,
        providers={name: provider_settings(name, provider) for name, provider in config.providers.items()},
        secret=prepare_instance(data_dir).secret,
        app_socket=socket_path(data_dir),
        bring_your_own_key=gateway.bring_your_own_key,
        header_prefix=gateway.header_prefix,
        max_body_bytes=gateway.max_body_bytes,
        read_timeout_seconds=gateway.read_timeout_seconds,
        segment_bytes=gateway.segment_bytes,
        connections_per_host=gateway.connections_per_host,
        client=gateway.client,
        behind_proxy=server.behind_proxy,
        tls_cert=server.tls_cert,
        tls_key=server.tls_key,
        content=_content(config.content),
        access_log=gateway.access_log,
        otel_endpoint=gateway.otel_endpoint,
        budgets=_budgets(config, data_dir),
        stamp_reservations=gateway.stamp_reservations,
        heartbeat_seconds=gateway.heartbeat_seconds,
        cache_bytes=gateway.cache_bytes,
    )


def counter_settings(config: Config, data_dir: Path) -> CounterSettings:
    """Where budgets are counted; gateways and the app have to open the same."""
    one = config.budgets
    url = (environment(one.redis_url_env) if one.redis_url_env else "") or one.redis_url
    return CounterSettings(one.counters, data_dir / "counters", url, one.deadline_ms, one.redis_namespace)


def _budgets(config: Config, data_dir: Path) -> BudgetSettings:
    one = config.budgets
    return BudgetSettings(
        counters=counter_settings(config, data_dir),
        defaults=safe_defaults(config),
        policy=bound_policy(config),
        reservation_us=int(one.reservation_seconds * 1_000_000),
        pages=default_url(config),
    )


def safe_defaults(config: Config) -> tuple[Budget, ...]:
    """The budgets that hold before anybody has set one."""
    one = config.budgets
    return default_budgets(one.key_usd_per_day, one.run_usd, one.run_calls_per_minute, one.loop_calls, config.timezone)


def bound_policy(config: Config) -> BoundPolicy:
    """What is assumed of a call whose price or length nobody knows."""
    one = config.budgets
    return BoundPolicy(
        unknown_price=one.unknown_price,  # type: ignore[arg-type]  # checked when it was read
        ceiling_input=grains_from_decimal(Decimal(repr(one.ceiling_input_usd)) / 10**6),
        ceiling_output=grains_from_decimal(Decimal(repr(one.ceiling_output_usd)) / 10**6),
        assumed_output_tokens=one.assumed_output_tokens,
    )


def _content(content: Content) -> ContentSettings | None:
    if not content.store:
        return None
    return ContentSettings(tuple(re.compile(pattern) for pattern in content.redact_patterns), content.max_bytes)


def prepare(config: Config, data_dir: Path) -> None:
    """What has to be there before the first process starts: secrets, and prices for the very first call.

    Raises:
        ConfigError: The override file cannot be used.
    """
    from tallystick.operations.context import Home
    from tallystick.operations.refresh_prices import refresh_prices
    from tallystick.storage.config_db import ConfigDb

    prepare_instance(data_dir)
    config_db = ConfigDb(data_dir / "config.db")
    try:
        refresh_prices(Home(config_db, data_dir), _override(config))
    finally:
        config_db.close()


def _override(config: Config) -> Path | None:
    return Path(config.prices.override).expanduser() if config.prices.override else None


def run_gateway(config: Config, data_dir: Path, *, fd: int, mock_seconds: float | None = None) -> None:
    """Run one gateway worker on an inherited socket until told to stop.

    Args:
        mock_seconds: Make answers up, each after so long, and send nothing anywhere; None speaks to providers.
    """
    from tallystick.gateway.mock import mocked
    from tallystick.gateway.serve import serve_gateway

    settings = gateway_settings(config, data_dir)
    serve_gateway(settings if mock_seconds is None else mocked(settings, mock_seconds), fd=fd)


def run_app(config: Config, data_dir: Path) -> None:
    """Run the app on its unix socket until told to stop."""
    import uvicorn

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with open_app(config, data_dir, wait_seconds=_WAIT_FOR_LEDGER_SECONDS) as app:
        app.jobs.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            # The server raises its signal once more when it has shut down; what is still in the spool comes first.
            signal.signal(number, lambda *_: None)
        server = uvicorn.Config(
            app.asgi, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=5, lifespan="off",
        )  # fmt: skip
        runner = uvicorn.Server(server)
        # Streams without an end of their own end when the server is asked to.
        app.asgi.state.closing = lambda: runner.should_exit
        with _private_socket(socket_path(data_dir)) as listener:
            runner.run(sockets=[listener])
        app.jobs.stop()


@contextmanager
def _private_socket(path: Path) -> Iterator[socket.socket]:
    """A unix socket that only this user can open; what a dead app left is replaced."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(512)
        listener.setblocking(False)
        yield listener


@contextmanager
def open_app(config: Config, data_dir: Path, *, wait_seconds: float = 0.0) -> Iterator[App]:
    """The whole control plane over a data directory, its ledger drained and posted.

    Args:
        wait_seconds: How long to wait for another process to let go of the ledger.

    Raises:
        Conflict: Another process has the ledger.
    """
    from tallystick.api.app import build_api
    from tallystick.api.jobs import Jobs
    from tallystick.api.postman import Postman
    from tallystick.api.services import Services
    from tallystick.operations.drain_spool import count_rejected
    from tallystick.operations.keep_counters import Rounds
    from tallystick.storage.spool_reader import SpoolReader
    from tallystick.web.pages import build_web, error_page

    channels = _channels(config)
    names = tuple(channel.name for channel in channels)
    with open_ledger(config, data_dir, channels=names, wait_seconds=wait_seconds) as opened:
        context = replace(opened, drain=lambda: jobs.drain())  # noqa: PLW0108 - jobs are made of this context
        book = _current_book(context.config_db)
        jobs = Jobs(
            context, SpoolReader(data_dir / "spool"), book, postman=Postman(context, channels),
            **_of_bills(context, book, lambda: jobs.writing),
        )  # fmt: skip
        jobs.settle()
        rounds = jobs.counters = Rounds(
            context, jobs.drain, jobs.in_flight, elsewhere=config.budgets.counters == "redis"
        )
        rounds.build()
        services = Services(
            book=book, version=__version__, base_url=default_url(config), pending=jobs.pending,
            writing=lambda: jobs.writing, secure=bool(config.server.tls_cert) or config.server.behind_proxy,
            session_hours=config.server.session_hours, error_page=error_page, ready=jobs.well, channels=channels,
            sources=jobs.fetcher.sources if jobs.fetcher else None,
            facts=lambda: {
                "spool_rejected": count_rejected(context), "jobs_error": jobs.last_error,
                **_of_counters(config, rounds),
            },
        )  # fmt: skip
        web = build_web(
            context, book=book, base_urls=base_urls(config), company=context.demo or config.company, version=__version__,
            told=lambda: _of_counters(config, rounds),
        )  # fmt: skip
        yield App(build_api(context, services, web), config, context, jobs)


@contextmanager
def open_ledger(
    config: Config, data_dir: Path, *, channels: tuple[str, ...] = (), wait_seconds: float = 0.0
) -> Iterator["Context"]:
    """The ledger of a data directory with the prices of this version, and what operations on it take.

    Args:
        channels: Names of those that alerts go to.
        wait_seconds: How long to wait for another process to let go of the ledger.

    Raises:
        Conflict: Another process has the ledger.
    """
    from tallystick.operations.refresh_prices import refresh_prices
    from tallystick.operations.start_ledger import start_ledger

    context = _context(config, data_dir, channels=channels, wait_seconds=wait_seconds)
    try:
        start_ledger(context)
        refresh_prices(context, _override(config))
        yield context
    finally:
        if context.counters is not None:
            context.counters.close()
        context.config_db.close()
        context.ledger.close()


def _of_bills(
    context: "Context", book: Callable[[], "PriceBook"], writing: Callable[[], AbstractContextManager[object]]
) -> dict[str, Any]:
    """Who reads the sources of bills, and who holds months against them."""
    from tallystick.api.fetcher import Fetcher
    from tallystick.api.reconciler import Reconciler
    from tallystick.connectors.registry import load_kinds
    from tallystick.operations.connect_source import Sources

    stopping = threading.Event()
    sources = Sources(load_kinds(), book, environment, writing=writing, stopping=stopping.is_set)
    reconciler = Reconciler(context, writing, first_seconds=_DEMO_SECONDS if context.demo else 5.0)
    return {"fetcher": Fetcher(context, sources, stopping=stopping), "reconciler": reconciler}


def _of_counters(config: Config, rounds: "Rounds") -> dict[str, object]:
    return {"counters": config.budgets.counters, "counters_state": rounds.state}


def _context(config: Config, data_dir: Path, *, channels: tuple[str, ...], wait_seconds: float) -> "Context":
    from tallystick.operations.context import Context, Retention
    from tallystick.storage.config_db import ConfigDb

    secret = prepare_instance(data_dir).secret
    return Context(
        ledger=_patiently(lambda: _open_engine(config, data_dir), wait_seconds),
        config_db=ConfigDb(data_dir / "config.db"),
        data_dir=data_dir,
        zone=config.timezone,
        secret=secret,
        demo=demo_in(data_dir),
        retention=Retention(config.retention.events_days, config.content.retention_days),
        channels=channels,
        counters=_open_counters(config, data_dir),
        default_budgets=safe_defaults(config),
        bound_policy=bound_policy(config),
    )


def _open_counters(config: Config, data_dir: Path) -> "BlockingCounters | None":
    """The counters that the gateways use; None where each has its own, and nobody else can see them."""
    from tallystick.counters.open import open_counters
    from tallystick.operations.blocking_counters import BlockingCounters

    settings = counter_settings(config, data_dir)
    return None if settings.kind == "process" else BlockingCounters(lambda: open_counters(settings, "app"))


def _channels(config: Config) -> tuple["Channel", ...]:
    from tallystick.notify.open import ChannelSettings, Surroundings, open_channels
    from tallystick.operations.context import now_us

    return open_channels(
        ChannelSettings(**asdict(config.notify)), Surroundings(environment, default_url(config), now_us)
    )


def _current_book(config_db: "ConfigDb") -> Callable[[], "PriceBook"]:
    """The book as it is at each call; read anew only when prices have changed."""
    from tallystick.operations.load_prices import book_version, load_book

    held: dict[str, Any] = {"version": -1}

    def book() -> "PriceBook":
        version = book_version(config_db)
        if version != held["version"]:
            held.update(book=load_book(config_db), version=version)
        found: PriceBook = held["book"]
        return found

    return book


def _open_engine(config: Config, data_dir: Path) -> Any:
    if config.ledger.engine == "clickhouse":
        from tallystick.storage.clickhouse_engine import ClickHouseEngine

        return ClickHouseEngine(config.ledger.dsn)
    if config.ledger.engine != "duckdb":
        raise ConfigError(f'engine "{config.ledger.engine}" is not one of duckdb, clickhouse', where="[ledger]")
    from tallystick.storage.duckdb_engine import DuckDbEngine

    return DuckDbEngine(data_dir / "ledger.duckdb", memory_limit=config.ledger.memory_limit or _fair_share())


def _fair_share() -> str:
    """A quarter of the machine's memory, four gigabytes at most: what is left is the page cache's and the calls'."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{min(physical // 4, 4 * 10**9) // 10**6}MB"


def _patiently(opened: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return opened()
        except TallyError as error:
            if not isinstance(error, Conflict) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
