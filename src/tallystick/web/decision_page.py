"""Why a call went as it went: the stored decision, first in plain words, then every figure of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tallystick.budgets.explain import words
from tallystick.budgets.model import UNITS, Unit
from tallystick.budgets.wire import limit_text
from tallystick.charts.format import count, money, percent
from tallystick.explore.describe import label
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.operations.explain_decision import Explained
from tallystick.usage.model import UsageEvent
from tallystick.web import dates
from tallystick.web.budget_words import named
from tallystick.web.requests_page import VERDICTS, Mark, marks
from tallystick.web.view import Figure, exact

Json = Mapping[str, Any]

_FROM = {
    "locked": "locked in the key",
    "default": "default of the key",
    "request": "known of the call itself",
    "header": "stated by the caller in a header",
    "body": "stated by the caller in the request",
}
_PRICES = {
    "exact": "at list price",
    "ceiling": "no price is known, so a high one is assumed",
    "unknown": "no price is known",
    "covered": "paid by a subscription",
}
_SHOWN = frozenset(
    {
        "at", "at_text", "verdict", "code", "reason", "breaking", "reset", "alerts", "identity", "dimensions",
        "unknown_price", "rules", "models", "max_tokens", "counters", "model", "bound", "budgets", "first_try", "outcome",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One budget as the call found it.

    Attributes:
        room: ``room``, ``no room``, or what is not known.
    """

    name: str
    href: str
    group: str
    window: str
    limit: Figure
    posted: Figure
    reserved: Figure
    asked: Figure
    room: Mark
    action: str
    more: tuple[tuple[str, Figure], ...]


