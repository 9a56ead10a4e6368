"""The truth as a document: money as decimal text, as everywhere outside the process."""

from tallystick.demo.model import Truth
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
