"""OpenAI's costs and usage of an organisation."""
