"""A line of a bill or of a provider's report, in FOCUS's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

# Who speaks, from the weakest to the strongest: counted usage without money, money without an
# invoice, the invoice. The stronger decides the amount, the weaker keeps what it alone knows.
Layer = Literal["usage", "cost", "invoice"]
LAYERS: tuple[Layer, ...] = ("usage", "cost", "invoice")
ChargeCategory = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
CATEGORIES: tuple[ChargeCategory, ...] = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
# Datasets that stand beside the charges and are never added to them: what an invoice's lines sum to, which contracts
# there are, which periods are closed; estimates of usage that is counted elsewhere.
APART: frozenset[str] = frozenset(
    {"focus_invoice_detail", "focus_contract_commitment", "focus_billing_period", "claude_code"}
)


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line as a source gives it. What the source does not say is empty or None, never guessed.

    Attributes:
        layer: Usage reports carry no money of their own: they are rated by our book when they are loaded.
        dataset: The stream or kind of file: `costs`, `usage_completions`, `cur2`, `focus`.
        slice_key: What a later load of the source replaces whole: `2026-10-03`, `123456789012/2026-10`.
        line_no: Place in its page or file, from 1.
        charge_period_start, charge_period_end: Microseconds UTC, start in, end out.
        billing_period_start, billing_period_end: Likewise, None where the source has no such period.
        provider: As the gateway writes it (`openai`, `anthropic`, `aws.bedrock`); empty for what is no AI.
        provider_account: Our name of the account: that of the metered charges it covers.
        credential_id: The provider's own id of the key that was used; `principal`: of the person or role.
        ai: Whether it is AI spend; other cloud spend is kept beside it.
        raw_model: As the source writes it; `model` is canonical, filled when the line is loaded.
        meter: One of ours (`usage.meters`), empty where the line is of none or of several.
        service_tier: "" is the ordinary one; `batch`, `flex`, `priority` …
        context: `long` for a long-context price, else empty.
        quantity: Whole units of `meter` as the ledger counts them (seconds in microseconds).
        consumed_quantity, pricing_quantity: As the source gives them, in its units.
        billed_cost … contracted_cost: Grains of `currency`.
        list_unit_price, contracted_unit_price: Grains per pricing unit.
        dimensions: Attribution that the source itself knows (from tags, by the source's mapping).
        extra: Columns that no attribute holds, by the source's own name, as text: nothing is lost.
    """

    layer: Layer
    dataset: str
    slice_key: str
    line_no: int
    charge_period_start: int
    charge_period_end: int
    currency: str
    charge_category: ChargeCategory = "Usage"
    charge_class: str = ""
    charge_description: str = ""
    charge_frequency: str = ""
    pricing_category: str = ""
    billing_period_start: int | None = None
    billing_period_end: int | None = None
    provider: str = ""
    provider_account: str = ""
    service_provider_name: str = ""
    host_provider_name: str = ""
    invoice_issuer_name: str = ""
    invoice_id: str = ""
    billing_account_id: str = ""
    billing_account_name: str = ""
    sub_account_id: str = ""
    sub_account_name: str = ""
    credential_id: str = ""
    principal: str = ""
    service_category: str = ""
    service_subcategory: str = ""
    service_name: str = ""
    resource_id: str = ""
    resource_name: str = ""
    region: str = ""
    sku_id: str = ""
    sku_price_id: str = ""
    sku_meter: str = ""
    commitment_id: str = ""
    ai: bool = True
    raw_model: str = ""
    model: str = ""
    meter: str = ""
    service_tier: str = ""
    context: str = ""
    quantity: int | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str = ""
    pricing_quantity: Decimal | None = None
    pricing_unit: str = ""
    pricing_currency: str = ""
    pricing_currency_cost: int | None = None
    list_unit_price: int | None = None
    contracted_unit_price: int | None = None
    billed_cost: int | None = None
    effective_cost: int | None = None
    list_cost: int | None = None
    contracted_cost: int | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that cannot be used.

    Attributes:
        line_no: Place in its page or file, from 1; 0 where the page itself is meant.
        reason: What was found and what was needed, for its owner.
        raw: The line as it stood, as far as it could be read.
    """

    line_no: int
    reason: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Brought:
    """What the loads of a source that count have brought.

    Attributes:
        accounts: Provider accounts that its lines are of, by name.
        first_at, last_at: Begins of its first and its latest charge.
        file: Of the newest load; empty where it was fetched.
    """

    source: str
    accounts: tuple[str, ...]
    lines: int
    rejected: int
    first_at: int | None
    last_at: int | None
    loaded_at: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """One replacement of one slice of a source by what was read last.

    Attributes:
        load_id: On every line it brought.
        slice_key: Of `BillLine`; the newest finished load of a slice is the one that counts.
        content_hash: Of what was read: the same content again is no new load.
        sums: Column name → grains, of the lines; for whoever compares loads.
        superseded_at: When a later load took its place; None while it counts.
    """

    load_id: str
    source: str
    dataset: str
    slice_key: str
    provider_account: str
    content_hash: str
    loaded_at: int
    rows: int
    rejected: int
    currency: str = ""
    first_at: int | None = None
    last_at: int | None = None
    sums: Mapping[str, int] = field(default_factory=dict)
    file: str = ""
    superseded_at: int | None = None
