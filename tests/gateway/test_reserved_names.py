"""No provider can take the name of a page: held against the route table itself."""

from pathlib import Path

import pytest

from tallystick import wiring
from tallystick.api.app import list_routes
from tallystick.config import Config, Provider
from tallystick.gateway.settings import reserved_names
from tallystick.kernel.errors import ConfigError


def test_every_first_segment_of_a_page_or_api_path_is_reserved(tmp_path: Path) -> None:
    with wiring.open_app(Config(), tmp_path) as app:
        segments = {path.strip("/").split("/")[0] for _, path in list_routes(app.asgi.routes)}
    assert segments - reserved_names() == set()


@pytest.mark.parametrize("name", sorted(reserved_names() - {""}))
def test_a_provider_named_like_a_page_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a page"):
        wiring.check_bind(Config(providers={name: Provider("openai", "https://example.com")}))
