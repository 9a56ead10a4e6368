"""What every test may use, and the count of tests that a missing program kept from running."""

import os
import shutil

import pytest

REQUIRE_SERVICES = os.environ.get("TALLY_REQUIRE_SERVICES") == "1"


def chromium_path() -> str | None:
    """The browser of Debian's packages, None where there is none."""
    return next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip service-backed tests by name where their program is missing; a failure where services are required."""
    if chromium_path() or REQUIRE_SERVICES:
        return
    for item in items:
        if item.get_closest_marker("service"):
            item.add_marker(pytest.mark.skip(reason="NOT RUN: needs chromium (apt-get install chromium)"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly how many tests did not run for want of a program."""
    missing = [one for one in terminalreporter.stats.get("skipped", []) if "NOT RUN" in str(one.longrepr)]
    if missing:
        terminalreporter.write_line(f"{len(missing)} tests NOT RUN for want of a program: run tests/services.sh", red=True, bold=True)
