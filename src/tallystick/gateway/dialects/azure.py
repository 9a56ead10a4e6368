"""The Azure OpenAI dialect: OpenAI's formats below the paths of a resource.

A deployment's name stands in the path (or, below ``/openai/v1``, in `model`); the answer
names the model behind it, and that prices the call. A stream begins with a chunk
without choices that tells of the prompt's filters.
"""

import re
from dataclasses import replace

from tallystick.gateway.dialects import openai_routes
from tallystick.gateway.dialects.model import Change, RequestFacts, Route
from tallystick.gateway.dialects.openai import OpenAI
from tallystick.gateway.dialects.rewrite import has_member

_DEPLOYED = re.compile(r"(/?openai/deployments/)([^/]+)(?:/extensions)?/(.+)")
_LISTED = re.compile(r"deployments(?:/[^/]+)?")


class Azure(OpenAI):
    """See `openai.OpenAI`."""

    name = "azure"
    auth = "api-key"

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = path.partition("?")[0].strip("/")
        if found := _DEPLOYED.fullmatch(bare):
            route = openai_routes.METERED.get(found.group(3)) if method == "POST" else None
            return replace(route, model=found.group(2)) if route else None
        if not bare.startswith("openai/"):
            return None
        below = openai_routes.below_version(bare.removeprefix("openai/"))
        if method == "GET" and _LISTED.fullmatch(below):
            return Route("free", "list_models", "free")
        return openai_routes.find(method, below)

    def why_not(self, path: str) -> tuple[int, str, str] | None:
        """Why a known path is not forwarded; see `Hooks`."""
        return super().why_not(path.strip("/").removeprefix("openai/"))

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says; the deployment is the model that was asked for."""
        facts = super().read_request(route, body)
        return replace(facts, model=route.model) if route.model else facts

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """A deployment's name is changed in the path, and in the body where that repeats it."""
        if route.model and change.model is not None and (found := _DEPLOYED.search(path)):
            path = path[: found.start(2)] + change.model + path[found.end(2) :]
            if not has_member(body, "model"):
                change = replace(change, model=None)
        return super().rewrite(route, path, body, change)
