"""What every test may use, and the count of tests that a missing program kept from running."""

import gc
import os
import shutil
from collections.abc import Generator

import pytest
from hypothesis import settings

# How long an example takes says something of the machine and nothing of the law.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

# A hundred processes of the product are started, and each would compile all of its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

REQUIRE_SERVICES = os.environ.get("TALLY_REQUIRE_SERVICES") == "1"


def chromium_path() -> str | None:
    """The browser of Debian's packages, None where there is none."""
    return next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip service-backed tests by name where their program is missing; a failure where services are required."""
    if REQUIRE_SERVICES:
        return
    for item in items:
        marker = item.get_closest_marker("service")
        program = marker.args[0] if marker and marker.args else "chromium"
        if marker and not (chromium_path() if program == "chromium" else shutil.which(program)):
            item.add_marker(pytest.mark.skip(reason=f"NOT RUN: needs {program} (apt-get install {program})"))


@pytest.fixture(scope="module", autouse=True)
def only_new_garbage() -> None:
    """What a module leaves open is told when the next one begins; later collections look at what came since.

    Thousands of tests, all modules and what is kept for the session outlive them anyway: to walk through them
    took most of a second each time, and a test that collects to hear of what it left open does so often.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """The last look is at everything."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where services are required, a test that does not run has failed."""
    report = yield
    if REQUIRE_SERVICES and report.skipped and "NOT RUN" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} did not run, and TALLY_REQUIRE_SERVICES=1: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly how many tests did not run for want of a program."""
    missing = [one for one in terminalreporter.stats.get("skipped", []) if "NOT RUN" in str(one.longrepr)]
    if missing:
        terminalreporter.write_line(
            f"{len(missing)} tests NOT RUN for want of a program: run tests/services.sh", red=True, bold=True
        )
