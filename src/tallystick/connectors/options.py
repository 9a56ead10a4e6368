"""Options of a source that several kinds have: switches, and the address of an API. Pure."""

from collections.abc import Mapping

from tallystick.kernel.errors import ConfigError

_WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def is_on(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A switch.

    Raises:
        ConfigError: It is neither on nor off.
    """
    text = options.get(name, "").strip()
    if not text:
        return default
    found = _WORDS.get(text.lower())
    if found is None:
        raise ConfigError(f"{name} is {text[:40]!r}; write on or off", where=name)
    return found


def address(options: Mapping[str, str], default: str, name: str = "base_url") -> str:
    """Where an API is, without a slash at its end.

    Raises:
        ConfigError: It is no address of a host.
    """
    text = (options.get(name, "").strip() or default).rstrip("/")
    scheme, found, rest = text.partition("://")
    if scheme.lower() not in {"https", "http"} or not found or not rest.partition("/")[0]:
        raise ConfigError(f"{name} begins with https:// or http:// and names a host", where=name,
                          next_steps=[f"such as {default}"])  # fmt: skip
    return text