@dataclass(frozen=True, slots=True)
class TryPage:
    """One asking: of which model, for how much, and what each budget said."""

    model: str
    bound: tuple[tuple[str, Figure], ...]
    budgets: tuple[BudgetLine, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the same call."""

    href: str
    number: Figure
    at: str
    model: str
    reason: str
    outcome: str
    marks: tuple[Mark, ...]
    cost: Figure
    bound: Figure
    this: bool


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A decision, written.

    Attributes:
        lead: In plain words.
        missing: Why there is no decision; the rest is empty then.
    """

    lead: str
    mark: Mark | None
    missing: str = ""
    facts: tuple[tuple[str, Figure], ...] = ()
    dimensions: tuple[tuple[str, str, str], ...] = ()
    tried: TryPage | None = None
    first: TryPage | None = None
    rules: tuple[tuple[str, str], ...] = ()
    attempts: tuple[Attempt, ...] = ()


def decision_page(explained: Explained, attempts: Sequence[UsageEvent], zone: str) -> DecisionPage:
    """The decision of one row and all attempts of its call."""
    event, told = explained.event, explained.decision
    mark = Mark(event.verdict, *VERDICTS.get(event.verdict, ("", "it passed"))) if event.verdict else None
    tries = tuple(_attempt(one, event.event_id, zone) for one in attempts) if len(attempts) > 1 else ()
    if told is None:
        return DecisionPage("", mark, explained.missing, attempts=tries)
    first = told.get("first_try")
    return DecisionPage(
        lead=_lead(event, told),
        mark=mark,
        facts=(*_facts(event, told, zone), *_rest(told)),
        dimensions=tuple(
            (named(name), str(one.get("value", "")), _FROM.get(one.get("from", ""), str(one.get("from", ""))))
            for name, one in _map(told.get("dimensions")).items()
        ),
        tried=_try(told, zone),
        first=_try(first, zone) if isinstance(first, dict) else None,
        rules=tuple((str(one.get("id", "")), _effect(one)) for one in _list(told.get("rules"))),
        attempts=tries,
    )


def _lead(event: UsageEvent, told: Json) -> str:
    reason = str(told.get("reason") or "")
    if reason:
        return f"{reason[:1].upper()}{reason[1:]}."
    if told.get("verdict") == "cached":
        return "Our cache had the answer, so no provider was asked and no budget was touched."
    budgets = _list(told.get("budgets"))
    if not budgets:
        return "No budget covers this call, so it passed as it came."
    most = (told.get("bound") or {}).get("amount_text", "")
    each = "The budget that covers it" if len(budgets) == 1 else f"All {len(budgets)} budgets that cover it"
    return f"{each} had room for what it may cost at most{f' ({most})' if most else ''}, so it passed."


def _facts(event: UsageEvent, told: Json, zone: str) -> list[tuple[str, Figure]]:
    """What is said of the whole call, one line each."""
    identity, models, counters = (_map(told.get(name)) for name in ("identity", "models", "counters"))
    requested, sent = str(models.get("requested", "")), str(models.get("sent", ""))
    model = requested if sent in {"", requested} else f"{requested} was asked for, {sent} was sent"
    pairs = [
        ("Decided", _at(told.get("at"), zone)),
        ("Key", Figure(" ".join(filter(None, (identity.get("id"), _bracketed(identity.get("kind"))))))),
        ("Model", Figure(model)),
        ("Refused as", Figure(str(told.get("code") or ""))),
        ("Try again", _at(told.get("reset"), zone)),
        ("Told over their limit", Figure(", ".join(_names(told, _list(told.get("alerts")))))),
        *_max_tokens(_map(told.get("max_tokens"))),
        ("Counters", Figure(", ".join(filter(None, (str(counters.get("kind", "")), str(counters.get("state", ""))))))),
        ("Where no price is known", Figure(_policy(str(told.get("unknown_price") or "")))),
        *_outcome(event),
    ]
    return [pair for pair in pairs if pair[1].text]


def _outcome(event: UsageEvent) -> list[tuple[str, Figure]]:
    """What came of it, against what it could have cost."""
    bound, cost = event.bound_cost, event.effective_cost
    said = money(cost, event.currency) if cost is not None else "unknown"
    if event.outcome == "refused":
        said = "nothing: no provider was asked"
    if bound is not None and cost is not None and bound > 0:
        said += f", {percent(cost, bound)} of what was held for it"
    pairs = [("Held for it", _money(bound, event))] if bound is not None else []
    pairs.append(("It cost", Figure(said, exact(cost))))
    for name, tokens in (("Tokens in", event.measured.input_tokens), ("Tokens out", event.measured.output_tokens)):
        pairs += [(name, _count(tokens))] if tokens is not None else []
    return [*pairs, *([("Status", Figure(str(event.status), str(event.status)))] if event.status else [])]


def _max_tokens(limits: Json) -> list[tuple[str, Figure]]:
    requested, granted = limits.get("requested"), limits.get("granted")
    by = " (set by the gateway, so that it fits)" if limits.get("set_by_gateway") else ""
    pairs = [("Largest answer asked for", _count(requested))] if requested is not None else []
    if granted is not None:
        pairs.append(("Largest answer in force", Figure(f"{count(granted)} tokens{by}", str(granted))))
    return pairs


def _policy(word: str) -> str:
    return {"ceiling": "a high one is assumed", "block": "the call is refused", "allow": "the call passes"}.get(
        word, word
    )


def _bracketed(text: object) -> str:
    return f"({text})" if text else ""


def _names(told: Json, ids: Iterable[object]) -> list[str]:
    known = {one.get("id"): str(one.get("name", "")) for one in _list(told.get("budgets"))}
    return [known.get(one) or str(one) for one in ids]


def _rest(told: Json) -> list[tuple[str, Figure]]:
    """What a newer gateway may have written beside, and what it noted at the end."""
    found = {**{name: value for name, value in told.items() if name not in _SHOWN}, **_map(told.get("outcome"))}
    return [(label(name), Figure(str(value), str(value))) for name, value in found.items() if value not in (None, "")]


def _effect(rule: Json) -> str:
    effect = str(rule.get("effect", ""))
    return "in shadow: it would have had an effect" if effect == "shadow" else effect


def _try(told: Json, zone: str) -> TryPage | None:
    bound = told.get("bound")
    if not isinstance(bound, dict):
        return None
    budgets = tuple(_budget(one, zone) for one in _list(told.get("budgets")))
    return TryPage(str(told.get("model") or _map(told.get("models")).get("sent", "")), tuple(_bound(bound)), budgets)


def _bound(bound: Json) -> Iterable[tuple[str, Figure]]:
    amount = bound.get("amount")
    if amount is not None:
        price = _PRICES.get(str(bound.get("price")), str(bound.get("price", "")))
        yield (
            "It may cost up to",
            Figure(f"{bound.get('amount_text') or money(amount)}, {price}", text_from_grains(amount)),
        )
    if bound.get("source"):
        yield "Computed", Figure(str(bound["source"]))
    if bound.get("unbounded"):
        yield "Nothing bounds it", Figure(str(bound["unbounded"]))
    yield "Input at most", _count(bound.get("input_tokens"))
    capped = " (capped by the request)" if bound.get("capped") else ""
    output = bound.get("output_tokens")
    if output is not None:
        yield "Output at most", Figure(f"{count(output)} tokens{capped}", str(output))
    choices = bound.get("choices")
    if choices is not None:
        yield "Answers asked for", Figure(count(choices), str(choices))
    if bound.get("price_id"):
        yield "Price card", Figure(str(bound["price_id"]))


def _budget(one: Json, zone: str) -> BudgetLine:
    unit: Unit = one["unit"] if one.get("unit") in UNITS else "requests"
    group = ", ".join(f"{named(name)} {value or 'not stated'}" for name, value in _map(one.get("group")).items())
    action = str(one.get("action", ""))
    budget_id = str(one.get("id", ""))
    return BudgetLine(
        name=str(one.get("name") or budget_id),
        href=f"/budgets/{quote(budget_id, safe=':')}",
        group=group,
        window=_window(one),
        limit=_amount(unit, one.get("limit")),
        posted=_amount(unit, one.get("posted")),
        reserved=_amount(unit, one.get("reserved")),
        asked=_amount(unit, one.get("asked"), up=True),
        room=_room(one),
        action=f"{action} to {one['degrade_to']}" if one.get("degrade_to") else action,
        more=tuple(_more(one, zone)),
    )


def _room(one: Json) -> Mark:
    room = one.get("has_room")
    if room is None:
        return Mark("not asked", "warn", "the counters could not be asked")
    if room:
        return Mark("room", "", "the call fitted")
    return Mark("no room", "bad" if one.get("enforced", True) else "warn", "the call did not fit")


def _window(one: Json) -> str:
    number = one.get("window_count", 1)
    rolling = "rolling " if one.get("rolling") else ""
    return f"{rolling}{f'{number} ' if number != 1 else ''}{one.get('window', '')}{'s' if number != 1 else ''}"


def _more(one: Json, zone: str) -> Iterable[tuple[str, Figure]]:
    """What is said of a budget beside its amounts."""
    for name, text in (
        ("window_start", "Window from"),
        ("window_end", "Window until"),
        ("tripped_until", "Open until"),
    ):
        if one.get(name):
            yield text, _at(one[name], zone)
    for name, text, usual, unit in (
        ("trip_seconds", "Stops calls for", 0, " s"),
        ("window_count", "Windows counted", 1, ""),
    ):
        if one.get(name, usual) != usual:
            yield text, Figure(f"{one[name]}{unit}", str(one[name]))
    if not one.get("enforced", True):
        yield "Counted", Figure("without refusing")
    if one.get("on_claims"):
        yield "By header", Figure(", ".join(named(str(name)) for name in one["on_claims"]))
    yield from (
        (label(name), Figure(str(one[name]).lower())) for name in ("fail", "unknown_price", "strict") if one.get(name)
    )


def _attempt(event: UsageEvent, here: str, zone: str) -> Attempt:
    return Attempt(
        href=f"/requests/{event.event_id}",
        number=Figure(str(event.attempt), str(event.attempt)),
        at=dates.clock_short(event.occurred_at, zone),
        model=event.sent_model or event.request_model,
        reason=event.attempt_reason or ("refused before the first" if not event.attempt else "the first"),
        outcome=f"{event.outcome.replace('_', ' ')}{f', {event.status}' if event.status else ''}",
        marks=marks(event),
        cost=_money(event.effective_cost, event),
        bound=_money(event.bound_cost, event),
        this=event.event_id == here,
    )


def _money(grains: int | None, event: UsageEvent) -> Figure:
    return Figure(money(grains, event.currency), exact(grains))


def _amount(unit: Unit, amount: object, *, up: bool = False) -> Figure:
    return (
        Figure("unknown")
        if not isinstance(amount, int)
        else Figure(words(unit, amount, up=up), limit_text(unit, amount))
    )


def _count(number: object) -> Figure:
    return Figure(f"{count(number)} tokens", str(number)) if isinstance(number, int) else Figure("unknown")


def _at(at_us: object, zone: str) -> Figure:
    return Figure(dates.clock(at_us, zone), rfc3339(at_us)) if isinstance(at_us, int) and at_us else Figure("")


def _map(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
