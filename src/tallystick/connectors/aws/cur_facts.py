"""What the columns of a Cost and Usage Report say together: who pays, what was sold, which tags."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from tallystick.connectors.aws.bedrock import is_bedrock, model_id, named, of_resource, read_usage_type
from tallystick.connectors.aws.cells import BadCell, at, text
from tallystick.connectors.aws.charge_costs import COVERED, category_of
from tallystick.connectors.aws.regions import region_of_prefix
from tallystick.connectors.aws.services import AI, category_of_service
from tallystick.connectors.aws.sheet import tag_key
from tallystick.connectors.aws.tags import read_map
from tallystick.kernel.period import moment
from tallystick.ports import Page

_Cell = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the operator said of how reports are read.

    Attributes:
        tags: Dimension → tag.
        market_unit: What one of the Marketplace's "Units" is (`1M Tokens`); empty where only the row may say.
        profiles: Application inference profile (its id or ARN) → model.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    market_unit: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """What was sold, whose and of which meter: attributes of a line by name, and what is worked out from them."""

    values: dict[str, Any]
    ai: bool
    market: bool
    meter: str


# What `service_of`, `owner_of` and `tags_of` read.
SERVICE_COLUMNS = (
    "product", "product_servicecode", "product_servicename", "product_product_name", "product_region_code",
    "product_region", "line_item_product_code", "line_item_operation", "line_item_usage_type", "bill_billing_entity",
    "bill_invoicing_entity",
)  # fmt: skip
OWNER_COLUMNS = (
    "bill_payer_account_id", "bill_payer_account_name", "bill_billing_period_start_date",
    "bill_billing_period_end_date", "bill_invoice_id", "line_item_currency_code", "line_item_usage_account_id",
    "line_item_usage_account_name",
)  # fmt: skip
TAG_MAPS = ("tags", "resource_tags", "cost_category")


def tags_of(own: Sequence[tuple[str, Any]], maps: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """The tags of a row: from columns of their own by tag, then from columns of maps by column.

    Raises:
        BadCell: A map is none.
    """
    tags = {name: str(cell) for name, cell in own if cell}
    for name, cell in maps:
        try:
            found = read_map(cell)
        except (ValueError, TypeError):
            raise BadCell(f"{name} holds {str(cell)[:60]!r}, which is no map") from None
        tags |= {_tag_of(name, key): value for key, value in found.items()}
    return tags


def service_of(cell: _Cell, reading: Reading) -> Service:
    """What the columns of `SERVICE_COLUMNS`, and the resource of Bedrock's rows, say.

    Raises:
        BadCell: The product is no map.
    """
    try:
        product = read_map(cell("product"))
    except (ValueError, TypeError):
        raise BadCell(f"product holds {str(cell('product'))[:60]!r}, which is no map") from None
    service, code = text(cell("product_servicecode")), text(cell("line_item_product_code"))
    name = text(cell("product_product_name")) or product.get("product_name", "")
    operation, usage = text(cell("line_item_operation")), text(cell("line_item_usage_type"))
    market = text(cell("bill_billing_entity")) == "AWS Marketplace"
    bedrock = is_bedrock(code, service, operation, name, usage)
    values: dict[str, Any] = {
        "service_name": name or product.get("servicename", "") or text(cell("product_servicename")) or service or code,
        "region": text(cell("product_region_code") or cell("product_region")) or product.get("region", ""),
        "service_provider_name": _maker(name) if market else "AWS", "host_provider_name": "AWS",
        "invoice_issuer_name": text(cell("bill_invoicing_entity")),
        "service_category": AI if bedrock else category_of_service(service, code),
    }  # fmt: skip
    values["region"] = values["region"] or region_of_prefix(usage.partition("-")[0])
    meter = ""
    values["ai"] = bedrock or values["service_category"] == AI
    if bedrock:
        spoken = read_usage_type(usage)
        meter = spoken.meter
        values |= {
            "provider": "aws.bedrock", "meter": meter, "service_tier": spoken.tier, "context": spoken.context,
            "raw_model": _model(reading, text(cell("line_item_resource_id")), spoken.model, name, world=spoken.world),
            "service_subcategory": "Generative AI",
        }  # fmt: skip
    return Service(values, values["ai"], market, meter)


def owner_of(cell: _Cell, wanted: str) -> dict[str, Any]:
    """Who pays, on which bill: attributes of a line by name, from `OWNER_COLUMNS`.

    Raises:
        BadCell: It is of no bill, or of another month than the wanted one.
    """
    payer = text(cell("bill_payer_account_id"))
    starts = at(cell("bill_billing_period_start_date"))
    if not payer or starts is None:
        raise BadCell("bill_payer_account_id or bill_billing_period_start_date is empty")
    month = f"{moment(starts).astimezone(UTC):%Y-%m}"
    if month != wanted:
        raise BadCell(f"it is of the bill of {month}, and lies in that of {wanted}")
    return {
        "slice_key": f"{payer}/{month}", "billing_account_id": payer, "billing_period_start": starts,
        "billing_account_name": text(cell("bill_payer_account_name")),
        "billing_period_end": at(cell("bill_billing_period_end_date")),
        "invoice_id": text(cell("bill_invoice_id")), "currency": _currency(cell),
        "sub_account_id": text(cell("line_item_usage_account_id")),
        "sub_account_name": text(cell("line_item_usage_account_name")),
    }  # fmt: skip


def _model(reading: Reading, resource: str, spoken: str, product: str, *, world: bool) -> str:
    """The usage type names what was priced; where it does not, the product or the resource does."""
    own = reading.profiles.get(resource) or reading.profiles.get(resource.rpartition("/")[2], "")
    return model_id(spoken or own or of_resource(resource) or named(product), world=world)


def month_of_page(page: Page) -> str:
    """`2026-11`."""
    return f"{moment(page.window.start_us).astimezone(UTC):%Y-%m}"


def _tag_of(column: str, key: str) -> str:
    if column == "tags":
        return key
    return f"costCategory/{key}" if column == "cost_category" else f"resourceTags/{tag_key(key)}"


def _currency(cell: _Cell) -> str:
    found = text(cell("line_item_currency_code"))
    if len(found) != 3:
        raise BadCell(f"{found!r} is no currency")
    return found.upper()


def pricing_of(kind: str) -> str:
    """FOCUS's PricingCategory."""
    if kind in COVERED:
        return "Committed"
    return "Standard" if category_of(kind) in {"Usage", "Purchase"} else ""


def _maker(product: str) -> str:
    """Who sells on the Marketplace, as far as the product's name says."""
    return "Anthropic" if product.startswith("Claude") else ""
