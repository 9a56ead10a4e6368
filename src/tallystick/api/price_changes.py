"""Prices of one's own, contracts, scenarios and re-rating."""

import re
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.api.stream import Report, ndjson
from tallystick.kernel.errors import UsageError
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import DAY_US, day_start, rfc3339
from tallystick.operations.context import now_us
from tallystick.operations.find_prices import find_prices, finding_to_wire, list_findings
from tallystick.operations.import_price_list import (
    forget_price_list,
    import_price_list,
    list_price_lists,
    price_list_to_wire,
)
from tallystick.operations.manage_prices import (
    Entry,
    compare_prices,
    list_contracts,
    list_entries,
    remove_contract,
    set_contracts,
    set_price,
    unset_price,
)
from tallystick.operations.rerate import Rerating, Shift, rerate
from tallystick.operations.simulate_prices import Effect, Simulation, not_covered, simulate_prices, totals, whole
from tallystick.pricing.contract import Contract
from tallystick.pricing.diff import Difference
from tallystick.pricing.revise import HUNDRED_PERCENT
from tallystick.pricing.scenario import parse_scenario

router = APIRouter(prefix="/api/v1/prices", tags=["prices"])
MOST_DIFFERENCES = 5000


class PriceBody(BaseModel):
    """A price as an override file has it: provider, model, from, input, output …"""

    model_config = ConfigDict(extra="forbid", strict=True)

    price: dict[str, Any]


class ContractsBody(BaseModel):
    """Contracts as a file has them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contract: list[dict[str, Any]]


class ListBody(BaseModel):
    """The absolute path of a price list that somebody publishes; kept under `source`, else under its shape."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str
    source: str = ""


class SimulateBody(BaseModel):
    """A scenario, and the usage it is played over: a number of days (`30d`) or from a day.

    With `progress` the answer is lines of ``{"progress": …}``, then one of ``{"result": …}``.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: dict[str, Any]
    since: str = "30d"
    progress: bool = False


class RerateBody(BaseModel):
    """Days to re-rate: `since` in, `until` out; `post` writes the adjustments that are else only shown."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: str
    until: str = ""
    post: bool = False


@router.get("/entries")
def get_entries(asked: Asked) -> dict[str, Any]:
    """Prices that were set."""
    check_params(asked.request, [])
    return {"entries": [_entry(one) for one in list_entries(asked.context)]}


@router.post("/entries")
def post_entry(asked: Asked, body: PriceBody) -> dict[str, Any]:
    """Set a price; it holds for the next call."""
    check_params(asked.request, [])
    return _entry(set_price(asked.context, body.price, asked.principal))


@router.delete("/entries")
def delete_entry(asked: Asked) -> dict[str, Any]:
    """Take back what was set of a model."""
    check_params(asked.request, ["provider", "model"])
    params = asked.request.query_params
    gone = unset_price(asked.context, params.get("provider", ""), params.get("model", ""), asked.principal)
    return {"entries": [_entry(one) for one in gone]}


@router.get("/contracts")
def get_contracts(asked: Asked) -> dict[str, Any]:
    """Contracts in force."""
    check_params(asked.request, [])
    return {"contracts": [contract_to_wire(one) for one in list_contracts(asked.context)]}


@router.post("/contracts")
def post_contracts(asked: Asked, body: ContractsBody) -> dict[str, Any]:
    """Make or replace contracts, all or none."""
    check_params(asked.request, [])
    made = set_contracts(asked.context, body.contract, asked.principal)
    return {"contracts": [contract_to_wire(one) for one in made]}


@router.delete("/contracts/{name}")
def delete_contract(asked: Asked, name: str) -> dict[str, Any]:
    """End a contract."""
    check_params(asked.request, [])
    remove_contract(asked.context, name, asked.principal)
    return {"name": name}


