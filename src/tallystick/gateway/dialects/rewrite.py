"""Changing one member of a JSON body and leaving all others byte for byte as they came."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects.reading import decode

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def with_members(body: bytes, values: Mapping[str, object]) -> bytes:
    """The object with these members set; None takes a member out.

    >>> with_members(b'{"model": "a", "n": 1}', {"model": "b", "n": None, "max_tokens": 5})
    b'{"model":"b","max_tokens":5}'
    """
    fields = decode(_MEMBERS, body) or {}
    for name, value in values.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = Raw(msgspec.json.encode(value))
    return msgspec.json.encode(fields)


def has_member(body: bytes, name: str) -> bool:
    """Whether the object has a member that is not null."""
    value = (decode(_MEMBERS, body) or {}).get(name)
    return value is not None and bytes(value) != b"null"


def member_in(body: bytes, name: str, inner: str, value: object) -> bytes:
    """The object with one member of a nested object set; the nested object is made where it is missing."""
    fields = decode(_MEMBERS, body) or {}
    nested = decode(_MEMBERS, fields[name]) if name in fields else None
    nested = {**(nested or {}), inner: Raw(msgspec.json.encode(value))}
    return with_members(body, {name: nested})
