"""Oracle's cost reports as FOCUS."""

from collections.abc import Mapping, Sequence

from tallystick.connectors.files.native import Column, Columns, Native, folded

_RENAMES = {
    "BillingAccountId": ("lineitemtenantid",),
    "ChargePeriodStart": ("lineitemintervalusagestart",),
    "ChargePeriodEnd": ("lineitemintervalusageend",),
    "ServiceName": ("productservice",),
    "SubAccountId": ("productcompartmentid",),
    "SubAccountName": ("productcompartmentname",),
    "RegionId": ("productregion",),
    "AvailabilityZone": ("productavailabilitydomain",),
    "ResourceId": ("productresourceid",),
    "ConsumedQuantity": ("usagebilledquantity",),
    "ConsumedUnit": ("costskuunitdescription", "costbillingunitreadable"),
    "SkuId": ("costproductsku",),
    "SkuMeter": ("productdescription",),
    "ContractedUnitPrice": ("costunitprice",),
    "BilledCost": ("costmycost",),
    "EffectiveCost": ("costmycost",),
    "BillingCurrency": ("costcurrencycode",),
}


def is_oci_bill(names: Sequence[str]) -> bool:
    """Whether these are columns of Oracle's cost report."""
    return {"lineitemreferenceno", "lineitemintervalusagestart", "costmycost"} <= {folded(name) for name in names}


def oci_bill() -> Native:
    """How its columns are called in FOCUS; it has one cost, which is billed and effective."""
    return Native("Oracle cost report", "oci_cost", _RENAMES, _work_out, _tag)


def _work_out(given: Mapping[str, Column], rows: int) -> Columns:
    corrections = given.get("lineitemiscorrection", ())
    services = given.get("productservice", [""] * rows)
    return {
        "ChargeCategory": ["Usage"] * rows,
        "ChargeClass": ["Correction" if str(one).lower() == "true" else "" for one in corrections] or [""] * rows,
        "ServiceProviderName": ["Oracle"] * rows,
        "InvoiceIssuerName": ["Oracle"] * rows,
        "ServiceCategory": ["AI and Machine Learning" if _is_ai(str(one)) else "" for one in services],
    }


def _is_ai(service: str) -> bool:
    text = service.lower().replace("_", " ")
    return any(word in text for word in ("generative ai", "data science", "ai language", "ai vision", "ai speech"))


def _tag(name: str) -> str:
    return name[5:] if name.startswith("tags/") else ""
