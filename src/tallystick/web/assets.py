"""The static files: read once, compressed once, served with names that change with their content."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tallystick.kernel.errors import NotFound

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    packed: bytes
    kind: str
    mark: str


@cache
def assets() -> dict[str, Asset]:
    """All static files by name; nothing else can be asked for."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        content = path.read_bytes()
        mark = sha256(content).hexdigest()[:12]
        found[path.name] = Asset(content, gzip.compress(content, 9, mtime=0), _TYPES[path.suffix], mark)
    return found


def asset_url(name: str) -> str:
    """Where a page loads a file from; a new content is a new address."""
    return f"/static/{name}?v={assets()[name].mark}"


def serve_asset(request: Request, path: str) -> Response:
    """One file; with the right mark in its address it may be kept for a year.

    Raises:
        NotFound: No such file.
    """
    asset = assets().get(path)
    if asset is None:
        raise NotFound("there is no such file", where=request.url.path)
    fresh = request.query_params.get("v") == asset.mark
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if fresh else "public, max-age=300",
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "content-encoding": "gzip"}, media_type=asset.kind)
    return Response(asset.content, headers=headers, media_type=asset.kind)
