"""Rows of cost details in the shapes Azure documents, and sources that read them."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.connect import KIND, AzureSource, connect
from tallystick.kernel.period import days
from tallystick.ports import Page, Setup

OCTOBER = days(date(2026, 10, 1), date(2026, 11, 1))
AOAI = "/subscriptions/5f1e/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/aoai"
# A row of an enterprise agreement.
EA = {
    "InvoiceSectionName": "Unassigned", "AccountName": "it@example.com", "AccountOwnerId": "owner@example.com",
    "SubscriptionId": "5f1e", "SubscriptionName": "prod", "ResourceGroup": "rg", "ResourceLocation": "SwedenCentral",
    "Date": "10/2/2026", "ProductName": "Azure OpenAI", "MeterCategory": "Foundry Models",
    "MeterSubCategory": "Azure OpenAI", "MeterId": "m-1", "MeterName": "gpt 4o 0806 Inp glbl Tokens",
    "MeterRegion": "", "UnitOfMeasure": "1K", "Quantity": "300", "EffectivePrice": "0.0025",
    "CostInBillingCurrency": "0.75", "CostCenter": "4711", "ConsumedService": "Microsoft.CognitiveServices",
    "ResourceId": AOAI, "Tags": '"team": "search","env": "prod"', "OfferId": "MS-AZR-0017P", "AdditionalInfo": "",
    "ServiceInfo1": "", "ServiceInfo2": "", "ResourceName": "aoai", "ReservationId": "", "ReservationName": "",
    "UnitPrice": "0.0025", "ProductOrderId": "", "ProductOrderName": "", "Term": "", "PublisherType": "Azure",
    "PublisherName": "", "ChargeType": "Usage", "Frequency": "UsageBased", "PricingModel": "OnDemand",
    "AvailabilityZone": "", "BillingAccountId": "8765", "BillingAccountName": "Example", "BillingCurrencyCode": "EUR",
    "BillingPeriodStartDate": "10/1/2026", "BillingPeriodEndDate": "10/31/2026", "BillingProfileId": "8765",
    "BillingProfileName": "Example", "InvoiceSectionId": "", "IsAzureCreditEligible": "TRUE", "PartNumber": "AAA-1",
    "PayGPrice": "0.003", "PlanName": "", "ServiceFamily": "AI + Machine Learning", "CostAllocationRuleName": "",
    "benefitId": "", "benefitName": "",
}  # fmt: skip
# A row of a customer agreement, priced in dollars and billed in euros.
MCA = {
    "invoiceId": "G01", "billingAccountId": "acc:1_2019-05-31", "billingAccountName": "Example",
    "billingPeriodStartDate": "10/01/2026", "billingPeriodEndDate": "10/31/2026", "servicePeriodStartDate": "10/02/2026",
    "servicePeriodEndDate": "10/02/2026", "date": "10/02/2026", "meterId": "m-9",
    "meterName": "5.6 sol ShortCo Opt Std DZ 1M Tokens", "meterCategory": "Foundry Models",
    "meterSubCategory": "Azure OpenAI GPT5", "serviceFamily": "AI + Machine Learning", "unitOfMeasure": "1M",
    "quantity": "2", "costInBillingCurrency": "60", "costInPricingCurrency": "66", "costInUsd": "66",
    "paygCostInBillingCurrency": "61.5", "paygCostInUsd": "67", "exchangeRatePricingToBilling": "0.909090",
    "billingCurrency": "EUR", "pricingCurrency": "USD", "unitPrice": "33", "PayGPrice": "33.5", "effectivePrice": "33",
    "chargeType": "Usage", "frequency": "UsageBased", "pricingModel": "OnDemand", "SubscriptionId": "5f1e",
    "subscriptionName": "prod", "resourceLocation": "swedencentral", "ResourceId": AOAI, "productId": "DZH",
    "tags": '{"team": "chat", "squad": "s1"}', "publisherName": "Microsoft", "costCenter": "",
}  # fmt: skip
# Ten hours of three provisioned units, covered by a reservation: free in the actual export, 20 EUR in the amortized one.
PTU = EA | {
    "MeterName": "Provisioned Managed Global Unit", "UnitOfMeasure": "1/Hour", "Quantity": "30", "PartNumber": "AAA-2",
    "PricingModel": "Reservation", "ReservationId": "res-1", "CostInBillingCurrency": "0", "UnitPrice": "1",
    "PayGPrice": "0", "Tags": "",
}  # fmt: skip
BOUGHT = PTU | {
    "ChargeType": "Purchase", "Frequency": "Recurring", "CostInBillingCurrency": "620", "Quantity": "1",
    "UnitOfMeasure": "1/Month", "ResourceId": "", "ResourceName": "",
}  # fmt: skip
UNUSED = PTU | {"ChargeType": "UnusedReservation", "CostInBillingCurrency": "2.5", "Quantity": "3", "ResourceId": ""}
TAX = EA | {"ChargeType": "Tax", "MeterName": "", "MeterCategory": "Tax", "MeterSubCategory": "", "Quantity": "",
            "UnitOfMeasure": "", "CostInBillingCurrency": "1.9", "ResourceId": "", "Tags": ""}  # fmt: skip
ROUNDING = TAX | {"ChargeType": "RoundingAdjustment", "CostInBillingCurrency": "-0.000001", "MeterCategory": ""}
DISK = EA | {"MeterCategory": "Storage", "MeterSubCategory": "Premium SSD", "MeterName": "P10 LRS Disk", "Quantity": "0.5",
             "ResourceId": "/subscriptions/5f1e/resourceGroups/rg/providers/Microsoft.Compute/disks/d",
             "UnitOfMeasure": "1/Month", "CostInBillingCurrency": "9", "Tags": "not tags at all {"}  # fmt: skip


def source(**options: str) -> AzureSource:
    assert KIND.connect is connect
    return connect(Setup("az", "acct", options, lambda name: "", lambda: 0))


def sheet(rows: Sequence[Mapping[str, str]]) -> bytes:
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return ("\ufeff" + out.getvalue()).encode()


def page(body: bytes, side: str = "actual", stream: str = "actual_export") -> Page:
    return Page(stream, OCTOBER, 1, f"{side}|0|run", "", body, "acct")


def read(made: AzureSource, rows: Sequence[Mapping[str, str]], side: str = "actual") -> list[BillLine | Rejected]:
    return list(made.parse(page(sheet(rows), side)))


def one(made: AzureSource, row: Mapping[str, str], side: str = "actual") -> BillLine:
    (line,) = read(made, [row], side)
    assert isinstance(line, BillLine), line
    return line
