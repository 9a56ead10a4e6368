"""Google Cloud's billing export (as BigQuery writes it to CSV, JSON lines or Parquet) as FOCUS."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from tallystick.connectors.files.native import Column, Columns, Native, folded
from tallystick.focus.cells import Bad, read_decimal, read_text

_RENAMES = {
    "BillingAccountId": ("billingaccountid",),
    "ChargePeriodStart": ("usagestarttime",),
    "ChargePeriodEnd": ("usageendtime",),
    "SubAccountId": ("projectid",),
    "SubAccountName": ("projectname",),
    "ServiceName": ("servicedescription",),
    "SkuId": ("skuid",),
    "SkuMeter": ("skudescription",),
    "RegionId": ("locationregion", "locationlocation"),
    "ResourceId": ("resourceglobalname", "resourcename"),
    "ConsumedQuantity": ("usageamount",),
    "ConsumedUnit": ("usageunit",),
    "PricingQuantity": ("usageamountinpricingunits",),
    "PricingUnit": ("usagepricingunit",),
    "ListCost": ("costatlist",),
    "BillingCurrency": ("currency",),
    "Tags": ("labels",),
}
_CATEGORIES = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
_AI = ("vertex ai", "gemini", "generative language", "cloud ai", "document ai", "cloud speech", "cloud translation")


def is_gcp_bill(names: Sequence[str]) -> bool:
    """Whether these are columns of the billing export."""
    given = {folded(name) for name in names}
    nested = {"service", "sku"} <= given or {"servicedescription", "skudescription"} <= given
    return nested and {"billingaccountid", "usagestarttime", "cost"} <= given


def gcp_bill() -> Native:
    """How its columns are called in FOCUS; billed and effective are the cost less its credits."""
    return Native("Google Cloud billing export", "gcp_billing_export", _RENAMES, _work_out)


def _work_out(given: Mapping[str, Column], rows: int) -> Columns:
    nothing: Column = [None] * rows
    costs = [
        _net(cost, less) for cost, less in zip(given.get("cost", nothing), given.get("credits", nothing), strict=True)
    ]
    months = [_month(cell) for cell in given.get("invoicemonth", nothing)]
    services = [read_text(cell).lower() for cell in given.get("servicedescription", nothing)]
    kinds = [read_text(cell).lower() for cell in given.get("costtype", nothing)]
    return {
        "BilledCost": costs,
        "EffectiveCost": costs,
        "BillingPeriodStart": [start for start, _ in months],
        "BillingPeriodEnd": [end for _, end in months],
        "ChargeCategory": [_CATEGORIES.get(kind, kind) for kind in kinds],
        "ServiceProviderName": ["Google Cloud"] * rows,
        "InvoiceIssuerName": ["Google Cloud"] * rows,
        "ServiceCategory": ["AI and Machine Learning" if any(one in name for one in _AI) else "" for name in services],
    }


def _net(cost: object, less: object) -> object:
    """The cost with its credits, which are negative; what cannot be read stays as it is, to be refused by its name."""
    amount = read_decimal(cost)
    parts = [read_decimal(one) for one in _amounts(less)]
    bad = next((one for one in parts if isinstance(one, Bad)), None)
    if not isinstance(amount, Decimal):
        return cost
    return "credits: " + bad.reason if bad else amount + sum(one for one in parts if isinstance(one, Decimal))


def _amounts(less: object) -> Iterable[object]:
    if isinstance(less, str):
        text = read_text(less)
        try:
            less = json.loads(text) if text else []
        except ValueError:
            return ["not readable as JSON"]
    if not isinstance(less, list):
        return []
    return [one.get("amount") if isinstance(one, Mapping) else "no record" for one in less]


def _month(cell: object) -> tuple[str, str]:
    """`202610` as the month's start and end."""
    text = read_text(cell)
    if len(text) != 6 or not text.isascii() or not text.isdigit():
        return "", ""
    year, month = int(text[:4]), int(text[4:])
    return f"{year}-{month:02d}-01", f"{year + month // 12}-{month % 12 + 1:02d}-01"
