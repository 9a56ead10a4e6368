"""Hold a month's bills against what was metered: layer by layer, each dollar once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tallystick.bills.claims import Claim, claim_id_of, claims_of, one_voice, sum_known
from tallystick.bills.classify import Part, PriceOf, classify, own_class
from tallystick.bills.cover import cover
from tallystick.bills.model import LAYERS, Layer
from tallystick.bills.reconciliation import CLASSES, ClassTotal, SetAside, VarianceRow
from tallystick.bills.said import Copied, Item, Match, Said
from tallystick.bills.step import BASIS, Held, Step, start, take
from tallystick.kernel.period import DAY_US

_STRONGER: dict[Layer, tuple[Layer, ...]] = {layer: LAYERS[place + 1 :] for place, layer in enumerate(LAYERS)}


@dataclass(frozen=True, slots=True)
class Facts:
    """What one month of an account is reconciled from, in one currency."""

    account: str
    currency: str
    items: Sequence[Item]
    said: Sequence[Said]
    match: Match = field(default_factory=Match)
    copied: Sequence[Copied] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """A line that nothing metered answers to: tax, credit, purchase, adjustment, refund, other cloud services."""

    said: Said
    claim: str

    @property
    def basis(self) -> str:
        return BASIS[self.said.layer]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The month, reconciled.

    Attributes:
        held: The items in the order given, then what was billed and never metered.
        own: Rows of their own that count; those a stronger layer speaks of again are gone.
        copied: Grains metered a second time by another capture: in no item, part of what was metered.
        rows: Every step and its classes; the amounts without a class sum to `difference`, so do those with one.
        billed_until: The last instant that a line of usage speaks of.
    """

    held: tuple[Held, ...]
    own: tuple[Own, ...]
    rows: tuple[VarianceRow, ...]
    set_aside: tuple[SetAside, ...]
    claims: int
    lines: int
    billed_until: int | None
    copied: int = 0

    @property
    def counted(self) -> int:
        """What was metered, each call once."""
        return sum(one.item.cost or 0 for one in self.held)

    @property
    def metered(self) -> int:
        return self.counted + self.copied

    @property
    def pending(self) -> int:
        return sum(one.item.cost or 0 for one in self.held if not one.claim)

    @property
    def residual(self) -> int:
        return sum(one.effective or 0 for one in self.held if not one.metered)

    @property
    def owned(self) -> int:
        return sum(one.said.amounts.effective or 0 for one in self.own if one.said.ai)

    @property
    def billed(self) -> int:
        return sum(one.effective or 0 for one in self.held if one.claim) + self.owned

    def shares(self) -> dict[str, int]:
        """The record by basis."""
        sums = {"metered": self.pending, "reported": 0, "invoiced": 0}
        for one in self.held:
            if one.claim:
                sums[one.basis] += one.effective or 0
        for own in self.own:
            sums[own.basis] += (own.said.amounts.effective or 0) if own.said.ai else 0
        return sums

    def said_by(self, column: str) -> int | None:
        """What a layer comes to: the sum of a column of the steps, None where no step has it."""
        return sum_known([getattr(row, column) for row in self.rows])

    def classes(self) -> tuple[ClassTotal, ...]:
        """The difference by class."""
        found = []
        for name in CLASSES:
            mine = [row for row in self.rows if row.class_ == name]
            if mine:
                found.append(ClassTotal(name, sum(row.amount for row in mine), len({row.claim for row in mine})))
        return tuple(found)


