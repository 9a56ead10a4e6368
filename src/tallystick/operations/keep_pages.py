"""Pages of sources, kept as they came: written before the next is asked for, checked when they are read."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from tallystick.connectors.kept import KeptPage
from tallystick.connectors.store import find_page, write_page
from tallystick.kernel.errors import NotFound
from tallystick.kernel.ids import content_hash, new_id
from tallystick.kernel.period import local_day
from tallystick.operations.context import Context, now_us
from tallystick.ports import Page

# Fetching waits for it, and millions of lines come at once: level 6 saves a fifth of the space for more than twice the
# time. A page is told by the digest of what came, not of its file, so that the level changes nothing of what is kept.
_LEVEL = 1


class PageLost(Exception):
    """A kept page is not there, or not what it was.

    Attributes:
        reason: For people, with the file.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PageDropped(PageLost):
    """A kept page was deleted because a person asked for it: nobody fetches it again of itself.

    Attributes:
        next_step: How to have it again.
    """

    def __init__(self, kept: KeptPage) -> None:
        day = local_day(kept.start_us).isoformat()
        super().__init__("the kept page was dropped; what was loaded from it stands")
        self.next_step = f"`tally sync {kept.source} --since {day}` fetches it anew, with whom the source still names"


def keep_page(context: Context, source: str, page: Page, at_us: int) -> KeptPage:
    """Write a page's file, durably, then its row; the same page again is the same row, seen later."""
    digest = hashlib.sha256(page.body).hexdigest()
    name = f"pages/{content_hash(source.encode())[:12]}/{digest}.gz"
    _write(context.data_dir / name, page.body)
    place = f"{source}\0{page.stream}\0{page.window.start_us}\0{page.number}\0{digest}"
    kept = KeptPage(
        page_id=f"page_{content_hash(place.encode())}",
        source=source,
        stream=page.stream,
        start_us=page.window.start_us,
        end_us=page.window.end_us,
        number=page.number,
        cursor=page.cursor,
        next_cursor=page.next_cursor,
        file=name,
        sha256=digest,
        bytes=len(page.body),
        fetched_at=at_us,
    )
    write_page(context.config_db, kept)
    return kept


def read_page(context: Context, kept: KeptPage) -> bytes:
    """The page as it came.

    Raises:
        PageLost: The file is gone, or holds something else.
        PageDropped: It was deleted for good.
    """
    if not kept.file:
        raise PageDropped(kept)
    path = context.data_dir / kept.file
    try:
        body = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise PageLost(f"the kept page {path} is gone") from None
    except (OSError, EOFError, zlib.error):
        raise PageLost(f"the kept page {path} cannot be read") from None
    if hashlib.sha256(body).hexdigest() != kept.sha256:
        raise PageLost(f"the kept page {path} is not what was fetched")
    return body


def show_page(context: Context, page_id: str) -> tuple[KeptPage, bytes]:
    """A page by its id, as its source gave it.

    Raises:
        NotFound: No page has that id, or its file is not what was kept.
    """
    kept = find_page(context.config_db, page_id)
    if kept is None:
        raise NotFound(f'no page "{page_id[:80]}"', next_steps=("the lines behind a claim name theirs",))
    try:
        return kept, read_page(context, kept)
    except PageLost as lost:
        next_step = lost.next_step if isinstance(lost, PageDropped) else "fetch it again with `tally sync`"
        raise NotFound(lost.reason, next_steps=(next_step,)) from None


def _write(path: Path, body: bytes) -> None:
    """The file whole or not at all, also when power fails; one that is damaged is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(new_id("part", now_us()))
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(gzip.compress(body, _LEVEL, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
