"""What follows from the cells of a row once they are read; shared by the row-wise and the column-wise reader."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from tallystick.bills.model import CATEGORIES
from tallystick.focus.ai import Facts, Hints, tell
from tallystick.focus.cells import read_text
from tallystick.focus.columns import ALLOWED, COSTS
from tallystick.kernel.money import GRAINS_PER_UNIT, divide_half_even
from tallystick.kernel.period import moment

# The account that metered charges carry where the configuration names none: that of the built-in provider.
_ACCOUNTS = {
    "aws.bedrock": "bedrock", "azure.ai.openai": "azure", "gcp.gemini": "gemini", "gcp.vertex_ai": "vertex",
    "mistral_ai": "mistral", "x_ai": "xai",
}  # fmt: skip
_MOST_RAW = 2000
_MOST_COUNTED = 2**63 - 1
# Attributes whose text is a hint, in the order of `tell_from`.
HINTS = (
    "service_category", "service_subcategory", "service_name", "service_provider_name", "host_provider_name",
    "invoice_issuer_name", "sku_meter", "sku_id", "sku_price_id", "consumed_unit", "pricing_unit",
)  # fmt: skip
CUSTOM_HINTS = ("sellers", "details", "meter", "model", "tier")


def tell_from(texts: Sequence[str], custom: Sequence[Sequence[str]]) -> Facts:
    """The facts of a row from its texts in the order of `HINTS` and of `CUSTOM_HINTS`."""
    category, subcategory, service, seller, host, issuer, meter, sku, price, consumed, pricing = texts
    sellers, details, meters, models, tiers = custom
    return tell(
        Hints(
            service_category=category,
            service_subcategory=subcategory,
            service_name=service,
            sellers=" | ".join((seller, *sellers, host, issuer)),
            sku_meter=meter or "".join(meters),
            sku_id=sku,
            sku_price_id=price,
            details="".join(details),
            consumed_unit=consumed,
            pricing_unit=pricing,
            model="".join(models),
            tier="".join(tiers),
        )
    )


def read_category(cell: object) -> str:
    """As FOCUS spells it, whatever the case; a value nobody knows is kept; none is ordinary usage."""
    text = read_text(cell)
    return next((one for one in CATEGORIES if one.lower() == text.lower()), text) or "Usage"


def read_extra(cell: object) -> str:
    """A value that no attribute holds, as text."""
    if isinstance(cell, (Mapping, list, tuple)):
        return json.dumps(cell, default=str, ensure_ascii=False) if cell else ""
    return cell.isoformat() if isinstance(cell, (datetime, date)) else read_text(cell)


def note_of(name: str, text: str) -> str:
    """What is worth saying of a value; empty when nothing is."""
    allowed = ALLOWED.get(name)
    if name == "BillingCurrency" and text and not (len(text) == 3 and text.isalpha()):
        return f"BillingCurrency {text!r} is no ISO 4217 code; kept as it is"
    if allowed is None or not text or text in allowed:
        return ""
    return f"{name} {text[:60]!r} is no value of FOCUS; kept as it is"


def account_of(account: str, provider: str, billing_account: str, seller: str) -> str:
    """Our name of the provider account: as told, else of the built-in provider, else the one who is billed."""
    return account or _ACCOUNTS.get(provider, provider) or billing_account or seller or "unknown"


def slice_of(billing_account: str, seller: str, start_us: int, suffix: str) -> str:
    """What a later file replaces whole: the billing account (or who bills) and the month."""
    return f"{billing_account or seller or 'unknown'}/{moment(start_us):%Y-%m}{suffix}"


def problem_of(start: int | None, end: int | None, costs: Sequence[int | None]) -> str:
    """Why a row cannot be used; empty when it can. No costs at all: it needs none."""
    if start is None or end is None:
        return f"ChargePeriod{'Start' if start is None else 'End'} is missing"
    if end < start:
        return "the charge period ends before it starts"
    if costs and all(cost is None for cost in costs):
        return f"no cost: none of {', '.join(COSTS)} is given"
    return ""


def quantity_of(facts: Facts, consumed: int | None, pricing: int | None) -> int | None:
    """Whole units of the meter, from grains of the consumed quantity, else of the priced one."""
    for grains, per in ((consumed, facts.per_consumed), (pricing, facts.per_pricing)):
        if grains is not None and per is not None:
            whole, parts = per.as_integer_ratio()
            found = divide_half_even(grains * whole, parts * GRAINS_PER_UNIT)
            return found if abs(found) <= _MOST_COUNTED else None
    return None


def raw_of(names: Sequence[str], cells: Sequence[object]) -> str:
    """A row as it stood, for whoever mends it; nothing of cells that say nothing."""
    given = {name: str(cell) for name, cell in zip(names, cells, strict=True) if cell not in (None, "")}
    return json.dumps(given, ensure_ascii=False)[:_MOST_RAW]
