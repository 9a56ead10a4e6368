"""Which sources are to be asked now, so that bills come without anybody asking for them."""

from tallystick.connectors.store import list_sources
from tallystick.operations.connect_source import Secrets, Sources, connect
from tallystick.operations.context import Context
from tallystick.operations.sync_source import Wanted, due_windows
from tallystick.ports import SourceFailed

_ON_TIME = Wanted()


def due_sources(context: Context, sources: Sources) -> list[str]:
    """Names of the sources of which a slice is due, by name; a kind that cannot be used is left to who asks by hand."""
    found = []
    for source in list_sources(context.config_db):
        try:
            streams = list(connect(sources, source, Secrets(source.secrets, sources.environment)).streams)
        except SourceFailed:
            if "" not in source.stopped:
                found.append(source.name)  # the sync remembers why, once
            continue
        if due_windows(context, source, streams, _ON_TIME, sources.clock()):
            found.append(source.name)
    return found