@router.get("/diff")
def get_diff(asked: Asked) -> dict[str, Any]:
    """What changed from day ``a`` to day ``b``; with ``known=1`` what the book learned between them."""
    check_params(asked.request, ["a", "b", "known"])
    params, zone = asked.request.query_params, asked.context.zone
    first, second = (_day(params.get(name, ""), name, zone) for name in ("a", "b"))
    found = compare_prices(asked.context, first, second, known=params.get("known") == "1")
    return {"differences": [_difference(one) for one in found[:MOST_DIFFERENCES]], "count": len(found)}


@router.get("/lists")
def get_lists(asked: Asked) -> dict[str, Any]:
    """Second opinions that are kept: lists that price no call and are held against the book."""
    check_params(asked.request, [])
    return {"lists": [price_list_to_wire(one) for one in list_price_lists(asked.context)]}


@router.post("/lists")
def post_list(asked: Asked, body: ListBody) -> dict[str, Any]:
    """Keep a list as a second opinion, in place of the one of its name, and look over the book."""
    check_params(asked.request, [])
    kept = import_price_list(asked.context, Path(body.path), source=body.source, principal=asked.principal)
    find_prices(asked.context)
    found = kept.comparison
    return {
        "list": price_list_to_wire(kept.price_list),
        "changed": kept.changed,
        "compared": found.compared,
        "apart": len(found.apart),
        "not_in_book": found.missing,
    }


@router.delete("/lists/{name}")
def delete_list(asked: Asked, name: str) -> dict[str, Any]:
    """Keep a list no longer."""
    check_params(asked.request, [])
    forget_price_list(asked.context, name, asked.principal)
    find_prices(asked.context)
    return {"name": name}


@router.get("/findings")
def get_findings(asked: Asked) -> dict[str, Any]:
    """What is doubtful about prices, as of the last look."""
    check_params(asked.request, [])
    return {
        "findings": [
            {**finding_to_wire(one.finding), "found_at": rfc3339(one.found_at), "seen_at": rfc3339(one.seen_at)}
            for one in list_findings(asked.context)
        ]
    }


@router.post("/check")
def post_check(asked: Asked) -> dict[str, Any]:
    """Look over the book now."""
    check_params(asked.request, [])
    return {"findings": [finding_to_wire(one) for one in find_prices(asked.context)]}


@router.post("/simulate", response_model=None)
def post_simulate(asked: Asked, body: SimulateBody) -> dict[str, Any] | StreamingResponse:
    """Replay real usage under other prices."""
    check_params(asked.request, [])
    scenario = parse_scenario(body.scenario, "the scenario")
    end = now_us()
    start = _since(body.since, end, asked.context.zone)
    if not body.progress:
        return simulation_to_wire(simulate_prices(asked.context, scenario, start_us=start, end_us=end))

    def work(report: Report) -> dict[str, Any]:
        def progress(done: int, total: int) -> None:
            report({"progress": {"done": done, "total": total}})

        found = simulate_prices(asked.context, scenario, start_us=start, end_us=end, on_progress=progress)
        return {"result": simulation_to_wire(found)}

    return StreamingResponse(ndjson(work), media_type="application/x-ndjson")


@router.post("/rerate")
def post_rerate(asked: Asked, body: RerateBody) -> dict[str, Any]:
    """What the book of now makes of calls already rated; with ``post`` adjustments are written."""
    check_params(asked.request, [])
    zone = asked.context.zone
    end = _day(body.until, "until", zone) if body.until else now_us()
    start = _since(body.since, end, zone)
    if not body.post:
        return rerating_to_wire(rerate(asked.context, start_us=start, end_us=end))
    with asked.services.writing():
        return rerating_to_wire(rerate(asked.context, start_us=start, end_us=end, post=True, principal=asked.principal))


def _since(text: str, end_us: int, zone: str) -> int:
    if re.fullmatch(r"[1-9]\d{0,3}d", text, re.ASCII):
        return end_us - int(text[:-1]) * DAY_US
    start = _day(text, "since", zone)
    if start >= end_us:
        raise UsageError("the period ends before it begins", where="since")
    return start


