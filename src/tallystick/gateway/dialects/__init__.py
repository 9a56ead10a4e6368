"""Wire formats by name: what the configuration calls a provider's dialect."""

from tallystick.gateway.dialects.anthropic import Anthropic
from tallystick.gateway.dialects.bedrock import Bedrock
from tallystick.gateway.dialects.model import Dialect
from tallystick.gateway.dialects.openai import OpenAI

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (OpenAI(), Anthropic(), Bedrock())}
