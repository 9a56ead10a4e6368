"""From a request to an answered question: what the pages with figures share."""

import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse

from tallystick.explore.conditions import UNKNOWN, condition_param
from tallystick.explore.describe import compared_text, span_text
from tallystick.explore.model import Breakdown, Filter, Grain, Query, Sums
from tallystick.explore.parse import parse_query
from tallystick.kernel.period import DAY_US
from tallystick.operations.assign_colours import assign_colours
from tallystick.operations.context import now_us
from tallystick.operations.explore import explore
from tallystick.operations.list_values import list_values
from tallystick.org.model import Principal
from tallystick.usage.dimensions import GROUPABLE
from tallystick.web import dates
from tallystick.web.address import Address
from tallystick.web.explore_page import chips
from tallystick.web.site import Site
from tallystick.web.view import Shown, key_of, shown

OWNERS = ("team", "feature", "customer")
PICKED = ("provider", "team")
MOST_VALUES = 200
GROUPINGS = (
    "provider", "team", "feature", "model", "customer", "user", "key", "environment", "project", "product", "department",
    "cost_center", "agent", "workflow", "run", "conversation", "region", "service_tier", "operation_name", "outcome",
    "source", "team,model", "team,feature",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for figures.

    Attributes:
        address: Tidy: no empty field in it.
    """

    site: Site
    principal: Principal
    address: Address
    query: Query
    now_us: int

    def answer(self, query: Query) -> Breakdown:
        """The breakdown of any question, of what this caller may see."""
        return explore(self.site.context, query, self.principal)


def ask(request: Request, site: Site, *, by: str = "", grain: bool = False) -> Ask | RedirectResponse:
    """What a request asks; where its address has empty fields, the way to the tidy one.

    Args:
        request: Its query string is the shared grammar.
        site: The pages' surroundings.
        by: The grouping where the address names none.
        grain: Whether the answer has bars; their width follows the length of the range unless named.

    Raises:
        QueryError: A word nobody knows.
    """
    given = Address.parse(request.url.path, request.url.query)
    address = given.tidy()
    if address != given:
        return RedirectResponse(str(address), 303, headers={"cache-control": "no-store"})
    at = now_us()
    query = parse_query(address.question(), now_us=at, zone=site.context.zone)
    if by and not address.get("by"):
        query = replace(query, group_by=tuple(by.split(",")))
    if grain and query.grain is None:
        query = replace(query, grain=fitting_grain(query))
    return Ask(site, site.principal(request), address, query, at)


def fitting_grain(query: Query) -> Grain:
    """Hours for up to two days, days for up to 13 weeks, then weeks, then months."""
    length = (query.period.end_us - query.period.start_us) // DAY_US
    for most, grain in ((2, "hour"), (92, "day"), (200, "week")):
        if length <= most:
            return grain  # type: ignore[return-value]
    return "month"


def written(asked: Ask, breakdown: Breakdown) -> Shown:
    """How a breakdown is written, with the kept colour of each group."""
    query = breakdown.query
    names = [name for name in (key_of(row, query) for row in breakdown.rows[:60]) if name]
    slots = assign_colours(asked.site.context, ",".join(query.group_by), names)
    return shown(breakdown, {name: f"s{slot}" for name, slot in slots.items()})


def without_owner(asked: Ask) -> tuple[str, Sums] | None:
    """The first owner dimension that no filter fixes, and the sums of the calls that lack it."""
    fixed = {one.dimension for one in asked.query.filters}
    owner = next((name for name in OWNERS if name not in fixed), None)
    if owner is None:
        return None
    filters = (*asked.query.filters, Filter(owner, "is", ("",)))
    lost = asked.answer(replace(asked.query, filters=filters, group_by=(), grain=None, previous=None))
    return owner, lost.total.now


def bar(asked: Ask, *, grouping: bool, picked: tuple[str, ...] = PICKED) -> dict[str, Any]:
    """What the filter bar shows."""
    query, address = asked.query, asked.address
    period, zone = query.period, query.zone
    first, last = dates.days_of(period, zone)
    grouped = ",".join(query.group_by)
    compared = compared_text(query) or "no comparison" if grouping else span_text(period, zone)
    return {
        "address": address,
        "query": query,
        "span": span_text(period, zone),
        "compared": re.sub(r" until \d\d:\d\d", "", compared),  # the hour is in the title, for want of room
        "compared_fully": compared,
        "comparing": grouping,
        "first": first.isoformat(),
        "last": last.fromordinal(last.toordinal() + 1).isoformat(),
        "grouping": (() if not grouping else (*GROUPINGS, *([] if grouped in GROUPINGS else [grouped]))),
        "picks": [pick for dimension in picked if _is_worth(pick := _pick(asked, dimension))],
        "dimensions": sorted(GROUPABLE),
        "chips": chips(query, address),
    }


def _is_worth(pick: tuple[str, list[tuple[str, str]], str]) -> bool:
    """Whether there is anything to choose, of a dimension that calls need not have."""
    dimension, values, chosen = pick
    return dimension in PICKED or bool(chosen) or any(value != UNKNOWN for value, _ in values)


def _pick(asked: Ask, dimension: str) -> tuple[str, list[tuple[str, str]], str]:
    """A dimension's select: its values in the range, and the one chosen."""
    found = list_values(asked.site.context, dimension, asked.query.period, asked.principal, limit=MOST_VALUES)
    filters = [one for one in asked.query.filters if one.dimension == dimension and one.operator == "is"]
    several = condition_param(filters[0])[1] if filters and len(filters[0].values) > 1 else ""
    chosen = filters[0].values[0] if filters and not several else ""
    if filters and not chosen:
        chosen = UNKNOWN
    chosen = next((value for value in found if value.casefold() == chosen.casefold()), chosen)
    values = [(value.replace("|", "\\|"), value) for value in found if value]
    if several:
        chosen = several
        values.append((several, "several"))
    elif chosen and chosen not in found:
        values.append((chosen, chosen))
    if "" in found and chosen != UNKNOWN:
        values.append((UNKNOWN, UNKNOWN))
    return dimension, values, chosen
