"""FOCUS records as vendors write them, with what they mean written by hand beside them in the tests."""

from typing import Any

ANTHROPIC: dict[str, Any] = {
    "BilledCost": "25.2",
    "BillingAccountId": "org-harbour",
    "BillingAccountName": "Harbour Ltd",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "Input tokens of claude-sonnet-4-5",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-10-15T00:00:00Z",
    "ChargePeriodStart": "2026-10-14T00:00:00Z",
    "ConsumedQuantity": "8400000.0",
    "ConsumedUnit": "Tokens",
    "ContractedCost": "25.2",
    "ContractedUnitPrice": "3.0",
    "EffectiveCost": "25.2",
    "InvoiceId": "ANT-7",
    "InvoiceIssuerName": "Anthropic",
    "ListCost": "25.2",
    "ListUnitPrice": "3.0",
    "PricingCategory": "Standard",
    "PricingQuantity": "8.4",
    "PricingUnit": "1000000 Tokens",
    "ProviderName": "Anthropic",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "Claude API",
    "ServiceSubcategory": "Generative AI",
    "SkuId": "claude-sonnet-4-5/input-tokens",
    "SkuMeter": "Input Tokens",
    "SkuPriceDetails": '{"x_ModelId":"claude-sonnet-4-5-20250929","x_TokenDirection":"Input"}',
    "SkuPriceId": "claude-sonnet-4-5/input-tokens/standard",
    "SubAccountId": "wrkspc_1",
    "Tags": '{"team":"payments","colour":"red"}',
    "x_CostCertainty": "Estimated",
}
DISK: dict[str, Any] = {
    **ANTHROPIC,
    "BilledCost": "1.5",
    "EffectiveCost": "1.5",
    "BillingAccountId": "123456789012",
    "InvoiceIssuerName": "Amazon Web Services, Inc.",
    "ProviderName": "AWS",
    "ServiceCategory": "Storage",
    "ServiceSubcategory": "Block Storage",
    "ServiceName": "Amazon Elastic Block Store",
    "ConsumedQuantity": "15",
    "ConsumedUnit": "GB-Months",
    "PricingUnit": "GB-Months",
    "SkuId": "EBS",
    "SkuPriceId": "EBS.gp3",
    "SkuMeter": "Volume Usage",
    "SkuPriceDetails": "",
    "Tags": "",
}


def record(**changes: Any) -> dict[str, Any]:
    """The Anthropic record with some cells changed."""
    return {**ANTHROPIC, **changes}
