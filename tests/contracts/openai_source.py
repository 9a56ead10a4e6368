"""OpenAI's reports in the contract of every connector: each stream of costs and usage, one result a page."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tallystick.connectors.openai.source import KIND
from tallystick.kernel.period import DAY_US, Period
from tests.connectors.openai.fake import KEY, Organisation
from tests.connectors.openai.samples import COMPLETIONS, COSTS, USAGE
from tests.connectors.serving import Question, Refuse
from tests.contracts.source_case import Case, Facts, Reply, Request
from tests.pricing.sample import day

Rows = Sequence[Mapping[str, object]]
_DAY_S = 1_793_664_000  # 2026-11-03


def _case(kind: str, rows: Mapping[str, Rows], first: Sequence[Facts], revised: Sequence[Facts]) -> Case:
    """One report.

    Args:
        kind: As the stand-in names it: `costs`, or a kind of usage.
        rows: Edition → the results of the day.
        first, revised: What is loaded of each edition.
    """

    def answer(request: Request, edition: str) -> Reply:
        results = [{**row, "day": _DAY_S} for row in rows[edition]]
        organisation = Organisation({kind: results}, results_a_page=1, buckets_a_page=1)
        try:
            found = organisation.answer(Question(request.path, list(request.query), request.headers))
        except Refuse as refused:
            return Reply(refused.status, json.dumps({"error": {"message": refused.message}}).encode())
        return Reply(200, json.dumps(found).encode())

    return Case(
        name="openai" if kind == "costs" else f"openai-{kind}",
        kind=KIND,
        stream="costs" if kind == "costs" else f"usage_{kind}",
        window=Period(day("2026-11-03"), day("2026-11-03") + DAY_US),
        answer=answer,
        options=lambda url: {"base_url": f"{url}/v1", "decisions": "on"},
        secrets={"admin_key": KEY},
        first=first,
        revised=revised,
    )


def _cost(item: str, dollars: float) -> dict[str, object]:
    return {**COSTS, "line_item": item, "amount": {"value": dollars, "currency": "usd"}}


def _billed(model: str, meter: str, grains: int) -> Facts:
    return {"slice_key": "2026-11-03", "raw_model": model, "meter": meter, "billed_cost": grains,
            "sub_account_id": "proj_red", "credential_id": "key_one", "provider_account": "acct"}  # fmt: skip


def _costs() -> Case:
    search = ("Web search", 2)
    rows = {
        "first": [
            _cost("gpt-6-astra, input_tokens", 0.0135),
            _cost("gpt-6-astra, output_tokens", 0.1),
            _cost(*search),
        ],
        "revised": [_cost("gpt-6-astra, input_tokens", 0.0136), _cost(*search)],
    }
    first = [
        _billed("gpt-6-astra", "uncached_input", 13_500_000_000),
        _billed("gpt-6-astra", "plain_output", 100_000_000_000),
        _billed("", "", 2_000_000_000_000),
    ]
    return _case("costs", rows, first, [_billed("gpt-6-astra", "uncached_input", 13_600_000_000), first[2]])


def _used(project: str, meter: str, quantity: int | None, consumed: int) -> Facts:
    return {"slice_key": "2026-11-03", "sub_account_id": project, "meter": meter, "quantity": quantity,
            "consumed_quantity": Decimal(consumed), "billed_cost": None, "provider_account": "acct"}  # fmt: skip


# Of the sample's 1,000 tokens of input 330 are cached (25 audio, 5 image) and 110 written (70 for half an hour, 30 for
# half a day); of the 560 left 40 are audio and 20 image; of the 215 of output 12 are audio and 3 image.
_FULL = {
    "uncached_input": 500, "uncached_input_audio": 40, "uncached_input_image": 20, "cache_read": 300,
    "cache_read_audio": 25, "cache_read_image": 5, "cache_write_30m": 70, "cache_write_12h": 30,
    "cache_write_unknown": 10, "plain_output": 200, "plain_output_audio": 12, "plain_output_image": 3, "requests": 7,
}  # fmt: skip


def _tokens(kind: str) -> Case:
    """A full result of one project and, of another, one as an older server gives it."""
    full = {**COMPLETIONS, "object": USAGE[kind]["object"]}
    old = {"object": full["object"], "input_tokens": 100, "input_cached_tokens": 40, "output_tokens": 9,
           "num_model_requests": 1, "project_id": "proj_blue", "model": "gpt-6-astra"}  # fmt: skip
    rows = {"first": [full, old], "revised": [{**full, "num_model_requests": 8}]}
    whole = [_used("proj_red", meter, number, number) for meter, number in _FULL.items()]
    blue = [("uncached_input", 60), ("cache_read", 40), ("plain_output", 9), ("requests", 1)]
    first = [*whole, *(_used("proj_blue", meter, number, number) for meter, number in blue)]
    return _case(kind, rows, first, [*whole[:-1], _used("proj_red", "requests", 8, 8)])


# Kind → field, meter, how many of the ledger's units one is, requests a result; no meter is counted and not rated.
_COUNTED: Mapping[str, tuple[str, str, int, int]] = {
    "embeddings": ("input_tokens", "uncached_input", 1, 2),
    "moderations": ("input_tokens", "uncached_input", 1, 3),
    "images": ("images", "images", 1, 2),
    "audio_speeches": ("characters", "characters", 1, 1),
    "audio_transcriptions": ("seconds", "seconds", 1_000_000, 1),
    "vector_stores": ("usage_bytes", "", 0, 0),
    "code_interpreter_sessions": ("num_sessions", "", 0, 0),
    "file_search_calls": ("num_requests", "", 0, 0),
    "web_search_calls": ("num_requests", "searches", 1, 0),
}


def _counted(kind: str) -> Case:
    """Sixteen of one project and thirty of another; then it was seventeen, and nothing of the other."""
    counts, meter, scale, requests = _COUNTED[kind]

    def of(project: str, number: int) -> list[Facts]:
        asked = [_used(project, "requests", requests, requests)] if requests else []
        return [_used(project, meter, number * scale if meter else None, number), *asked]

    def row(project: str, number: int) -> dict[str, object]:
        return {**USAGE[kind], "project_id": project, counts: number}

    rows = {"first": [row("proj_red", 16), row("proj_blue", 30)], "revised": [row("proj_red", 17)]}
    return _case(kind, rows, [*of("proj_red", 16), *of("proj_blue", 30)], of("proj_red", 17))


CASES = [_costs(), *(_tokens(kind) for kind in ("completions", "decisions")), *(_counted(kind) for kind in _COUNTED)]
