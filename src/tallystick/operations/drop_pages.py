"""Delete kept pages for good. What was loaded from them stands, and they are not fetched again of themselves."""

from collections.abc import Sequence

from tallystick.connectors.store import forget_files
from tallystick.kernel.errors import Unavailable
from tallystick.operations.audit import record
from tallystick.operations.context import Context


def drop_pages(context: Context, files: Sequence[str], who: str, why: str) -> None:
    """Delete the files of kept pages, and remember of each that it was dropped, not lost.

    Args:
        context: The instance.
        files: Of `KeptPage`; one may hold the same page of several slices.
        who: Asks for it; for the audit log.
        why: For the audit log; holds no name of a person.

    Raises:
        Unavailable: A file cannot be deleted; doing it again goes on.
    """
    if not files:
        return
    for name in files:
        path = context.data_dir / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"a kept page cannot be deleted: {error.strerror or error}",
                where=str(path),
                next_steps=("check the owner of the data directory, and do it again",),
            ) from error
    with context.config_db.transaction():
        sources = forget_files(context.config_db, files)
        record(context, who, "drop pages", f"{why}: {len(files)} pages of {', '.join(sources)}")
