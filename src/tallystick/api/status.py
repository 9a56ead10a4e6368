"""What is in this instance and how fresh it is."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.period import rfc3339
from tallystick.operations.list_sources import list_sources

router = APIRouter(prefix="/api/v1", tags=["sources"])


@router.get("/status")
def get_status(asked: Asked) -> dict[str, Any]:
    """Version, rows, the latest row, what is not in the ledger yet, and whatever the server adds."""
    check_params(asked.request, [])
    sources, services = list_sources(asked.context), asked.services
    latest = max((source.last_at for source in sources if source.last_at is not None), default=None)
    return {
        "version": services.version,
        "demo": asked.context.demo,
        "zone": asked.context.zone,
        "events": sum(source.events for source in sources),
        "last_event_at": None if latest is None else rfc3339(latest),
        "pending": services.pending(),
        "ready": services.ready(),
        "prices": sum(1 for card in services.book().cards if card.withdrawn_at is None),
        **services.facts(),
    }
