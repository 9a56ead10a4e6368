"""FOCUS's other datasets: invoices, contract commitments and billing periods, kept beside the charges."""

from collections.abc import Mapping, Sequence

from tallystick.connectors.files.native import Column, Columns, Native, first_filled, folded

_INVOICES = {
    "ChargePeriodStart": ("billingperiodstart",),
    "ChargePeriodEnd": ("billingperiodend",),
    "BillingPeriodStart": ("billingperiodstart",),
    "BillingPeriodEnd": ("billingperiodend",),
    "ChargeDescription": ("invoicedetaildescription",),
}
_COMMITMENTS = {
    "ChargePeriodStart": ("contractcommitmentperiodstart",),
    "ChargePeriodEnd": ("contractcommitmentperiodend",),
    "CommitmentDiscountId": ("contractcommitmentid",),
    "ChargeDescription": ("contractcommitmentdescription",),
}
_PERIODS = {
    "ChargePeriodStart": ("billingperiodstart",),
    "ChargePeriodEnd": ("billingperiodend",),
    "BillingPeriodStart": ("billingperiodstart",),
    "BillingPeriodEnd": ("billingperiodend",),
}
_NO_COST = "kept beside the charges, not added to them"


def focus_set(names: Sequence[str]) -> Native | None:
    """Which of them these are the columns of; None where it is none."""
    given = {folded(name) for name in names}
    if "chargeperiodstart" in given:
        return None
    if {"invoicedetailid", "billedcost", "billingperiodstart"} <= given:
        return Native("FOCUS invoice details", "focus_invoice_detail", _INVOICES, needs_cost=True, notes=(_NO_COST,))
    if {"contractcommitmentid", "contractcommitmentperiodstart"} <= given:
        return Native(
            "FOCUS contract commitments", "focus_contract_commitment", _COMMITMENTS, _bought,
            needs_cost=False, slice_column="x_Contract", notes=(_NO_COST,),
        )  # fmt: skip
    if {"billingperiodstatus", "billingperiodstart"} <= given:
        return Native(
            "FOCUS billing periods", "focus_billing_period", _PERIODS, _bought, needs_cost=False, notes=(_NO_COST,)
        )
    return None


def _bought(given: Mapping[str, Column], rows: int) -> Columns:
    """What a commitment is, and who it is with; what it costs stays in its own columns, for it is no charge."""
    found: Columns = {"ChargeCategory": ["Purchase"] * rows}
    parties = [given[name] for name in ("invoiceissuername", "serviceprovidername", "contractid") if name in given]
    if parties and "contractcommitmentid" in given:
        found["x_Contract"] = first_filled(parties)
    return found
