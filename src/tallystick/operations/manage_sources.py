"""Sources: add, list, remove. Secrets are referred to and never stored."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from tallystick.bills.store import list_loads
from tallystick.connectors.kept import Source
from tallystick.connectors.registry import Kinds
from tallystick.connectors.store import list_sources, write_source
from tallystick.kernel.errors import Conflict, NotFound, TallyError, UsageError
from tallystick.kernel.ids import new_id
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.org.model import Principal
from tallystick.ports import Setup, SourceFailed, SourceKind

_OPERATOR = Principal("operator", "admin", local=True)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*")


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source as a person describes it.

    Attributes:
        account: Our name of the provider account, that of the metered charges it bills; empty is the source's name.
        secrets: Option → `env:NAME` or `file:PATH`.
    """

    kind: str
    name: str
    account: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    backfill_days: int = 92
    every_minutes: int = 60


def add_source(context: Context, kinds: Kinds, new: NewSource, principal: Principal = _OPERATOR) -> Source:
    """Set a source up, or change the one of that name; what it has brought stays. Nothing is fetched yet.

    Raises:
        UsageError: The kind, an option or a reference makes no sense.
        Conflict: The name is that of another kind or account of before.
    """
    kind = _kind(kinds, new.kind)
    _check_words(new)
    _check_options(kind, new)
    _check_made(kind, new)
    account = new.account or new.name
    with context.config_db.transaction():
        before = [one for one in list_sources(context.config_db, removed=True) if one.name == new.name]
        other = next((one for one in before if (one.kind, one.account) != (new.kind, account)), None)
        if other is not None and list_loads(context.config_db, new.name, all_of_them=True):
            raise Conflict(
                f'"{new.name}" is or was a source of kind {other.kind}, account {other.account}, and has lines of its own',
                next_steps=["choose another name"],
            )
        known = before[-1] if before else None
        at = now_us()
        made = Source(
            source_id=known.source_id if known else new_id("src", at),
            name=new.name,
            kind=new.kind,
            account=account,
            options=dict(new.options),
            secrets=dict(new.secrets),
            backfill_days=new.backfill_days,
            every_minutes=new.every_minutes,
            created_at=known.created_at if known else at,
        )
        write_source(context.config_db, made)
        record(context, principal.name, "set source", f"{made.name} ({made.kind}, account {account})")
    return made


def remove_source(context: Context, name: str, principal: Principal = _OPERATOR) -> Source:
    """Stop fetching a source; what it has brought stays and counts.

    Raises:
        NotFound: No such source.
    """
    with context.config_db.transaction():
        gone = replace(find_source(context, name), deleted_at=now_us())
        write_source(context.config_db, gone)
        record(context, principal.name, "remove source", name)
    return gone


def find_source(context: Context, name: str) -> Source:
    """The source of a name.

    Raises:
        NotFound: There is none.
    """
    found = next((one for one in list_sources(context.config_db) if one.name == name), None)
    if found is None:
        raise NotFound(f'no source "{name}"', next_steps=["tally sources list", "tally sources add KIND NAME …"])
    return found


def remember_streams(context: Context, name: str, streams: Collection[str]) -> None:
    """Remember which streams a source reads as it is set up now."""
    if set(streams) != streams_of(context, name):
        with context.config_db.transaction():
            context.config_db.write_setting(f"streams:{name}", json.dumps(sorted(streams)))


def streams_of(context: Context, name: str) -> set[str]:
    """The streams that a source read when it was asked last; empty where it never was."""
    text = context.config_db.read_setting(f"streams:{name}")
    return set(json.loads(text)) if text else set()


def set_up_sources(context: Context) -> list[Source]:
    """All that are set up, by name."""
    return list_sources(context.config_db)


def _kind(kinds: Kinds, name: str) -> SourceKind:
    kind = kinds.known.get(name)
    if kind is not None:
        return kind
    why = kinds.broken.get(name)
    raise UsageError(
        f"the kind {name} cannot be used: {why}" if why else f'no kind of source is called "{name}"',
        next_steps=[f"known: {', '.join(sorted(kinds.known)) or 'none'}", "tally sources kinds"],
    )


def _check_words(new: NewSource) -> None:
    if not _NAME.fullmatch(new.name):
        raise UsageError(
            f'"{new.name}" cannot be a name', next_steps=["use letters, digits, dots, hyphens, underscores; 64 at most"]
        )
    if len(new.account) > 200 or not new.account.isprintable():
        raise UsageError("the account is no name of one line", next_steps=["--account openai"])
    if not 1 <= new.backfill_days <= 3660:
        raise UsageError(f"{new.backfill_days} days cannot be read back", next_steps=["give 1 to 3660 days"])
    if not 5 <= new.every_minutes <= 7 * 24 * 60:
        raise UsageError(f"every {new.every_minutes} minutes is too much or too little", next_steps=["give 5 to 10080"])


def _check_options(kind: SourceKind, new: NewSource) -> None:
    plain = {option.name for option in kind.options if not option.secret}
    secret = {option.name for option in kind.options if option.secret}
    for name in new.options:
        if name in secret:
            raise UsageError(
                f"{name} is a secret", next_steps=[f"--secret {name}=env:NAME", f"--secret {name}=file:PATH"]
            )
        if name not in plain:
            raise UsageError(f'{kind.kind} has no option "{name}"', next_steps=[_known(plain)])
    for name, reference in new.secrets.items():
        if name not in secret:
            raise UsageError(f'{kind.kind} has no secret "{name}"', next_steps=[_known(secret)])
        if not _REFERENCE.fullmatch(reference):
            # What was given may be the secret itself, so it is not repeated.
            raise UsageError(
                f"{name} must say where the secret is, not what it is: nothing was stored",
                next_steps=[f"put it into a variable of the server and give --secret {name}=env:NAME",
                            f"or into a file and give --secret {name}=file:PATH"],
            )  # fmt: skip
    given = {*new.options, *new.secrets}
    missing = [one for one in kind.options if one.needed and not one.default and one.name not in given]
    if missing:
        one = missing[0]
        flag = f"--secret {one.name}=env:NAME" if one.secret else f"--option {one.name}=…"
        raise UsageError(f"{kind.kind} needs {one.name}: {one.title}", next_steps=[flag])


class _Unread(Exception):
    """A connector wanted a secret when it was made; nobody reads one to set a source up."""


def _check_made(kind: SourceKind, new: NewSource) -> None:
    """Whether a connector can be made from the options, so that the mistake is told now and not when it is read."""

    def secret(name: str) -> str:
        raise _Unread(name)

    defaults = {option.name: option.default for option in kind.options if option.default and not option.secret}
    try:
        kind.connect(Setup(new.name, new.account or new.name, defaults | dict(new.options), secret, now_us))
    except _Unread:
        return
    except TallyError as error:
        raise UsageError(error.what, where=error.where, next_steps=error.next_steps) from None
    except SourceFailed as error:
        raise UsageError(error.reason) from None
    except Exception as error:
        raise UsageError(f"{kind.kind} cannot be made from these options: {type(error).__name__}: {error}") from error


def _known(names: set[str]) -> str:
    return f"known: {', '.join(sorted(names)) or 'none'}"