def _day(text: str, name: str, zone: str) -> int:
    try:
        return day_start(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        raise UsageError(f'"{text}" is no day', where=name, next_steps=["write it as 2026-11-23, or 30d"]) from None


def _entry(one: Entry) -> dict[str, Any]:
    return {"id": one.entry_id, "price": dict(one.body), "by": one.who, "at": rfc3339(one.at_us)}


def contract_to_wire(one: Contract) -> dict[str, Any]:
    """A contract as JSON."""
    return {
        "id": one.contract_id,
        "name": one.name,
        "provider": one.provider,
        "model": one.model,
        "service_tier": one.service_tier,
        "from": rfc3339(one.start_us) if one.start_us else None,
        "to": None if one.end_us is None else rfc3339(one.end_us),
        "discount_percent": (HUNDRED_PERCENT - one.factor) / 10_000,
        "fixed_prices": len(one.fixed),
        "terms": dict(one.wire),
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "provider": one.provider,
        "model": one.model,
        "service_tier": one.service_tier,
        "region": one.region,
        "above_input_tokens": max(one.above, 0),
        "meter": one.meter,
        "before": _money(one.before),
        "after": _money(one.after),
        "percent": None if one.percent is None else round(one.percent, 2),
    }


def _money(grains: int | None) -> str | None:
    return None if grains is None else text_from_grains(grains)


def simulation_to_wire(found: Simulation) -> dict[str, Any]:
    """A simulation as JSON: all usage by currency, what of it is not covered, for each dimension its groups.

    `not_covered` are models with tokens that have no price before or after; `calls` are all of the model's.
    """
    return {
        "name": found.scenario.name,
        "from": rfc3339(found.start_us),
        "to": rfc3339(found.end_us),
        "changes_without_usage": list(found.idle),
        "changes_as_if_in_force": list(found.as_if),
        "total": [_effect(one) for one in whole(found)],
        "months": [_effect(one) for one in whole(found, by_month=True)],
        "not_covered": [
            {
                "model": one.value,
                "calls": one.calls,
                "tokens_before": one.unpriced_before,
                "tokens_after": one.unpriced_after,
            }
            for one in not_covered(found)
        ],
        "by": {
            name: {"total": [_effect(one) for one in totals(effects)], "months": [_effect(one) for one in effects]}
            for name, effects in found.effects.items()
        },
    }


def _effect(one: Effect) -> dict[str, Any]:
    known = one.before is not None and one.after is not None
    return {
        "value": one.value,
        **({"month": one.month} if one.month else {}),
        "currency": one.currency,
        "before": _money(one.before),
        "after": _money(one.after),
        "change": _money((one.after or 0) - (one.before or 0)) if known else None,
        "calls": one.calls,
        "unpriced_tokens_before": one.unpriced_before,
        "unpriced_tokens_after": one.unpriced_after,
    }


def rerating_to_wire(found: Rerating) -> dict[str, Any]:
    """A re-rating as JSON; `posted` says whether adjustments were written."""
    groups = sorted(found.groups.items(), key=lambda one: (one[0][0], -abs(one[1].after - one[1].before), one[0]))
    return {
        "run_id": found.run_id,
        "posted": bool(found.run_id),
        "from": rfc3339(found.start_us),
        "to": rfc3339(found.end_us),
        "total": [_shift(one, currency=currency) for currency, one in sorted(found.total.items())],
        "groups": [_shift(one, by=by, value=value, currency=currency) for (by, value, currency), one in groups],
        "left_alone_other_currency": found.other_currency,
    }


def _shift(one: Shift, **names: str) -> dict[str, Any]:
    return {
        **names,
        "calls": one.calls,
        "newly_priced": one.newly_priced,
        "before": text_from_grains(one.before),
        "after": text_from_grains(one.after),
        "change": text_from_grains(one.after - one.before),
    }
