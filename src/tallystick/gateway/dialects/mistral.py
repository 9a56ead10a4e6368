"""The Mistral dialect: OpenAI's format on a server that refuses members it does not know.

Usage comes with the last chunk of every stream without being asked for; asking
(`stream_options`) is answered with 422, and so is `max_completion_tokens`.
"""

from tallystick.gateway.dialects.model import Route
from tallystick.gateway.dialects.openai import OpenAI
from tallystick.gateway.dialects.openai_routes import below_version

_FILL = Route("metered", "text_completion", "chat")


class Mistral(OpenAI):
    """See `openai.OpenAI`."""

    name = "mistral"
    asks = False
    cap = "max_tokens"

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; filling in the middle is Mistral's own."""
        if method == "POST" and below_version(path) == "fim/completions":
            return _FILL
        return super().route(method, path)
