"""Providers as the gateway needs them: entries of the configuration, their secrets read from the environment."""

from decimal import Decimal

from tallystick.config.load import environment
from tallystick.config.model import Provider
from tallystick.gateway.credentials import SIGNED
from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import grains_from_decimal
from tallystick.transport.sigv4 import parse_key, region_of


def provider_settings(name: str, provider: Provider) -> ProviderSettings:
    """The upstream of one entry.

    Raises:
        ConfigError: A key that signs is not written as one; it is not repeated.
    """
    keys = [ProviderKeySecret(environment(one.api_key_env), one.team, one.environment) for one in provider.keys]
    signs = provider.auth == SIGNED
    own = environment(provider.api_key_env) if provider.api_key_env else _aws_key() if signs else ""
    keys.append(ProviderKeySecret(own))
    _check_aws_keys(name, keys if signs else [])
    return ProviderSettings(
        dialect=provider.dialect,
        base_url=provider.base_url,
        provider=provider.provider or name,
        keys=tuple(key for key in keys if key.secret),
        key_hint=_key_hint(provider),
        allow_private=provider.allow_private,
        allow_paths=provider.allow_paths,
        timeout_seconds=provider.timeout_seconds,
        connect_timeout_seconds=provider.connect_timeout_seconds,
        auth=provider.auth,
        region=provider.region or region_of(provider.base_url),
        openai_url=provider.openai_url,
        covered=provider.billing == "subscription",
        gpu_grains_per_second=grains_from_decimal(Decimal(repr(provider.gpu_usd_per_hour)) / 3600),
        max_retries=provider.max_retries,
        fallbacks=provider.fallbacks,
    )


def _aws_key() -> str:
    """AWS's own variables as one text, as `sigv4.parse_key` reads it; empty when they are not set."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key_id, secret, session = (environment(name).strip() for name in names)
    return ":".join(filter(None, (key_id, secret, session))) if key_id and secret else ""


def _check_aws_keys(name: str, keys: list[ProviderKeySecret]) -> None:
    for key in keys:
        if key.secret:
            try:
                parse_key(key.secret.encode())
            except ConfigError as error:
                raise ConfigError(error.what, where=f"[providers.{name}]") from None


def _key_hint(provider: Provider) -> str:
    if provider.api_key_env:
        return f"set {provider.api_key_env}"
    if provider.auth == SIGNED:
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return "name an api_key_env in tally.toml"
