"""AWS's Cost and Usage Report (legacy CSV and Parquet, 2.0) as FOCUS."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tallystick.connectors.files.native import Column, Columns, Native, first_filled, folded
from tallystick.focus.cells import Bad, read_decimal, read_text

_RENAMES = {
    "BillingAccountId": ("billpayeraccountid",),
    "BillingAccountName": ("billpayeraccountname",),
    "BillingPeriodStart": ("billbillingperiodstartdate",),
    "BillingPeriodEnd": ("billbillingperiodenddate",),
    "InvoiceId": ("billinvoiceid",),
    "InvoiceIssuerName": ("billinvoicingentity", "billbillingentity"),
    "SubAccountId": ("lineitemusageaccountid",),
    "SubAccountName": ("lineitemusageaccountname",),
    "ChargePeriodStart": ("lineitemusagestartdate",),
    "ChargePeriodEnd": ("lineitemusageenddate",),
    "ServiceName": ("productproductname", "productservicename", "lineitemproductcode"),
    "SkuId": ("productsku",),
    "SkuPriceId": ("pricingratecode",),
    "SkuMeter": ("lineitemusagetype",),
    "ChargeDescription": ("lineitemlineitemdescription",),
    "RegionId": ("productregioncode", "productregion"),
    "AvailabilityZone": ("lineitemavailabilityzone",),
    "ResourceId": ("lineitemresourceid",),
    "PrincipalId": ("lineitemiamprincipal",),
    "ConsumedQuantity": ("lineitemusageamount",),
    "ConsumedUnit": ("pricingunit",),
    "BilledCost": ("lineitemnetunblendedcost", "lineitemunblendedcost"),
    "ListCost": ("pricingpublicondemandcost",),
    "ListUnitPrice": ("pricingpublicondemandrate",),
    "BillingCurrency": ("lineitemcurrencycode",),
    "CommitmentDiscountId": ("savingsplansavingsplanarn", "reservationreservationarn"),
    "Tags": ("resourcetags", "tags"),
}
_CATEGORIES = {
    "Usage": "Usage", "DiscountedUsage": "Usage", "SavingsPlanCoveredUsage": "Usage", "SavingsPlanNegation": "Usage",
    "Tax": "Tax", "Credit": "Credit", "Refund": "Credit", "Fee": "Purchase", "RIFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase", "SavingsPlanRecurringFee": "Purchase", "BundledDiscount": "Credit",
    "EdpDiscount": "Credit", "PrivateRateDiscount": "Credit", "Discount": "Credit",
}  # fmt: skip
# What a line costs where its price was paid otherwise: added columns, then those taken off. Nothing: it costs 0.
_EFFECTIVE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SavingsPlanCoveredUsage": (("savingsplansavingsplaneffectivecost",), ()),
    "SavingsPlanRecurringFee": (("savingsplantotalcommitmenttodate",), ("savingsplanusedcommitment",)),
    "SavingsPlanNegation": ((), ()),
    "SavingsPlanUpfrontFee": ((), ()),
    "DiscountedUsage": (("reservationeffectivecost",), ()),
    "RIFee": (
        ("reservationunusedamortizedupfrontfeeforbillingperiod", "reservationunusedrecurringfee"), (),
    ),
}  # fmt: skip
_AI_CODES = frozenset({
    "AmazonBedrock", "AmazonBedrockService", "AmazonSageMaker", "AmazonBedrockAgentCore", "comprehend", "AmazonPolly",
    "AmazonRekognition", "AmazonTextract", "AmazonLex", "AmazonKendra", "AmazonQ", "transcribe", "translate",
})  # fmt: skip


def is_aws_bill(names: Sequence[str]) -> bool:
    """Whether these are columns of a Cost and Usage Report."""
    given = {folded(name) for name in names}
    return {"lineitemusagestartdate", "lineitemunblendedcost", "lineitemlineitemtype"} <= given


def aws_bill() -> Native:
    """How its columns are called in FOCUS; effective costs are amortised as AWS does it."""
    return Native("AWS Cost and Usage Report", "aws_cur", _RENAMES, _work_out, _tag)


def _work_out(given: Mapping[str, Column], rows: int) -> Columns:
    nothing: Column = [None] * rows
    kinds = [read_text(one) for one in given.get("lineitemlineitemtype", nothing)]
    codes = [read_text(one) for one in given.get("lineitemproductcode", nothing)]
    return {
        "EffectiveCost": _effective(given, kinds, rows),
        "ChargeCategory": [_CATEGORIES.get(one, one) for one in kinds],
        "ServiceProviderName": ["AWS"] * rows,
        "HostProviderName": ["AWS"] * rows,
        "ServiceCategory": ["AI and Machine Learning" if one in _AI_CODES else "" for one in codes],
    }


def _effective(given: Mapping[str, Column], kinds: Sequence[str], rows: int) -> Column:
    nothing: Column = [None] * rows
    given_costs = [given[one] for one in ("lineitemnetunblendedcost", "lineitemunblendedcost") if one in given]
    plain = first_filled(given_costs)
    bought = given.get("reservationreservationarn", nothing)
    return [
        "0"
        if kind == "Fee" and read_text(bought[row])
        else _amortised(given, kind, row)
        if kind in _EFFECTIVE
        else cell
        for row, (kind, cell) in enumerate(zip(kinds, plain, strict=True))
    ]


def _amortised(given: Mapping[str, Column], kind: str, row: int) -> object:
    total = Decimal(0)
    for sign, names in zip((1, -1), _EFFECTIVE[kind], strict=True):
        for name in names:
            if name not in given:
                return None
            amount = read_decimal(given[name][row])
            if isinstance(amount, Bad):
                return given[name][row]
            total += sign * (amount or 0)
    return total


def _tag(name: str) -> str:
    for start in ("resourceTags/", "resource_tags_"):
        if name.startswith(start):
            return name[len(start) :]
    return ""
