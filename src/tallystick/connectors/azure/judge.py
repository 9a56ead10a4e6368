"""What a meter, a resource and a category say of a line: whose AI it is, and how much of what. Pure."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache

from tallystick.connectors.azure.meters import Named, read_meter
from tallystick.usage.meters import BY_NAME
from tallystick.usage.units import Unit, convert, meant, parse_unit, spell

PROVIDER = "azure.ai.openai"
_SERVICES = re.compile(
    r"\bopenai\b|\bfoundry\b|\bcognitive services\b|\bazure ai\b|\bmachine learning\b|\bai services\b"
    r"|\b(?:grok|deepseek|llama|mistral|kimi|cohere|fireworks|anthropic|claude)\b.{0,12}(?:models?)?$",
    re.IGNORECASE,
)
_RESOURCES = re.compile(r"/providers/microsoft\.(?:cognitiveservices|machinelearningservices)/", re.IGNORECASE)
_MODELS = re.compile(r"\bopenai\b|\bfoundry models\b|\bmodels?$|\bkimi$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a line is.

    Attributes:
        named: Of its meter.
        model_line: Its meter is one of a model service: its name is read as a model's.
        unit: Of the quantity as Azure prices it; None where nobody knows it.
    """

    ai: bool
    model_line: bool
    named: Named
    unit: Unit | None


@lru_cache(maxsize=8192)
def judge(meter: str, service: str, family: str, resource: str, spelled: str) -> Judged:
    """What the texts of a line say; `spelled` is the unit of measure, empty where the bill has none."""
    named = read_meter(meter, family)
    words = f"{service} {family}".strip()
    by_name = bool(_SERVICES.search(service) or _SERVICES.search(family))
    # A query grouped by meter names no service; the resource is then all that tells.
    ai = by_name or bool(_RESOURCES.search(resource))
    model_line = ai and (bool(_MODELS.search(service) or _MODELS.search(family)) or not words)
    unit = _unit(spelled, named) if model_line else parse_unit(spelled) if spelled else None
    return Judged(ai, model_line, named if model_line else Named(), unit)


def _unit(spelled: str, named: Named) -> Unit | None:
    """The unit by what the bill says; where it says nothing by the name itself; None where both disagree."""
    text = spelled or named.size
    found = parse_unit(text) if text else None
    said = parse_unit(named.size) if named.size else None
    if found is None or (said is not None and found.kind == "count" and said.size != found.size):
        return None
    if named.provisioned:
        return Unit("ptu_time", found.size / 3600) if found.kind == "time" and found.size == 3600 else found
    return meant(found, named.thing) if named.thing else found


def consumed(amount: Decimal | None, unit: Unit | None) -> tuple[Decimal | None, str]:
    """The amount in the smallest unit of its kind, and its name; as it stands where the unit is not known."""
    if amount is None or unit is None:
        return amount, ""
    whole = Unit("time", Decimal(3600)) if unit.kind == "time" else Unit(unit.kind)
    return convert(amount, unit, whole), spell(whole)


def quantity(amount: Decimal | None, judged: Judged) -> int | None:
    """Whole units of the meter as the ledger counts them; None where the unit is none of the meter's."""
    meter = BY_NAME.get(judged.named.meter)
    if amount is None or judged.unit is None or meter is None or judged.unit.kind != judged.named.thing:
        return None
    found = convert(amount, judged.unit, Unit(judged.unit.kind))
    if found is None:
        return None
    with localcontext(prec=60):
        return int((found * meter.scale).to_integral_value(ROUND_HALF_EVEN))