def reconcile(facts: Facts, price_of: PriceOf) -> Outcome:
    """The outcome; the order of items and lines does not matter but for the order of what comes out."""
    said, aside = one_voice(facts.said)
    usage = [one for one in said if not one.own]
    regional = {item.key.provider for item in facts.items if item.key.region}
    blind = frozenset({one.provider for one in usage} - regional)
    claims = claims_of(usage, facts.match, blind)
    held = [start(item) for item in facts.items]
    rows: list[VarianceRow] = []
    for layer in LAYERS:
        for step in _apply([claim for claim in claims if claim.layer == layer], held):
            parts = classify(step, facts.currency, price_of)
            rows += _step_rows(facts, step, parts)
    own, own_rows = _own(facts, said)
    until = max((one.end for one in usage), default=None)
    rows += own_rows + _pending_rows(facts, held, until) + _copied_rows(facts)
    lines = sum(one.lines for one in said)
    copied = sum(one.cost for one in facts.copied)
    return Outcome(tuple(held), own, tuple(rows), tuple(aside), len(claims), lines, until, copied)


def _apply(claims: Sequence[Claim], held: list[Held]) -> list[Step]:
    """Take the claims of one layer; what nobody metered joins the items, for stronger layers to speak of."""
    steps = []
    new: list[Held] = []
    for covered in cover(claims, [one.item for one in held], [one.quantity for one in held]):
        if covered.items:
            step = take(covered, [held[place] for place in covered.items])
            for place, after in zip(covered.items, step.after, strict=True):
                held[place] = after
        else:
            after_all = tuple(_residual(covered.claim, one) for one in covered.claim.said)
            step = Step(covered.claim, (), (), after_all)
            new += after_all
        steps.append(step)
    held += new
    return steps


def _residual(claim: Claim, said: Said) -> Held:
    amounts = said.amounts
    item = Item(said.start, claim.key._replace(region=said.region), said=said)
    return Held(
        item, said.quantity, amounts.effective, amounts.list_cost, amounts.billed, amounts.contracted,
        quantity_said=True, listed=amounts.list_cost is not None, basis=BASIS[said.layer], claim=claim.claim_id,
        told_by=claim.claim_id,
    )  # fmt: skip


def _step_rows(facts: Facts, step: Step, parts: Sequence[Part]) -> list[VarianceRow]:
    claim, key = step.claim, step.claim.key
    fresh = [one.item for one in step.before if one.metered and not one.claim]
    first = claim.said[0]
    whole = VarianceRow(
        claim=claim.claim_id,
        charge_period_start=claim.start,
        charge_period_end=claim.end,
        provider=key.provider,
        provider_account=facts.account,
        model=key.model,
        meter=key.meter,
        service_tier=key.service_tier,
        region=key.region,
        service_name=first.service_name,
        charge_category="Usage",
        currency=facts.currency,
        metered_quantity=sum_known([one.quantity for one in fresh]) if key.meter else None,
        billed_quantity=claim.quantity,
        metered_cost=sum(one.cost or 0 for one in fresh) if fresh else None,
        reported_cost=claim.amounts.effective if claim.layer == "cost" else None,
        invoiced_cost=claim.amounts.effective if claim.layer == "invoice" else None,
        amount=step.change,
    )
    return [whole, *_class_rows(whole, parts)]


def _class_rows(whole: VarianceRow, parts: Sequence[Part]) -> list[VarianceRow]:
    """One row a class: where it stands as the whole, without quantities and costs."""
    bare = replace(
        whole, metered_quantity=None, billed_quantity=None, metered_cost=None, reported_cost=None, invoiced_cost=None
    )
    return [replace(bare, class_=part.name, amount=part.amount, why=part.why) for part in parts]


def _own(facts: Facts, said: Sequence[Said]) -> tuple[tuple[Own, ...], list[VarianceRow]]:
    """Rows of their own. Where a stronger layer speaks of the time, its own rows are the only ones."""
    spans = {layer: _span([one for one in said if one.layer == layer]) for layer in LAYERS}
    kept, rows = [], []
    for one in sorted((one for one in said if one.own), key=_own_order):
        claim = claim_id_of("own", one.layer, one.start, one.end, one.category, one.provider, one.service_name)
        amount = one.amounts.effective or 0
        gone = next((layer for layer in _STRONGER[one.layer] if _within(one, spans[layer])), None)
        if one.ai:
            rows += _own_rows(facts, one, claim, amount)
        if gone is None:
            kept.append(Own(one, claim))
        elif one.ai and amount:
            rows += _taken_back(facts, one, claim_id_of("taken back", gone, claim), amount)
    return tuple(kept), rows


