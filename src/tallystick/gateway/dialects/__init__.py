"""Wire formats by name: what the configuration calls a provider's dialect."""

from tallystick.gateway.dialects.anthropic import Anthropic
from tallystick.gateway.dialects.azure import Azure
from tallystick.gateway.dialects.bedrock import Bedrock
from tallystick.gateway.dialects.cohere import Cohere
from tallystick.gateway.dialects.gemini import Gemini
from tallystick.gateway.dialects.mistral import Mistral
from tallystick.gateway.dialects.model import Dialect
from tallystick.gateway.dialects.openai import OpenAI
from tallystick.gateway.dialects.vertex import Vertex

_ALL: tuple[Dialect, ...] = (OpenAI(), Anthropic(), Azure(), Mistral(), Bedrock(), Gemini(), Vertex(), Cohere())
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
