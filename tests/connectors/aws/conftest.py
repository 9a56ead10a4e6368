"""What every test here leaves behind: no connection."""

import pytest

from tallystick.transport.ask import forget_connections


@pytest.fixture(autouse=True)
def _close_connections():
    yield
    forget_connections()
