"""Forget a person: their rows stay as usage and cost, without anything that leads to them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.bills.store import clear_principals, list_principal_pages
from tallystick.connectors.store import find_page
from tallystick.kernel.errors import UsageError
from tallystick.kernel.ids import fingerprint
from tallystick.ledger.store import clear_user, count_user, delete_content_of
from tallystick.operations.audit import record
from tallystick.operations.context import Context
from tallystick.operations.drop_pages import drop_pages
from tallystick.org.model import Principal

_MEANT = "FROM provider_name WHERE kind = 'principal' AND (id = :user OR name = :user)"


@dataclass(frozen=True, slots=True)
class Erased:
    """What there was of a person.

    Attributes:
        rows: Events that were emptied of what is personal.
        contents: Prompts and answers that were deleted.
        lines: Lines of bills and reports that were emptied of what is personal.
        names: Names of the person's ids at providers that were deleted.
        pages: Files, under the data directory, of the kept pages that those lines came on. They still name the
            person: they are a source's own words, held by their checksum, and are the operator's to delete.
        dropped: Those of them that were deleted.
    """

    rows: int
    contents: int
    lines: int = 0
    names: int = 0
    pages: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def erase_user(
    context: Context, user: str, principal: Principal, *, dry_run: bool = False, with_pages: bool = False
) -> Erased:
    """Empty user, customer, conversation, run, tags and every id in a user's rows, delete what they said.

    In lines of bills the person goes too, and the names of their ids at providers. Totals do not change, and doing
    it again finds nothing. Erasing is the one exception to append only, and lands in the audit log under a keyed
    fingerprint of the name.

    Args:
        context: The instance.
        user: Exactly as the rows have it: of an event, or a person's id or name at a provider.
        principal: Who asks; for the audit log.
        dry_run: Only count.
        with_pages: Delete the kept pages too; what was loaded from them stands.

    Raises:
        UsageError: No name was given: rows without a user are nobody's.
        Unavailable: A page cannot be deleted; erasing again goes on.
    """
    if not user.strip():
        raise UsageError("whose rows?", where="user", next_steps=["name the user exactly as the rows have it"])
    meant = context.config_db.rows(f"SELECT id {_MEANT}", {"user": user})
    ids = sorted({user, *(str(one) for (one,) in meant)})
    if dry_run:
        found = list_principal_pages(context.ledger, ids)
        rows, contents = count_user(context.ledger, user)
        return Erased(rows, contents, *_billed(context, found, len(meant)))
    # Content first: once the rows are empty, only its own copy of the name leads to it. Names last: they lead to ids.
    contents = delete_content_of(context.ledger, user)
    rows = clear_user(context.ledger, user)
    known_as = fingerprint(context.secret, user.encode())
    # Pages before lines, which alone lead to them.
    dropped = _files(context, list_principal_pages(context.ledger, ids)) if with_pages else ()
    drop_pages(context, dropped, principal.name, f"{known_as} erased")
    done = Erased(rows, contents, *_billed(context, clear_principals(context.ledger, ids), len(meant)), dropped)
    detail = f"{known_as}: {done.rows} rows, {done.contents} contents"
    detail += f", {done.lines} lines of bills, {done.names} names" if done.lines or done.names else ""
    with context.config_db.transaction():
        context.config_db.execute(f"DELETE {_MEANT}", {"user": user})
        record(context, principal.name, "erase user", detail)
    return done


def _billed(context: Context, pages: Sequence[tuple[str, int]], names: int) -> tuple[int, int, tuple[str, ...]]:
    """Lines, names, and the files of the pages that hold the lines."""
    return sum(lines for _, lines in pages), names, _files(context, pages)


def _files(context: Context, pages: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    kept = (find_page(context.config_db, page) for page, _ in pages if page)
    return tuple(sorted({one.file for one in kept if one is not None and one.file}))