def _own_order(one: Said) -> tuple[str, ...]:
    return (one.layer, str(one.start), one.category, one.source, one.service_name, str(one.amounts), repr(sorted(one.dimensions.items())))  # fmt: skip


def _span(said: Sequence[Said]) -> tuple[int, int]:
    return (min((one.start for one in said), default=0), max((one.end for one in said), default=0))


def _within(one: Said, span: tuple[int, int]) -> bool:
    return span[0] <= one.start < span[1]


def _own_row(facts: Facts, one: Said, claim: str, amount: int) -> VarianceRow:
    return VarianceRow(
        claim, one.start, one.end, one.provider, facts.account, one.model, one.meter, one.service_tier, one.region,
        one.service_name, one.category, facts.currency, amount=amount,
        reported_cost=amount if one.layer == "cost" else None, invoiced_cost=amount if one.layer == "invoice" else None,
    )  # fmt: skip


def _own_rows(facts: Facts, one: Said, claim: str, amount: int) -> list[VarianceRow]:
    whole = _own_row(facts, one, claim, amount)
    return [whole, *_class_rows(whole, [Part(own_class(one), amount, one.category)] if amount else [])]


def _taken_back(facts: Facts, one: Said, claim: str, amount: int) -> list[VarianceRow]:
    """The invoice speaks of this time: what a report said beside it no longer counts."""
    whole = replace(_own_row(facts, one, claim, -amount), reported_cost=None, invoiced_cost=None)
    return [whole, *_class_rows(whole, [Part(own_class(one), -amount, "a stronger bill speaks of this time")])]


def _pending_rows(facts: Facts, held: Sequence[Held], until: int | None) -> list[VarianceRow]:
    rows = []
    for one in held:
        item, key = one.item, one.item.key
        if one.claim or not (item.cost or item.quantity):
            continue
        whole = VarianceRow(
            claim_id_of("metered", item.start, *key, item.cost is None), item.start, item.end, key.provider,
            facts.account, key.model, key.meter, key.service_tier, key.region, "", "Usage", facts.currency,
            metered_quantity=item.quantity if key.meter else None, metered_cost=item.cost, amount=-(item.cost or 0),
        )  # fmt: skip
        late = until is not None and item.start >= until
        part = (
            Part("timing", whole.amount, "after the last billed instant")
            if late
            else Part("pending", whole.amount, "metered and on no bill")
        )
        rows += [whole, *_class_rows(whole, [part] if whole.amount else [])]
    return rows


def _copied_rows(facts: Facts) -> list[VarianceRow]:
    """What two captures metered: its copies are metered, and no part of what is billed or counts."""
    rows = []
    for one in facts.copied:
        whole = VarianceRow(
            copied_claim(one), one.start, one.start + DAY_US, one.provider, facts.account, one.model, "", one.service_tier,
            one.region, "", "Usage", facts.currency, metered_cost=one.cost, amount=-one.cost,
        )  # fmt: skip
        calls = f"{one.calls:,} {'call' if one.calls == 1 else 'calls'}"
        why = f"{calls} of {one.source} that {one.kept_source} has too, by the provider's id of the answer"
        rows += [whole, *_class_rows(whole, [Part("duplicate", -one.cost, why)] if one.cost else [])]
    return rows


def copied_claim(one: Copied) -> str:
    """The id under which such copies stand, the same in every run."""
    parts = (one.provider, one.model, one.service_tier, one.region, one.source, one.kept_source)
    return claim_id_of("duplicate", one.start, *parts)
