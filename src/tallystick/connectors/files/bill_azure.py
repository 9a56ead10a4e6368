"""Azure's usage details (Enterprise Agreement, Microsoft Customer Agreement) as FOCUS."""

from collections.abc import Mapping, Sequence

from tallystick.connectors.files.native import Column, Columns, Native, folded
from tallystick.focus.cells import read_instant, read_text
from tallystick.kernel.period import DAY_US, moment

_RENAMES = {
    "BillingAccountId": ("billingaccountid", "billingaccount", "enrollmentnumber"),
    "BillingAccountName": ("billingaccountname",),
    "SubAccountId": ("subscriptionid", "subscriptionguid"),
    "SubAccountName": ("subscriptionname",),
    "InvoiceId": ("invoiceid",),
    "BillingPeriodStart": ("billingperiodstartdate",),
    "ServiceName": ("metercategory",),
    "SkuId": ("meterid",),
    "SkuMeter": ("metername",),
    "ChargeDescription": ("productname", "product"),
    "RegionId": ("resourcelocation", "resourcelocationnormalized"),
    "ResourceId": ("resourceid", "instanceid", "instancename"),
    "ResourceName": ("resourcename",),
    "ConsumedQuantity": ("quantity", "consumedquantity"),
    "ConsumedUnit": ("unitofmeasure",),
    "BilledCost": ("costinbillingcurrency", "cost", "pretaxcost"),
    "EffectiveCost": ("costinbillingcurrency", "cost", "pretaxcost"),
    "ListCost": ("paygcostinbillingcurrency",),
    "ContractedUnitPrice": ("unitprice",),
    "BillingCurrency": ("billingcurrency", "billingcurrencycode", "currency", "currencycode"),
    "PricingCurrency": ("pricingcurrency", "pricingcurrencycode"),
    "PricingCurrencyEffectiveCost": ("costinpricingcurrency",),
    "CommitmentDiscountId": ("reservationid", "benefitid"),
    "PublisherName": ("publishername",),
    "Tags": ("tags",),
}
_CATEGORIES = {
    "usage": "Usage", "purchase": "Purchase", "refund": "Credit", "tax": "Tax", "adjustment": "Adjustment",
    "roundingadjustment": "Adjustment", "unusedreservation": "Usage", "unusedsavingsplan": "Usage", "credit": "Credit",
}  # fmt: skip
_FREQUENCIES = {"usagebased": "Usage-Based", "onetime": "One-Time", "recurring": "Recurring"}
_AI = ("openai", "cognitive services", "foundry", "azure ai", "azure machine learning", "ai services", "bot service")


def is_azure_bill(names: Sequence[str]) -> bool:
    """Whether these are columns of usage details."""
    given = {folded(name) for name in names}
    costs = {"costinbillingcurrency", "cost", "pretaxcost"} & given
    return bool({"metercategory", "unitofmeasure"} <= given and costs and {"date", "usagedatetime"} & given)


def azure_bill() -> Native:
    """How its columns are called in FOCUS."""
    return Native(
        "Azure usage details", "azure_usage_details", _RENAMES, _work_out,
        notes=("one cost is given: it is taken as billed and as effective",),
    )  # fmt: skip


def _work_out(given: Mapping[str, Column], rows: int) -> Columns:
    nothing: Column = [None] * rows
    dates = given.get("date", given.get("usagedatetime", nothing))
    categories = [read_text(one).lower() for one in given.get("metercategory", nothing)]
    families = [read_text(one).lower() for one in given.get("servicefamily", nothing)]
    frequencies = [read_text(one) for one in given.get("frequency", nothing)]
    kinds = [read_text(one) for one in given.get("chargetype", nothing)]
    return {
        "ChargePeriodStart": dates,
        "ChargePeriodEnd": [_next_day(one) for one in dates],
        "BillingPeriodEnd": [_next_day(one) for one in given.get("billingperiodenddate", nothing)],
        "ChargeCategory": [_CATEGORIES.get(one.lower(), one) for one in kinds],
        "ChargeFrequency": [_FREQUENCIES.get(one.lower(), one) for one in frequencies],
        "ServiceProviderName": ["Microsoft"] * rows,
        "InvoiceIssuerName": ["Microsoft"] * rows,
        "ServiceCategory": [
            "AI and Machine Learning" if family.startswith("ai ") or any(word in name for word in _AI) else ""
            for family, name in zip(families, categories, strict=True)
        ],
    }


def _next_day(cell: object) -> object:
    """Azure's days and ends of periods are in; FOCUS's are out. What is no date stays, to be refused by its name."""
    at = read_instant(cell)
    return moment(at + DAY_US) if isinstance(at, int) else cell
