"""The price book: what holds, what held, and how a model's name is matched."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import day_start
from tallystick.operations.explain_price import (
    agreed_to_wire,
    card_to_wire,
    explain_contracts,
    explain_price,
    explanation_to_wire,
    list_prices,
)
from tallystick.org.authorize import may

router = APIRouter(prefix="/api/v1/prices", tags=["prices"])


@router.get("")
def get_prices(asked: Asked) -> dict[str, Any]:
    """Cards in force, of names that contain ``search`` and ``provider``; with ``history=1`` all there ever were.

    ``known`` is a day: the book as it was known when that day began.
    """
    check_params(asked.request, ["search", "provider", "at", "history", "known"])
    params = asked.request.query_params
    cards = list_prices(
        asked.context,
        provider=params.get("provider", ""),
        model=params.get("search", ""),
        at_us=_instant(asked.request, asked.context.zone),
        history=_switch(asked.request, "history"),
        known_us=_instant(asked.request, asked.context.zone, "known"),
    )
    return {"prices": [card_to_wire(card) for card in cards]}


@router.get("/explain")
def get_explanation(asked: Asked) -> dict[str, Any]:
    """How a name is matched, all cards of the model it arrives at, and what contracts make of them.

    Contracts are for those who may read the whole installation's.
    """
    check_params(asked.request, ["model", "provider", "at"])
    params = asked.request.query_params
    if not params.get("model"):
        raise UsageError('"model" is missing', where="/api/v1/prices/explain", next_steps=["?model=gpt-4o"])
    at_us = _instant(asked.request, asked.context.zone)
    found = explain_price(asked.context, model=params["model"], provider=params.get("provider", ""), at_us=at_us)
    if not may(asked.principal, "instance"):
        return explanation_to_wire(found)
    return agreed_to_wire(found, explain_contracts(asked.context, found))


def _switch(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "0")
    if text not in {"0", "1"}:
        raise UsageError(f'"{name}" can only be 0 or 1', where=request.scope["path"])
    return text == "1"


def _instant(request: Request, zone: str, name: str = "at") -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        return day_start(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        raise UsageError("this is no day", where=name, next_steps=["write it as 2026-11-23"]) from None
