"""The meters: disjoint classes of usage that are counted and priced apart.

Input classes sum to `input_tokens`, output classes to `output_tokens`. A column
``q_<meter>`` holds the quantity and ``c_<meter>`` its cost, in events and charges
alike, so a new meter is one line here and a migration.

FOCUS's meter "Input Tokens" is `uncached_input`. Reasoning is counted apart from
plain output; where a model has no price of its own for it, it is priced as output.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Meter:
    """One class of usage.

    Attributes:
        name: Column stem and key of a usage event's quantities.
        side: What total it belongs to; counted units belong to none.
        unit: FOCUS consumed unit.
        scale: Parts of the unit that one whole quantity counts (seconds are kept in microseconds).
        falls_back: The meter whose price holds when this one has none; only where
            the provider bills both alike.
    """

    name: str
    side: Literal["input", "output", "counted"]
    unit: str = "Tokens"
    scale: int = 1
    falls_back: str = ""


METERS: tuple[Meter, ...] = (
    Meter("uncached_input", "input"),
    Meter("uncached_input_image", "input", falls_back="uncached_input"),
    Meter("uncached_input_audio", "input"),
    Meter("uncached_input_video", "input", falls_back="uncached_input"),
    Meter("cache_read", "input"),
    Meter("cache_read_image", "input", falls_back="cache_read"),
    Meter("cache_read_audio", "input"),
    Meter("cache_write_5m", "input"),
    Meter("cache_write_30m", "input"),
    Meter("cache_write_1h", "input"),
    Meter("cache_write_12h", "input"),
    Meter("cache_write_unknown", "input"),
    Meter("plain_output", "output"),
    Meter("plain_output_image", "output"),
    Meter("plain_output_audio", "output"),
    Meter("reasoning_output", "output", falls_back="plain_output"),
    Meter("requests", "counted", unit="Requests"),
    Meter("searches", "counted", unit="Searches"),
    Meter("fetches", "counted", unit="Fetches"),
    Meter("tool_calls", "counted", unit="Tool Calls"),
    Meter("seconds", "counted", unit="Seconds", scale=1_000_000),
    Meter("images", "counted", unit="Images"),
    Meter("characters", "counted", unit="Characters"),
    Meter("gpu_seconds", "counted", unit="Seconds", scale=1_000_000),
)

BY_NAME: dict[str, Meter] = {meter.name: meter for meter in METERS}
INPUT_METERS = tuple(meter.name for meter in METERS if meter.side == "input")
OUTPUT_METERS = tuple(meter.name for meter in METERS if meter.side == "output")
TOKEN_METERS = INPUT_METERS + OUTPUT_METERS
CACHE_READ_METERS = tuple(name for name in INPUT_METERS if name.startswith("cache_read"))
CACHE_WRITE_METERS = tuple(name for name in INPUT_METERS if name.startswith("cache_write"))
# Counted whenever they occur and billed only where the price book has a price for
# them: without one they are facts about a call, not unpriced usage.
FACT_METERS = frozenset({"requests", "tool_calls", "fetches"})
