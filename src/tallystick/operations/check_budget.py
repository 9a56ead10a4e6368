"""Would this call pass now? The decision as the gateway would make it, with nothing reserved."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tallystick.budgets.ask import holds, least_output
from tallystick.budgets.bound import BoundPolicy, BoundRequest, bound
from tallystick.budgets.cover import BudgetBook
from tallystick.budgets.decision import Decision, decision_dict
from tallystick.budgets.explain import explain
from tallystick.budgets.judge import judge, prejudge
from tallystick.budgets.model import KEY_STAGE, Ask, Bound, Budget, Hold, Judgement, Try
from tallystick.counters.weigh import Cell, new_cell, weigh
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.kernel.period import DAY_US
from tallystick.ledger.budget_sums import CURRENCY, Wanted
from tallystick.ledger.store import read_last_seq, sum_for_budgets
from tallystick.operations.context import Context, now_us
from tallystick.operations.ledger_sums import LedgerSums, key_stages
from tallystick.operations.load_budgets import budgets_in_force
from tallystick.org.authorize import keys_in_scope
from tallystick.org.model import Principal
from tallystick.org.store import read_key
from tallystick.ports import CountersAway
from tallystick.pricing.book import PriceBook
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension

_MOST_TOKENS = 10**9
_LOOK_BACK_DAYS = 31


@dataclass(frozen=True, slots=True)
class Described:
    """A call that might be made.

    Attributes:
        dimensions: Who it belongs to.
        key: Id of the gateway key it comes with; its locked dimensions win, its defaults fill up.
        provider: Found by the model where it is not given.
        input_tokens: As long as the prompt is.
        max_tokens: Cap of the answer; None when the request sets none.
    """

    dimensions: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    provider: str = ""
    model: str = ""
    input_tokens: int = 0
    max_tokens: int | None = None


def check_budget(context: Context, book: PriceBook, call: Described, principal: Principal) -> dict[str, Any]:
    """The decision as it would be stored with the call's row, with `passes` and `text` for people.

    Raises:
        UsageError: A dimension nobody knows, tokens that cannot be, a team the principal does not hold.
        NotFound: No such key.
    """
    at = now_us()
    dimensions = _dimensions(context, book, call, principal)
    budgets = BudgetBook(budgets_in_force(context.config_db, context.default_budgets))
    now = _Now(context, book, budgets, at)
    tried, judgement = _try(now, call, dimensions, None)
    first = None
    if judgement.verdict == "degraded" and judgement.breaking is not None:
        first, model = tried, judgement.breaking.degrade_to
        cheaper = replace(call, model=model)
        changed = {**dimensions, **_of_model(book, dimensions["provider"], model)}
        tried, judgement = _try(now, cheaper, changed, judgement.breaking)
    decision = Decision(
        at, judgement, reason=explain(judgement, tried), tried=tried, first=first,
        unknown_price=_policy(context).unknown_price, requested_model=call.model, sent_model=tried.model,
        requested_max=call.max_tokens, granted_max=tried.granted.output if tried.granted else None,
        identity={"id": call.key} if call.key else {},
    )  # fmt: skip
    passes = not judgement.refuses
    text = decision.reason or ("no budget covers this call" if not tried.covering else "it would pass")
    abroad = _abroad(context, at)
    if abroad:
        text += (
            f"; {abroad:,} rows of the last {_LOOK_BACK_DAYS} days cost another currency than {CURRENCY}: "
            "budgets know no rates and count the bound of each"
        )
    return {"passes": passes, "text": text, "other_currency": abroad, **decision_dict(decision)}


def _abroad(context: Context, at_us: int) -> int:
    """Rows whose cost budgets cannot read."""
    wanted = Wanted((), (at_us - _LOOK_BACK_DAYS * DAY_US,), 0, ("gateway", "demo"))
    return sum(
        one.foreign for one in sum_for_budgets(context.ledger, wanted, after=0, upto=read_last_seq(context.ledger))
    )


@dataclass(frozen=True, slots=True)
class _Now:
    """What all tries of one call have in common."""

    context: Context
    book: PriceBook
    budgets: BudgetBook
    at_us: int


def _try(
    now: _Now, described: Described, dimensions: Mapping[str, str], degraded: Budget | None
) -> tuple[Try, Judgement]:
    context, at_us = now.context, now.at_us
    covering = now.budgets.covering(dimensions)
    most = _bound(context, now.book, described, dimensions, at_us)
    tried = Try(described.model, dimensions, covering, most)
    asked = holds(covering, dimensions, at_us, most)
    ask = Ask("check", "check", asked, most.output_tokens, least_output(most), at_us, at_us)
    refused = prejudge(covering, dimensions, most, _policy(context).unknown_price)
    if refused is not None:
        return replace(tried, ask=ask), refused
    cells = _cells(context, covering, asked, at_us)
    granted = weigh(ask, cells.get).granted
    tried = replace(tried, ask=ask, granted=granted)
    return tried, judge(covering, granted, ask, degraded=degraded, model=described.model)


def _cells(context: Context, covering: tuple[Budget, ...], asked: tuple[Hold, ...], at_us: int) -> dict[bytes, Cell]:
    """The counters as they stand; where nobody can see them, as the ledger says they should."""
    keys: dict[bytes, None] = {}
    for hold in asked:
        also = (hold.carry[0],) if hold.carry else ()
        keys |= dict.fromkeys((hold.key, *hold.also, *also, *((hold.breaker,) if hold.breaker else ())))
    try:
        if context.counters is not None:
            read = context.counters.read(list(keys))
            found = zip(keys, read, strict=True)
            return {key: [one.posted, one.reserved, 0, at_us, one.tripped_until_us, 0] for key, one in found}
    except CountersAway:
        pass
    cells = {key: new_cell(0, at_us) for key in keys}
    for one in LedgerSums(context).expected(covering, at_us):
        if one.key in cells:
            cells[one.key][0] = one.amount
    return cells


def _bound(context: Context, book: PriceBook, call: Described, dimensions: Mapping[str, str], at_us: int) -> Bound:
    if not 0 <= call.input_tokens <= _MOST_TOKENS or not 0 <= (call.max_tokens or 0) <= _MOST_TOKENS:
        raise UsageError(f"tokens are whole numbers from 0 to {_MOST_TOKENS:,}")
    request = BoundRequest(
        dimensions["provider"], call.model, at_us, call.input_tokens, region=dimensions.get("region", ""),
        max_tokens=call.max_tokens, media_output=False,
    )  # fmt: skip
    return bound(book, request, _policy(context))


def _policy(context: Context) -> BoundPolicy:
    return context.bound_policy or BoundPolicy()


def _dimensions(context: Context, book: PriceBook, call: Described, principal: Principal) -> dict[str, str]:
    given = {canonical_dimension(name): value for name, value in call.dimensions.items()}
    unknown = [name for name in given if name not in ATTRIBUTION]
    if unknown:
        raise UsageError(f'"{unknown[0]}" is no dimension', next_steps=[f"known: {', '.join(ATTRIBUTION)}"])
    if call.key:
        key = read_key(context.config_db, call.key)
        if key is None or not keys_in_scope(principal, [key]):
            raise NotFound(f'no key "{call.key[:80]}"', next_steps=["tally keys list"])
        given = {**key.defaults, **given, **key.locked}
    if principal.teams and given.get("team") not in principal.teams:
        raise UsageError("name one of your teams", next_steps=[f"--where team={principal.teams[0]}"])
    provider = call.provider or _provider_of(book, call.model)
    stage = key_stages(context).get(call.key, "") if call.key else ""
    return {
        **{name: value for name, value in given.items() if value},
        "provider": provider,
        "operation_name": "chat",
        **({"key": call.key} if call.key else {}),
        **({KEY_STAGE: stage} if stage else {}),
        **_of_model(book, provider, call.model),
    }


def _of_model(book: PriceBook, provider: str, model: str) -> dict[str, str]:
    return {"request_model": model, "model": book.resolve(provider, model).model or model}


def _provider_of(book: PriceBook, model: str) -> str:
    """The provider whose list has the model, OpenAI and Anthropic before those that sell it on."""
    for provider in ("openai", "anthropic"):
        if book.resolve(provider, model).model:
            return provider
    return next((card.provider for card in book.cards if card.model == model), "openai")
