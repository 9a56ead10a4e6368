"""The demo's directory over which something else than `tally demo` runs."""

from pathlib import Path

import pytest

from tallystick.config import Config
from tallystick.operations.instance import DEMO_FILE, read_cli_token
from tallystick.wiring import open_app
from tests.api.client import ask

BADGE = b'<b class="badge">demo</b>'


@pytest.mark.parametrize("made_up", [True, False])
def test_pages_bear_the_demos_badge_where_the_directory_holds_made_up_usage(tmp_path: Path, made_up: bool) -> None:
    if made_up:
        (tmp_path / DEMO_FILE).write_text('{"complete": true}')
    with open_app(Config(), tmp_path) as opened:
        local = [("authorization", f"Bearer {read_cli_token(tmp_path)}")]
        status = ask(opened.asgi, "GET", "/api/v1/status", local).json
        page = ask(opened.asgi, "GET", "/", local)

    assert (page.status, BADGE in page.body) == (200, made_up)
    assert status["demo"] == ("Northwind" if made_up else "")
