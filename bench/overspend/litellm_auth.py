"""Runs inside LiteLLM: a key names its own budget, because LiteLLM keeps keys only in a database."""

from litellm.proxy._types import UserAPIKeyAuth  # type: ignore[import-not-found]


async def check(request: object, api_key: str) -> UserAPIKeyAuth:
    """`sk-key-LIMIT-...` has a budget; any customer of `sk-customer-LIMIT-...` has one, LIMIT in millionths of a dollar."""
    _, form, limit, *_ = api_key.split("-")
    named = {"key": "max_budget", "customer": "end_user_max_budget"}[form]
    return UserAPIKeyAuth(api_key=api_key, token=api_key, **{named: int(limit) / 1e6})
