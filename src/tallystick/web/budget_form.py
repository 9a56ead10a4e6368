"""The forms of budgets: fields to what the operation takes, and an error to the field it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tallystick.budgets.model import ACTIONS, UNITS, WINDOWS, Budget
from tallystick.budgets.wire import limit_text, threshold_text
from tallystick.kernel.errors import TallyError

Fields = Mapping[str, str]

# What people set budgets by; the API and the command line know the rest.
SCOPES = (
    "team", "feature", "customer", "environment", "project", "product", "department", "agent", "workflow", "provider",
    "model", "key", "user", "customer_tier", "cost_center", "experiment_variant", "lifecycle_stage",
)  # fmt: skip
GROUPS = ("team", "feature", "customer", "user", "key", "agent", "project", "model", "run")
UNIT_WORDS = {"usd": "US dollars", "tokens": "tokens", "requests": "requests"}
ACTION_WORDS = {
    "block": "Refuse the call",
    "degrade": "Ask a cheaper model",
    "alert": "Let it pass and tell people",
    "pause": "Pause work that is not critical",
}
START: Fields = {
    "unit": "usd", "window": "month", "action": "alert", "where_dim": "team", "and_dim": "environment",
    "thresholds": "80%, 100%",
}  # fmt: skip
# Where an error of the operation says another word than the form's field.
_PLACES = {"window_count": "window", "rolling": "window", "carry_over": "window", "until": "lasts", "--for": "lasts"}
_KNOWN = frozenset(
    {"name", "limit", "unit", "window", "action", "degrade_to", "thresholds", "owner", "group_by", "lasts", "reason"}
)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: what was typed, and what is wrong with it.

    Attributes:
        errors: Field to sentence; the empty field is the whole form.
    """

    values: Fields
    errors: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """What a field holds."""
        return self.values.get(name, "")

    def wrong(self, name: str) -> str:
        """What is wrong with a field, empty when nothing is."""
        return self.errors.get(name, "")


def choices() -> dict[str, object]:
    """What the selects offer."""
    return {
        "units": [(one, UNIT_WORDS[one]) for one in UNITS],
        "windows": [(one, _window(one)) for one in WINDOWS if one not in {"run", "conversation"}],
        "actions": [(one, ACTION_WORDS[one]) for one in ACTIONS],
        "scopes": SCOPES,
        "groups": GROUPS,
    }


def _window(word: str) -> str:
    return "in all, for ever" if word == "total" else f"{'an' if word == 'hour' else 'a'} {word}"


def new_wire(fields: Fields) -> dict[str, object]:
    """What the operation takes for a new budget."""
    where = {
        fields.get(f"{part}_dim", ""): _words(fields.get(f"{part}_value", ""))
        for part in ("where", "and")
        if fields.get(f"{part}_value", "").strip()
    }
    group = fields.get("group_by", "")
    return {
        "name": fields.get("name", ""),
        "unit": fields.get("unit", ""),
        "window": fields.get("window", ""),
        "rolling": fields.get("rolling") == "1",
        "where": where,
        "group_by": [group] if group else [],
        **changed_wire(fields),
    }


def changed_wire(fields: Fields) -> dict[str, object]:
    """What the form of an existing budget changes."""
    action = fields.get("action", "")
    return {
        "limit": fields.get("limit", "").replace(",", "").strip().lstrip("$"),
        "action": action,
        # A model left standing there does not make another action wrong.
        "degrade_to": fields.get("degrade_to", "").strip() if action == "degrade" else "",
        "thresholds": _words(fields.get("thresholds", "")),
        "owner": fields.get("owner", ""),
    }


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def of_budget(budget: Budget) -> Fields:
    """What the form of an existing budget holds at first."""
    return {
        "limit": limit_text(budget.unit, budget.limit),
        "action": budget.action,
        "degrade_to": budget.degrade_to,
        "thresholds": ", ".join(threshold_text(one) for one in budget.thresholds),
        "owner": budget.owner,
    }


def failed(fields: Fields, error: TallyError) -> Form:
    """The form again, with the error at its field."""
    steps = f" ({error.next_steps[0]})" if error.next_steps else ""
    return Form(fields, {_place(error.where): f"{error.what}{steps}"})


def _place(where: str) -> str:
    if where.startswith("where"):
        return "where_value"
    word = _PLACES.get(where, where)
    return word if word in _KNOWN else ""
