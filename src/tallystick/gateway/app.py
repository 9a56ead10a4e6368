"""The gateway: provider paths are served here, all else is the app's."""

import gc
import json
import time
from collections.abc import Mapping
from typing import Any

from tallystick.gateway import one_address
from tallystick.gateway.call import answer_models, handle_call
from tallystick.gateway.client import Client
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.refuse import Refusal, answer
from tallystick.gateway.relay import Relay
from tallystick.gateway.settings import GatewaySettings, reserved_names
from tallystick.gateway.state import State, open_state
from tallystick.gateway.target import Split, split_path
from tallystick.gateway.upstream import Upstream
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.ids import new_id

# What only Anthropic's SDK asks for, with a base URL that lacks the provider.
_ANTHROPIC = "/messages"
_PAGES = reserved_names() - {one_address.NAME}


def build_gateway(settings: GatewaySettings, upstream: Upstream | None = None) -> "Gateway":
    """What is served; it opens its files and connections when the server starts it.

    Raises:
        ConfigError: A provider has a name that belongs to pages or API.
    """
    for name in settings.providers:
        if name in reserved_names() or "/" in name:
            raise ConfigError(
                f'"{name}" is a path of the pages, so it cannot name a provider',
                where=f"[providers.{name}]",
                next_steps=["choose another name"],
            )
    return Gateway(settings, upstream)


class Gateway:
    """One process's data plane."""

    def __init__(self, settings: GatewaySettings, upstream: Upstream | None) -> None:
        self._settings = settings
        self._providers = dict(settings.providers)
        self._upstream = upstream
        self._state: State | None = None
        self._relay: Relay | None = None

    async def serve(self, client: Client) -> None:
        """Answer one request."""
        split = split_path(client.scope["raw_path"])
        provider = self._providers.get(split.name)
        assert self._state is not None
        assert self._relay is not None
        if provider is not None:
            await handle_call(self._state, client, split, provider)
        elif split.name == one_address.NAME and not split.below.startswith(_ANTHROPIC):
            await self._serve_open(self._state, client, split)
        elif split.name == "healthz" and client.scope["query_string"] == b"role=gateway":
            await _answer_json(client, {"status": "ok", "role": "gateway"})
        elif split.name not in _PAGES and _is_call(client.scope):
            await _answer_unknown(client, split.name)
        else:
            await self._relay.pass_on(client, self._settings.read_timeout_seconds)

    async def _serve_open(self, state: State, client: Client, split: Split) -> None:
        """The one address for all models; what it lists we know ourselves."""
        if split.below == "/models" and client.scope["method"] in {"GET", "HEAD"}:
            await answer_models(state, client)
        else:
            await handle_call(state, client, Split(split.name, f"/v1{split.below}"), one_address.OPEN)

    async def start(self) -> None:
        """Open files and connections. In a running loop."""
        self._state = open_state(self._settings, self._upstream)
        self._state.watch()
        self._relay = Relay(self._settings.socket, behind_proxy=self._settings.behind_proxy)
        _spare_the_collector()

    def hurry(self) -> None:
        """End what would never end by itself; calls go on."""
        if self._relay is not None:
            self._relay.hurry()

    async def stop(self) -> None:
        """Close them; every call has ended by now."""
        if self._relay is not None:
            await self._relay.close()
        if self._state is not None:
            await self._state.close()


def _spare_the_collector() -> None:
    """Keep the price book out of every collection; calls leave few cycles, so look for them rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _answer_json(client: Client, data: object) -> None:
    body = json.dumps(data).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await client.answer(200, headers, body)


def _is_call(scope: Mapping[str, Any]) -> bool:
    """Whether an SDK asks, rather than a browser."""
    return scope["method"] == "POST" or any(name in {b"authorization", b"x-api-key"} for name, _ in scope["headers"])


async def _answer_unknown(client: Client, name: str) -> None:
    """A base URL without a provider, or with a misspelt one, is the commonest mistake: say so in the SDK's words."""
    names = {header for header, _ in client.scope["headers"]}
    dialect = DIALECTS["anthropic" if b"anthropic-version" in names else "openai"]
    message = (
        f'"{name[:64]}" is no provider of this gateway; the base URL ends in /openai/v1 for the OpenAI SDK and in '
        "/anthropic for Anthropic's, `tally up` prints them all, and [providers.NAME] in tally.toml adds one"
    )
    headers, body = answer(dialect, Refusal(404, "unknown_provider", message), new_id("evt", time.time_ns() // 1000))
    await client.answer(404, headers, body)
