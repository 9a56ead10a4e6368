"""What each of the three says a case costs, in dollars; None where it says that it does not know."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from genai_prices import Usage, calc_price

from bench.gateway.peers import install_litellm
from bench.rating_agreement.cases import Case
from tallystick.kernel.money import decimal_from_grains
from tallystick.kernel.period import instant
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tallystick.usage.model import Measured

CACHE = Path.home() / ".cache" / "tallystick-bench"
_PACKAGE = "litellm/lib/python3.11/site-packages/litellm"


@dataclass(frozen=True, slots=True)
class Answers:
    """The three figures for one case, and ours as lines."""

    case: Case
    ours: Decimal | None
    genai: Decimal | None
    litellm: Decimal | None
    rated: Rated
    litellm_error: str = ""
    genai_error: str = ""


def by_ours(
    book: PriceBook, case: Case, *, tier: str | None = None, at_us: int | None = None, size: int | None = None
) -> Rated:
    """Our rating; a case's tier, instant or size may be put aside to see what another reading would give."""
    return rate(
        book,
        provider=case.model.provider,
        model=case.model.model,
        service_tier=case.tier if tier is None else tier,
        region="",
        at_us=instant(case.at) if at_us is None else at_us,
        measured=Measured(
            {**case.quantities, "requests": 1},
            case.input_tokens if size is None else size,
            case.output_tokens,
            "reported",
        ),
    )


def cost_of(rated: Rated) -> Decimal | None:
    """A cost only where every line has a price: part of a call is no price of it."""
    return None if rated.cost is None or rated.unpriced else decimal_from_grains(rated.cost)


def by_genai(case: Case) -> tuple[Decimal | None, str]:
    """genai-prices as its own package calculates, with the conditions of its lists set."""
    counts = case.quantities
    short = counts.get("cache_write_5m", 0) + counts.get("cache_write_30m", 0)
    usage = {
        "input_tokens": case.input_tokens,
        "output_tokens": case.output_tokens,
        "cache_read_tokens": counts.get("cache_read", 0),
        "cache_write_tokens": short + counts.get("cache_write_1h", 0),
        "cache_write_1h_tokens": counts.get("cache_write_1h", 0),
        "cache_write_5m_tokens": counts.get("cache_write_5m", 0),
        "input_audio_tokens": counts.get("uncached_input_audio", 0),
        "output_audio_tokens": counts.get("plain_output_audio", 0),
        "output_reasoning_tokens": counts.get("reasoning_output", 0),
    }
    context = {"service_tier": case.tier or "default"}
    if case.tier == "batch":
        context["processing"] = "batch"
    given = {name: number for name, number in usage.items() if number}
    if "input_audio_tokens" in given and "cache_read_tokens" in given:
        given["cache_audio_read_tokens"] = 0  # none of what was cached was heard
    try:
        found = calc_price(
            Usage(**given),
            case.model.model,
            provider_id=case.model.genai_provider,
            genai_request_timestamp=case.at,
            price_context=context,
        )
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error)[:150]}"
    return Decimal(found.total_price), ""


def cost_map() -> dict[str, dict[str, object]]:
    """LiteLLM's list as its package has it; installs it first where it is not."""
    install_litellm(CACHE)
    path = CACHE / _PACKAGE / "model_prices_and_context_window_backup.json"
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)  # type: ignore[no-any-return]


def by_litellm(cases: Sequence[Case]) -> list[tuple[Decimal | None, str]]:
    """LiteLLM in its own environment, one process for all."""
    lines = [
        json.dumps({
            "model": case.model.litellm_model, "provider": case.model.litellm_provider,
            "quantities": dict(case.quantities), "input_tokens": case.input_tokens,
            "output_tokens": case.output_tokens, "tier": case.tier, "at": case.at.isoformat(),
        })
        for case in cases
    ]  # fmt: skip
    done = subprocess.run(
        [CACHE / "litellm/bin/python", Path(__file__).parent / "ask_litellm.py"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
        env=os.environ | {"LITELLM_LOG": "ERROR"},
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(answers) != len(cases):
        raise RuntimeError(f"{len(answers)} answers to {len(cases)} cases: {done.stderr[-500:]}")
    return [(Decimal(one["cost"]), "") if "cost" in one else (None, one["error"]) for one in answers]


def ask_all(book: PriceBook, cases: Sequence[Case]) -> list[Answers]:
    """All three on all cases."""
    found = []
    for case, (cost, error) in zip(cases, by_litellm(cases), strict=True):
        rated, (genai, wrong) = by_ours(book, case), by_genai(case)
        found.append(Answers(case, cost_of(rated), genai, cost, rated, error, wrong))
    return found
