"""Exchange rates: import a file of this machine, set one, list them."""

from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import day_start, rfc3339
from tallystick.operations.manage_currency import RatesKept, import_rates, list_rates, set_rate
from tallystick.pricing.currency import ExchangeRate

router = APIRouter(prefix="/api/v1/currency", tags=["currency"])
MOST_REJECTED = 1000


class RateBody(BaseModel):
    """So many of `to` are one of `from_`, from a day on; the rate is a decimal as text."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    rate: str
    date: str
    source: str = ""


class FileBody(BaseModel):
    """A file on this machine."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str
    source: str = ""


@router.get("/rates")
def get_rates(asked: Asked) -> dict[str, Any]:
    """Rates in force on the day ``at``; without it all there are, ``from`` and ``to`` only of that currency.

    ``known`` is a day: the table as it was known when that day began.
    """
    check_params(asked.request, ["at", "known", "from", "to"])
    params = asked.request.query_params
    known = _day(params.get("known", ""), "known")
    found = list_rates(
        asked.context,
        _day(params.get("at", ""), "at"),
        None if known is None else day_start(known, asked.context.zone),
    )
    base, quote = params.get("from", "").upper(), params.get("to", "").upper()
    return {"rates": [rate_to_wire(one) for one in found if base in {"", one.base} and quote in {"", one.quote}]}


@router.post("/rates")
def post_rate(asked: Asked, body: RateBody) -> dict[str, Any]:
    """Set one rate, from its day until the pair's next."""
    check_params(asked.request, [])
    words = (body.from_, body.to, body.date, body.rate)
    return kept_to_wire(set_rate(asked.context, words, body.source, asked.principal))


@router.post("/import")
def post_import(asked: Asked, body: FileBody) -> dict[str, Any]:
    """Read a file of rates; lines that give none come back with what to do about them."""
    check_params(asked.request, [])
    found = import_rates(asked.context, Path(body.path), body.source.strip(), asked.principal)
    rejected = found.file.rejected
    return {
        "shape": found.file.shape,
        **kept_to_wire(found.kept),
        "absent": found.file.absent,
        "rejected": len(rejected),
        "rejections": [
            {"line": one.line, "why": one.why, "next_step": one.next_step} for one in rejected[:MOST_REJECTED]
        ],
    }


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f'"{text[:40]}" is no day', where=name, next_steps=["write it as 2026-11-23"]) from None


def kept_to_wire(kept: RatesKept) -> dict[str, Any]:
    """What became of rates, as JSON."""
    return {
        "new": kept.new,
        "changed": kept.changed,
        "same": kept.same,
        "pairs": [{"from": base, "to": quote, "rates": count} for base, quote, count in kept.pairs],
        "first": None if kept.first is None else str(kept.first),
        "last": None if kept.last is None else str(kept.last),
    }


def rate_to_wire(one: ExchangeRate) -> dict[str, Any]:
    """A rate as JSON: exact decimal text."""
    return {
        "from": one.base,
        "to": one.quote,
        "date": str(one.on),
        "rate": f"{one.rate:f}",
        "source": one.source,
        "known_since": rfc3339(one.known_since),
    }
