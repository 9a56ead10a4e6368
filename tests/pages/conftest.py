"""Instances that are served for real, and one browser for all tests of pages."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.budgets.defaults import default_budgets
from tallystick.counters.open import CounterSettings, open_counters
from tallystick.operations.blocking_counters import BlockingCounters
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.instance import prepare_instance
from tallystick.operations.post_charges import post_charges
from tallystick.operations.repair_counters import Repair, build_counters
from tallystick.operations.sessions import LinkRequest, create_login_link
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import UsageEvent
from tallystick.web.pages import build_web, error_page
from tests.conftest import chromium_path
from tests.pages.governed import governed, many
from tests.pages.seed import company, hostile

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
BASE_URLS = (
    ("openai", "OPENAI_BASE_URL", "http://127.0.0.1:8420/openai/v1"),
    ("anthropic", "ANTHROPIC_BASE_URL", "http://127.0.0.1:8420/anthropic"),
)
WIDTHS = {1440: 900, 390: 844}
# Every visit arrives somewhere before it goes where its test leads: on the smallest page.
ARRIVAL = LinkRequest(next_path="/find")


@dataclass(frozen=True)
class House:
    """One served instance."""

    url: str
    context: Context
    events: Sequence[UsageEvent]


def new_context(folder: Path, demo: str) -> Context:
    instance = prepare_instance(folder)
    config_db = ConfigDb(folder / "config.db")
    settings = CounterSettings("shared", folder / "counters")
    context = Context(
        DuckDbEngine(None), config_db, folder, secret=instance.secret, demo=demo,
        counters=BlockingCounters(lambda: open_counters(settings, "app")),
        default_budgets=default_budgets(50, 10, 600, 300, "UTC"),
    )  # fmt: skip
    start_ledger(context)
    return context


@contextmanager
def served(
    folder: Path,
    make: Callable[[int], list[UsageEvent]],
    demo: str = "",
    govern: Callable[[Context, int], list[UsageEvent]] | None = None,
) -> Iterator[House]:
    """The application on a port of its own, with the guard in front as in life."""
    context = new_context(folder, demo)
    events = govern(context, now_us()) if govern else make(now_us())
    ingest_events(context, events)
    post_charges(context)
    assert context.counters is not None
    build_counters(Repair(context, context.counters, lambda: None))
    book = PriceBook([])
    services = Services(book=lambda: book, error_page=error_page)
    app = build_api(context, services, build_web(context, book=lambda: book, base_urls=BASE_URLS, version="0.1.0"))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    app.state.closing = lambda: server.should_exit
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield House(f"http://127.0.0.1:{listener.getsockname()[1]}", context, events)
    finally:
        server.should_exit = True
        thread.join()
        context.counters.close()
        context.ledger.close()
        context.config_db.close()


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with served(tmp_path_factory.mktemp("full"), company, "Northwind") as house:
        yield house


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with served(tmp_path_factory.mktemp("nasty"), hostile) as house:
        yield house


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An instance with budgets, verdicts and decisions; tests may add to it and change nothing."""
    with served(tmp_path_factory.mktemp("held"), company, "Northwind", governed) as house:
        yield house


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Five hundred counters of one budget, and the nastiest names for others."""
    with served(tmp_path_factory.mktemp("crowd"), company, "", many) as house:
        yield house


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with served(tmp_path_factory.mktemp("empty"), lambda now: []) as house:
        yield house


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[House]:
    """An instance without a call that a test may fill."""
    with served(tmp_path, lambda now: []) as house:
        yield house


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield opened
        opened.close()


@dataclass(frozen=True)
class Visit:
    """A logged-in page that remembers what it should never have done."""

    page: Page
    house: House
    foreign: list[str]
    complaints: list[str]

    def go(self, path: str) -> Page:
        self.page.goto(self.house.url + path)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page of a house: ``visit(full, width=390, theme="dark", script=False)``."""
    contexts: list[BrowserContext] = []

    def open_page(house: House, *, width: int = 1440, theme: str = "light", script: bool = True) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        seen = Visit(page, house, [], [])
        page.on("request", lambda request: seen.foreign.append(request.url) if not _own(request.url, house) else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console", lambda line: seen.complaints.append(line.text) if line.type in {"error", "warning"} else None
        )
        page.goto(house.url + create_login_link(house.context, ARRIVAL)[0])
        return seen

    yield open_page
    for context in contexts:
        context.close()


def _own(url: str, house: House) -> bool:
    return url.startswith((house.url + "/", "data:", "about:"))
