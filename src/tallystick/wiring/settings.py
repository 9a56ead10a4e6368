"""What a gateway and its counters are told, out of the configuration."""

import re
from decimal import Decimal
from pathlib import Path

from tallystick.budgets.bound import BoundPolicy
from tallystick.budgets.defaults import default_budgets
from tallystick.budgets.model import Budget
from tallystick.config import Config, Content, environment
from tallystick.config.upstreams import provider_settings
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import BudgetSettings, ContentSettings, GatewaySettings
from tallystick.kernel.money import grains_from_decimal
from tallystick.operations.instance import prepare_instance
from tallystick.wiring.addresses import default_url, socket_path


def gateway_settings(config: Config, data_dir: Path) -> GatewaySettings:
    """What a gateway process needs, secrets read from the environment."""
    gateway, server = config.gateway, config.server
    return GatewaySettings(
        data_dir=data_dir,
        providers={name: provider_settings(name, provider) for name, provider in config.providers.items()},
        secret=prepare_instance(data_dir).secret,
        app_socket=socket_path(data_dir),
        bring_your_own_key=gateway.bring_your_own_key,
        header_prefix=gateway.header_prefix,
        max_body_bytes=gateway.max_body_bytes,
        read_timeout_seconds=gateway.read_timeout_seconds,
        segment_bytes=gateway.segment_bytes,
        connections_per_host=gateway.connections_per_host,
        client=gateway.client,
        behind_proxy=server.behind_proxy,
        tls_cert=server.tls_cert,
        tls_key=server.tls_key,
        content=_content(config.content),
        access_log=gateway.access_log,
        otel_endpoint=gateway.otel_endpoint,
        budgets=_budgets(config, data_dir),
        stamp_reservations=gateway.stamp_reservations,
        heartbeat_seconds=gateway.heartbeat_seconds,
        cache_bytes=gateway.cache_bytes,
    )


def counter_settings(config: Config, data_dir: Path) -> CounterSettings:
    """Where budgets are counted; gateways and the app have to open the same."""
    one = config.budgets
    url = (environment(one.redis_url_env) if one.redis_url_env else "") or one.redis_url
    return CounterSettings(one.counters, data_dir / "counters", url, one.deadline_ms, one.redis_namespace)


def _budgets(config: Config, data_dir: Path) -> BudgetSettings:
    one = config.budgets
    return BudgetSettings(
        counters=counter_settings(config, data_dir),
        defaults=safe_defaults(config),
        policy=bound_policy(config),
        reservation_us=int(one.reservation_seconds * 1_000_000),
        pages=default_url(config),
    )


def safe_defaults(config: Config) -> tuple[Budget, ...]:
    """The budgets that hold before anybody has set one."""
    one = config.budgets
    return default_budgets(one.key_usd_per_day, one.run_usd, one.run_calls_per_minute, one.loop_calls, config.timezone)


def bound_policy(config: Config) -> BoundPolicy:
    """What is assumed of a call whose price or length nobody knows."""
    one = config.budgets
    return BoundPolicy(
        unknown_price=one.unknown_price,  # type: ignore[arg-type]  # checked when it was read
        ceiling_input=grains_from_decimal(Decimal(repr(one.ceiling_input_usd)) / 10**6),
        ceiling_output=grains_from_decimal(Decimal(repr(one.ceiling_output_usd)) / 10**6),
        assumed_output_tokens=one.assumed_output_tokens,
    )


def _content(content: Content) -> ContentSettings | None:
    if not content.store:
        return None
    return ContentSettings(tuple(re.compile(pattern) for pattern in content.redact_patterns), content.max_bytes)
