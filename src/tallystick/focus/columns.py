"""FOCUS as data: its columns by version, its values, and which attribute of a bill line each column fills."""

import re
from collections.abc import Iterable
from functools import lru_cache

from tallystick.bills.model import CATEGORIES

# Columns of Cost and Usage by the version that brought them.
BROUGHT: dict[str, tuple[str, ...]] = {
    "1.0": (
        "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
        "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
        "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory",
        "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType",
        "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost",
        "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit",
        "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
        "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
    ),
    "1.1": (
        "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit",
        "ServiceSubcategory", "SkuMeter", "SkuPriceDetails",
    ),
    "1.2": (
        "BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType",
    ),
    "1.3": (
        "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags",
        "ContractApplied", "HostProviderName", "ServiceProviderName",
    ),
    "1.4": ("CommitmentProgramEligibilityDetails", "InvoiceDetailId"),
    "1.5": ("CredentialId", "PrincipalId", "RequesterDetails"),
}  # fmt: skip
# Gone since 1.4; deprecated and still mandatory in 1.3.
_GONE = frozenset({"ProviderName", "PublisherName"})

TEXTS: dict[str, str] = {
    "BillingAccountId": "billing_account_id",
    "BillingAccountName": "billing_account_name",
    "BillingCurrency": "currency",
    "ChargeCategory": "charge_category",
    "ChargeClass": "charge_class",
    "ChargeDescription": "charge_description",
    "ChargeFrequency": "charge_frequency",
    "CommitmentDiscountId": "commitment_id",
    "ConsumedUnit": "consumed_unit",
    "CredentialId": "credential_id",
    "HostProviderName": "host_provider_name",
    "InvoiceId": "invoice_id",
    "InvoiceIssuerName": "invoice_issuer_name",
    "PricingCategory": "pricing_category",
    "PricingCurrency": "pricing_currency",
    "PricingUnit": "pricing_unit",
    "PrincipalId": "principal",
    "RegionId": "region",
    "ResourceId": "resource_id",
    "ResourceName": "resource_name",
    "ServiceCategory": "service_category",
    "ServiceName": "service_name",
    "ServiceProviderName": "service_provider_name",
    "ServiceSubcategory": "service_subcategory",
    "SkuId": "sku_id",
    "SkuMeter": "sku_meter",
    "SkuPriceId": "sku_price_id",
    "SubAccountId": "sub_account_id",
    "SubAccountName": "sub_account_name",
}
# Costs and unit prices become grains, quantities stay what the source measured.
MONEY: dict[str, str] = {
    "BilledCost": "billed_cost",
    "ContractedCost": "contracted_cost",
    "ContractedUnitPrice": "contracted_unit_price",
    "EffectiveCost": "effective_cost",
    "ListCost": "list_cost",
    "ListUnitPrice": "list_unit_price",
    "PricingCurrencyEffectiveCost": "pricing_currency_cost",
}
QUANTITIES: dict[str, str] = {"ConsumedQuantity": "consumed_quantity", "PricingQuantity": "pricing_quantity"}
INSTANTS: dict[str, str] = {
    "ChargePeriodStart": "charge_period_start",
    "ChargePeriodEnd": "charge_period_end",
    "BillingPeriodStart": "billing_period_start",
    "BillingPeriodEnd": "billing_period_end",
}
COSTS: tuple[str, ...] = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
# An older name that stands in where the newer column is not in the file.
STAND_INS: dict[str, tuple[str, ...]] = {"ServiceProviderName": ("ProviderName", "Provider")}

SERVICE_CATEGORIES = frozenset({
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
    "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration",
    "Mobile", "Networking", "Security", "Storage", "Web", "Other",
})  # fmt: skip
AI_SUBCATEGORIES = frozenset({
    "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing",
    "Other (AI and Machine Learning)",
})  # fmt: skip
# Values FOCUS allows; others are kept and noted.
ALLOWED: dict[str, frozenset[str]] = {
    "ChargeCategory": frozenset(CATEGORIES),
    "ChargeClass": frozenset({"Correction"}),
    "ChargeFrequency": frozenset({"One-Time", "Recurring", "Usage-Based"}),
    "PricingCategory": frozenset({"Standard", "Dynamic", "Committed", "Other"}),
    "ServiceCategory": SERVICE_CATEGORIES,
}

_KNOWN = {
    *(name for names in BROUGHT.values() for name in names),
    *TEXTS, *MONEY, *QUANTITIES, *INSTANTS, "Provider",
}  # fmt: skip


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_FOLDED = {_folded(name): name for name in _KNOWN}


@lru_cache(maxsize=10_000)
def focus_name(column: str) -> str:
    """FOCUS's spelling of a column (`billing_account_id`, `Sku Price ID`), or the name as it is when it has none.

    >>> focus_name("sku_price_id"), focus_name("x_CostCertainty")
    ('SkuPriceId', 'x_CostCertainty')
    """
    return column if column.lower().startswith("x_") else _BY_FOLDED.get(_folded(column), column)


def is_focus(columns: Iterable[str]) -> bool:
    """Whether these are columns of FOCUS's Cost and Usage, though some may be missing."""
    names = {focus_name(one) for one in columns}
    return {"ChargePeriodStart", "ChargeCategory"} <= names and bool(names & {"BilledCost", "EffectiveCost"})


def focus_version(columns: Iterable[str]) -> str:
    """The oldest version that has all FOCUS columns among these; empty where they are no Cost and Usage.

    >>> focus_version(["ChargePeriodStart", "ChargeCategory", "BilledCost", "ProviderName", "InvoiceId"])
    '1.2'
    """
    names = {focus_name(one) for one in columns}
    if not is_focus(names):
        return ""
    newest = [version for version, brought in BROUGHT.items() if names & set(brought)][-1]
    # What 1.4 took away marks it as well as what it added, where the provider is named by the new column.
    return "1.4" if newest == "1.3" and "ServiceProviderName" in names and not names & _GONE else newest
