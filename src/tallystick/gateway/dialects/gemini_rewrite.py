"""Another model or another cap in a Gemini request; all else stays as it came."""

import re
from urllib.parse import quote

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects.model import Route
from tallystick.gateway.dialects.reading import decode
from tallystick.gateway.dialects.rewrite import has_member, with_members

_MODEL = re.compile(r"(?P<head>.*/)[^/:]+(?P<tail>(?::|%3[Aa])[A-Za-z]+(?:\?.*)?)")
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_RAWS = msgspec.json.Decoder(list[Raw])


def with_model(path: str, model: str) -> str:
    """The path with another model.

    >>> with_model("/v1beta/models/gemini-a:generateContent", "gemini-b")
    '/v1beta/models/gemini-b:generateContent'
    """
    name = quote(model.removeprefix("models/"), safe="@.-_~")
    return _MODEL.sub(lambda found: found["head"] + name + found["tail"], path, count=1)


def with_model_inside(route: Route, body: bytes, model: str) -> bytes:
    """The body of an embedding request with another model, where it names one beside the path's."""
    value = {"model": f"models/{model.removeprefix('models/')}"}
    if route.format == "embed" and has_member(body, "model"):
        return with_members(body, value)
    if route.format != "batch_embed":
        return body
    requests = decode(_RAWS, (decode(_MEMBERS, body) or {}).get("requests", Raw())) or []
    renamed = [
        Raw(with_members(bytes(one), value) if has_member(bytes(one), "model") else bytes(one)) for one in requests
    ]
    return with_members(body, {"requests": renamed}) if requests else body


def with_cap(body: bytes, max_tokens: int) -> bytes:
    """The body with the cap of each answer set, under the names that the request uses.

    >>> with_cap(b'{"contents": [], "generationConfig": {"topK": 2, "maxOutputTokens": 9000}}', 50)
    b'{"contents":[],"generationConfig":{"topK":2,"maxOutputTokens":50}}'
    """
    fields = decode(_MEMBERS, body) or {}
    outer = "generation_config" if "generation_config" in fields else "generationConfig"
    nested = bytes(fields.get(outer, Raw(b"{}")))
    names = ("maxOutputTokens", "max_output_tokens")
    given = [name for name in names if name in (decode(_MEMBERS, nested) or {})] or [names[0]]
    return with_members(body, {outer: Raw(with_members(nested, dict.fromkeys(given, max_tokens)))})
