"""Names of a provider's ids: read once a day beside its bills, kept for good, joined when figures are shown.

Lines hold ids alone, so that a name that changes splits no history and makes no new load.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tallystick.connectors.kept import Source
from tallystick.connectors.store import read_names, write_names
from tallystick.kernel.period import DAY_US
from tallystick.operations.connect_source import Secrets
from tallystick.operations.context import Context
from tallystick.ports import Connector, Directory, SourceFailed


@dataclass(frozen=True, slots=True)
class NamesRead:
    """How the names of a source were read last.

    Attributes:
        at: When, whatever came of it.
        names: Given then.
        error: Why not all were; figures are shown with ids where a name is not known.
    """

    at: int
    names: int = 0
    error: str = ""


def refresh_names(context: Context, source: Source, connector: Connector, secrets: Secrets, now_us: int) -> None:
    """Read the names of a source that has any; a failure is remembered with what came before it, and stops nothing."""
    if not isinstance(connector, Directory):
        return
    found: list[tuple[str, str, str]] = []
    error = ""
    try:
        found.extend((one.kind, one.id, one.name) for one in connector.names())
    except SourceFailed as failed:
        error = secrets.without(failed.reason)
    except Exception as broken:  # noqa: BLE001 - another package's code may fail in any way; bills go on without names
        error = secrets.without(f"the connector broke ({type(broken).__name__}: {broken})")
    with context.config_db.transaction():
        write_names(context.config_db, source.account, found, now_us)
        done = NamesRead(now_us, len(found), error)
        context.config_db.write_setting(_setting(source.name), json.dumps(asdict(done)))


def names_due(context: Context, source: str, now_us: int) -> bool:
    """Whether a day has passed since they were asked for."""
    last = names_read(context, source)
    return last is None or now_us - last.at >= DAY_US


def names_read(context: Context, source: str) -> NamesRead | None:
    """How the names of a source were read last; None where they never were."""
    text = context.config_db.read_setting(_setting(source))
    return NamesRead(**json.loads(text)) if text else None


def names_of(context: Context, account: str) -> Mapping[tuple[str, str], str]:
    """What the ids of a provider account are called: (`credential_id`, id) to the newest name."""
    return read_names(context.config_db, account)


def _setting(source: str) -> str:
    return f"names:{source}"
