"""The overview: are we on track, what changed, what needs me today. Only with what is known now."""

from collections.abc import Iterable
from dataclasses import dataclass

from tallystick.charts.format import change, count, percent, whole_money
from tallystick.explore.describe import delta, label, largest_movers
from tallystick.explore.model import Breakdown, Row
from tallystick.web.address import Address
from tallystick.web.drill import title
from tallystick.web.view import tokens

MOST_CHANGES = 7
MOST_TODOS = 5


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One mover: what, by how much, and the way to it."""

    dimension: str
    name: str
    href: str
    amount: str
    ratio: str
    direction: str
    arrow: str


@dataclass(frozen=True, slots=True)
class Todo:
    """Something that wants a decision, with the figure behind it."""

    text: str
    why: str
    href: str
    action: str


def changes(breakdowns: Iterable[Breakdown], address: Address) -> tuple[ChangeLine, ...]:
    """The largest movers over several groupings, money first. A thing is named once."""
    found: list[tuple[Row, str, str]] = []
    for one in breakdowns:
        dimension = one.query.group_by[0]
        found += [(row, dimension, one.query.currency) for row in largest_movers(one.rows, MOST_CHANGES)]
    found.sort(key=lambda mover: -abs(delta(mover[0])))
    return tuple(_line(row, dimension, currency, address) for row, dimension, currency in found[:MOST_CHANGES])


def _line(row: Row, dimension: str, currency: str, address: Address) -> ChangeLine:
    value = row.group[dimension]
    moved = change(row.now.cost or 0, (row.before.cost or 0) if row.before else 0, currency)
    onward = "feature" if dimension in {"team", "model"} else "model"
    href = str(address.to("/explore").filtered(dimension, value).having(by=onward))
    return ChangeLine(
        title(dimension),
        value or f"no {label(dimension)}",
        href,
        moved.amount,
        moved.ratio,
        moved.direction,
        moved.arrow,
    )


def todos(by_owner: Breakdown, by_model: Breakdown, address: Address) -> tuple[Todo, ...]:
    """At most five things to do, the dearest first."""
    explore, total = address.to("/explore"), by_owner.total.now
    found = []
    owner = by_owner.query.group_by[0]
    unowned = next((row for row in by_owner.rows if not row.group[owner]), None)
    if unowned is not None and unowned.now.cost:
        share = percent(unowned.now.cost, total.cost or 0)
        found.append(
            Todo(
                f"{whole_money(unowned.now.cost, by_owner.query.currency)} has no {owner}",
                f"{share} of the cost, {count(unowned.now.calls)} calls",
                str(explore.filtered(owner, "").having(by="key")),
                "See which keys",
            )
        )
    found += [_unpriced(row, explore) for row in by_model.rows if row.now.unpriced_calls]
    if total.errors * 50 > total.attempts > 0:
        share = percent(total.errors, total.attempts)
        why = f"{count(total.errors)} of {count(total.attempts)} attempts"
        found.append(
            Todo(
                f"{share} of calls failed",
                why,
                str(explore.filtered("outcome", "error").having(by="model")),
                "See which models",
            )
        )
    if total.estimated_calls * 100 > total.calls > 0:
        why = f"{count(total.estimated_calls)} of {count(total.calls)} calls ended before the provider reported their usage"
        found.append(
            Todo(
                f"{percent(total.estimated_calls, total.calls)} of calls are estimated",
                why,
                str(explore.having(by="outcome")),
                "See how they ended",
            )
        )
    return tuple(found[:MOST_TODOS])


def _unpriced(row: Row, explore: Address) -> Todo:
    model = row.group["model"] or "unknown model"
    missing = (
        f"{count(row.now.unpriced_tokens)} of {count(tokens(row.now))} tokens in {count(row.now.unpriced_calls)} calls"
    )
    return Todo(
        f"No price for {model}",
        missing,
        str(explore.to("/requests").filtered("model", row.group["model"])),
        "See the calls",
    )
