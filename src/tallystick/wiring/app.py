"""Build the control plane: API, pages and jobs over an open ledger."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick import __version__
from tallystick.config import Config, environment
from tallystick.wiring.addresses import base_urls, default_url
from tallystick.wiring.ledger import open_ledger

if TYPE_CHECKING:
    from tallystick.notify.model import Channel
    from tallystick.operations.context import Context
    from tallystick.operations.keep_counters import Rounds
    from tallystick.pricing.book import PriceBook
    from tallystick.storage.config_db import ConfigDb

_DEMO_SECONDS = 30.0  # fourteen months of bills are held against the ledger when the first pages are there


@dataclass(frozen=True, slots=True)
class App:
    """The control plane in this process."""

    asgi: Any
    config: Config
    context: Any
    jobs: Any


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
