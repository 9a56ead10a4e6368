"""The price override file: TOML with `[[price]]` tables (the entries: `tallystick.pricing.override`)."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

from tallystick.kernel.errors import ConfigError
from tallystick.pricing.override import Override, parse_override

_HEADER = re.compile(r"^\s*\[\[\s*[\"']?price[\"']?\s*\]\]")


def read_overrides(path: Path) -> list[Override]:
    """All entries of the file.

    Raises:
        ConfigError: The file cannot be read, or an entry of it cannot be used; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "the price override file does not exist", where=str(path), next_steps=["check [prices] override"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the price override file cannot be read: {error}", where=str(path)) from None
    return parse_overrides(text, str(path))


def parse_overrides(text: str, where: str) -> list[Override]:
    """All entries of a file's text."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=where) from None
    for name in raw:
        if name != "price":
            raise ConfigError(f'unknown entry "{name}"; did you mean [[price]]?', where=where)
    entries = raw.get("price", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError("prices are [[price]] tables, with two brackets", where=where)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if _HEADER.match(line)]
    if len(lines) != len(entries):
        lines = [0] * len(entries)
    return [_parse(entry, text, line, where) for entry, line in zip(entries, lines, strict=True)]


def _parse(entry: dict[str, object], text: str, line: int, where: str) -> Override:
    place = f"{where}:{line}" if line else where
    try:
        return parse_override(entry, place)
    except ConfigError as error:
        exact = _line_of(error.what, entry, text, line)
        if exact is None:
            raise
        raise ConfigError(error.what, where=f"{where}:{exact}", next_steps=error.next_steps) from None


def _line_of(what: str, entry: dict[str, object], text: str, line: int) -> int | None:
    """The line of the entry that the message speaks of, where it can be told."""
    if not line:
        return None
    body = text.splitlines()[line:]
    for offset, content in enumerate(body, start=line + 1):
        if _HEADER.match(content):
            return None
        name = content.partition("=")[0].strip().strip("\"'")
        if name in entry and (what.startswith(f"{name} =") or f'"{name}"' in what):
            return offset
    return None
