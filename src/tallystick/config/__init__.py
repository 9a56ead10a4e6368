"""The configuration: one TOML file, one dataclass tree, and the only reader of the environment."""

from tallystick.config.load import data_dir, environment, load_config
from tallystick.config.model import (
    CATALOGUE,
    Budgets,
    Config,
    Content,
    Gateway,
    Notify,
    Prices,
    Provider,
    ProviderKey,
    Retention,
    Server,
)

__all__ = [
    "CATALOGUE",
    "Budgets",
    "Config",
    "Content",
    "Gateway",
    "Notify",
    "Prices",
    "Provider",
    "ProviderKey",
    "Retention",
    "Server",
    "data_dir",
    "environment",
    "load_config",
]
