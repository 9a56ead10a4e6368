"""The columns of Azure's cost details: what fills which attribute, and what is left out on purpose.

Enterprise agreements write `CostInBillingCurrency`, customer agreements `costInBillingCurrency`, older
exports `PreTaxCost`; names are compared in small letters. What no attribute holds lands in `extra`.
"""

# Attribute or meaning → the columns that give it, the first that has a value holds.
COLUMNS: dict[str, tuple[str, ...]] = {
    "date": ("date", "usagedatetime", "usagedate"),
    "cost": ("costinbillingcurrency", "cost", "pretaxcost"),
    "currency": ("billingcurrency", "billingcurrencycode", "currency"),
    "quantity": ("quantity", "usagequantity"),
    "unit": ("unitofmeasure",),
    "meter": ("metername", "meter"),
    "service_name": ("metercategory",),
    "service_subcategory": ("metersubcategory", "metersubcategoryname"),
    "service_category": ("servicefamily",),
    "charge_description": ("productname", "product"),
    "sku_id": ("meterid",),
    "sku_price_id": ("partnumber",),
    "resource_id": ("resourceid", "instanceid"),
    "resource_name": ("resourcename",),
    "region": ("resourcelocationnormalized", "resourcelocation"),
    "charge_type": ("chargetype",),
    "charge_frequency": ("frequency",),
    "pricing_model": ("pricingmodel",),
    "commitment_id": ("benefitid", "reservationid"),
    "billing_from": ("billingperiodstartdate",),
    "billing_to": ("billingperiodenddate",),
    "billing_account_id": ("billingaccountid",),
    "billing_account_name": ("billingaccountname",),
    "sub_account_id": ("subscriptionid", "subscriptionguid"),
    "sub_account_name": ("subscriptionname",),
    "invoice_id": ("invoiceid",),
    "publisher": ("publishername",),
    "unit_price": ("unitprice",),
    "list_price": ("paygprice",),
    "list_cost": ("paygcostinbillingcurrency",),
    "pricing_currency": ("pricingcurrency", "pricingcurrencycode"),
    "pricing_cost": ("costinpricingcurrency",),
    "tags": ("tags",),
    "cost_center": ("costcenter",),
}
TEXTS = (
    "service_name", "service_subcategory", "service_category", "charge_description", "sku_id", "sku_price_id",
    "resource_id", "resource_name", "commitment_id", "billing_account_id", "billing_account_name", "sub_account_id",
    "sub_account_name", "invoice_id",
)  # fmt: skip
# Column in small letters → why nothing keeps it.
IGNORED: dict[str, str] = {
    "accountownerid": "the address of whoever administers the account: personal, and nobody who used anything",
    "costinusd": "the same cost in another currency; currencies are never mixed",
    "paygcostinusd": "the same list cost in another currency",
}

CATEGORIES: dict[str, str] = {
    "usage": "Usage",
    "purchase": "Purchase",
    "refund": "Purchase",
    "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage",
    "roundingadjustment": "Adjustment",
    "tax": "Tax",
    "credit": "Credit",
    "adjustment": "Adjustment",
}
PRICING: dict[str, str] = {
    "ondemand": "Standard",
    "reservation": "Committed",
    "savingsplan": "Committed",
    "spot": "Dynamic",
}
FREQUENCIES: dict[str, str] = {"usagebased": "Usage-Based", "recurring": "Recurring", "onetime": "One-Time"}
