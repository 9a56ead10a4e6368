"""How large calls are: for each shape and provider a ladder of typical sizes, smallest first.

Calls are drawn from these ladders, so that each size is priced once and not per call.
"""

from math import exp, log
from random import Random

from tallystick.demo.model import DemoModel, Shape
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tallystick.usage.model import Measured

STEPS = 32

# shape: (smallest, largest input tokens), (smallest, largest output tokens), share of input read from the cache
_RANGES: dict[Shape, tuple[tuple[int, int], tuple[int, int], float]] = {
    "chat": ((12_000, 260_000), (2_500, 30_000), 0.5),
    "agent": ((180_000, 960_000), (16_000, 126_000), 0.45),
    "document": ((120_000, 960_000), (16_000, 126_000), 0.0),
    "embedding": ((20_000, 900_000), (0, 0), 0.0),
}
_REASONING_PROVIDERS = frozenset({"openai", "gcp.gemini"})


def ladder(shape: Shape, model: DemoModel, rng: Random, scale: float) -> list[Measured]:
    """The sizes of one feature's calls to one model, by rising input.

    Args:
        shape: Decides the ranges.
        model: Decides which meters it reports.
        rng: Decides the rest.
        scale: Factor on all token counts, so that ten times the events cost about the same in all.
    """
    (low_in, high_in), (low_out, high_out), cached = _RANGES[shape]
    found = []
    for step in range(STEPS):
        part = (step + rng.random()) / STEPS
        total = max(8, int(scale * _between(low_in, high_in, part)))
        output = max(1, int(scale * _between(low_out, high_out, rng.random()))) if high_out else 0
        found.append(_measured(model, total, output, cached * rng.uniform(0.7, 1.2), rng))
    return found


def _between(low: int, high: int, part: float) -> float:
    """Log-uniform: sizes spread over orders of magnitude."""
    return exp(log(low) + part * (log(high) - log(low)))


def _measured(model: DemoModel, total: int, output: int, cached: float, rng: Random) -> Measured:
    quantities: dict[str, int] = {"requests": 1}
    read = int(total * min(cached, 0.9)) if model.caches else 0
    written = 0
    if read and model.provider == "anthropic":
        written = int((total - read) * rng.uniform(0.2, 0.6))
        longer = written // 3
        quantities["cache_write_5m"] = written - longer
        quantities["cache_write_1h"] = longer
    if model.caches:
        quantities["cache_read"] = read
    quantities["uncached_input"] = total - read - written
    reasoning = int(output * rng.uniform(0.2, 0.6)) if model.provider in _REASONING_PROVIDERS else 0
    if reasoning:
        quantities["reasoning_output"] = reasoning
    quantities["plain_output"] = output - reasoning
    return Measured(
        quantities=quantities,
        input_tokens=sum(quantities.get(name, 0) for name in INPUT_METERS),
        output_tokens=sum(quantities.get(name, 0) for name in OUTPUT_METERS),
        state="reported",
    )
