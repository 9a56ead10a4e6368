"""The truth as a document: money as decimal text, as everywhere outside the process."""

from collections.abc import Sequence

from tallystick.demo.billed import MonthBilled
from tallystick.demo.model import Truth
from tallystick.demo.planted import CENT, FINDING_ACCOUNT, FINDING_CENTS, FINDING_PROJECT, FINDING_WHY
from tallystick.kernel.money import text_from_grains


def to_document(truth: Truth) -> dict[str, object]:
    """What was planted, ready for JSON. Nobody in the product reads it; measurements do."""
    total = sum(truth.month_team_cost.values())
    unowned = sum(cost for (_, team), cost in truth.month_team_cost.items() if not team)
    months: dict[str, dict[str, str]] = {}
    for (month, team), cost in sorted(truth.month_team_cost.items()):
        months.setdefault(month, {})[team] = text_from_grains(cost)
    return {
        **truth.facts,
        "events": truth.events,
        "errors": truth.errors,
        "input_tokens": truth.input_tokens,
        "output_tokens": truth.output_tokens,
        "total": text_from_grains(total),
        "calls_by_month": dict(sorted(truth.calls_by_month.items())),
        "cost_by_month_and_team": months,
        "unowned": {"cost": text_from_grains(unowned), "share": f"{unowned / total:.4f}" if total else "0"},
        "loop_calls": truth.loop_calls,
        "loop_cost": text_from_grains(truth.loop_cost),
        "switch_calls": truth.switch_calls,
        "switch_saving": text_from_grains(truth.switch_saving),
        "unpriced_calls": truth.unpriced_calls,
        "unpriced_tokens": truth.unpriced_tokens,
    }


def bills_document(months: Sequence[MonthBilled], finding_month: str) -> dict[str, object]:
    """What was billed, and why it is not what was metered: the parts sum to the difference, to the grain.

    Parts: `unmetered` (the finding), `ungoverned` (a team's key beside the gateway), `late` (calls of a month's last
    hour that Anthropic books on the next month), `unpriced` (a model that the book does not know), `credit`, `tax`,
    `discount`, `rounding` (of the invoice to whole cents).
    """
    return {
        "finding": {
            "account": FINDING_ACCOUNT,
            "month": finding_month,
            "amount": text_from_grains(FINDING_CENTS * CENT),
            "project": FINDING_PROJECT[0],
            "why": FINDING_WHY,
        },
        "months": [
            {
                "account": one.account,
                "month": one.month,
                "metered": text_from_grains(one.metered),
                "reported": None if one.reported is None else text_from_grains(one.reported),
                "invoiced": text_from_grains(one.invoiced),
                "parts": {name: text_from_grains(grains) for name, grains in sorted(one.parts.items()) if grains},
                "other_cloud": text_from_grains(one.other_cloud),
            }
            for one in months
        ],
    }
