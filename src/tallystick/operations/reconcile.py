"""Hold a month's bills against what was metered, once per provider account, currency and UTC month.

The rows are written to the ledger under a run id; the row that names the run is their commit and takes
the place of the month's earlier run. Reconciling again without anything new changes nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256

from tallystick.bills import store
from tallystick.bills.cells import Cell, KeyOf, Landed, land
from tallystick.bills.classify import PriceOf, minor_digits
from tallystick.bills.grade import grade, millionths
from tallystick.bills.model import Load
from tallystick.bills.reconcile import Facts, Outcome
from tallystick.bills.reconcile import reconcile as held_against
from tallystick.bills.reconciliation import FIGURE_COLUMNS, Reconciliation, VarianceRow
from tallystick.bills.said import Copied, Key, Match
from tallystick.bills.step import Held
from tallystick.bills.store import Month
from tallystick.bills.true_up import covered_columns, other_columns
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.kernel.ids import content_hash, new_id
from tallystick.kernel.period import DAY_US, Period, day_start, local_day
from tallystick.ledger.store import read_mark
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.drop_old_runs import are_dropped
from tallystick.operations.load_prices import load_book
from tallystick.operations.post_charges import post_charges
from tallystick.pricing.book import PriceBook
from tallystick.usage.meters import BY_NAME, FACT_METERS

# Raised when the same input would give another outcome, so that every month is looked at again.
_RULES = 3
# Cells that are read, and rows that are written, at once: what fits into memory whatever the month's size.
_AT_ONCE = 20_000


def month_of(at_us: int) -> Period:
    """The UTC month of an instant.

    >>> month_of(0).seconds / 86400
    31.0
    """
    first = local_day(at_us).replace(day=1)
    return Period(day_start(first), day_start((first + timedelta(days=32)).replace(day=1)))


def reconcile(context: Context, account: str, period: Period, currency: str = "USD") -> Reconciliation:
    """The month's reconciliation, new or as it stands where nothing changed.

    Where nothing was metered and no bill speaks, one that is not kept: it has no `run_id`.

    Args:
        context: The instance.
        account: Our name of a provider account.
        period: A UTC month, see `month_of`.
        currency: Only charges and lines in it.
    """
    return reconcile_accounts(context, (account,), period, currency)[0]


def reconcile_accounts(
    context: Context, accounts: Sequence[str], period: Period, currency: str = "USD"
) -> list[Reconciliation]:
    """A month of several accounts, each as `reconcile` gives it; calls are posted and prices read once."""
    post_charges(context)
    mark, price = read_mark(context.ledger), _price_of(context)
    months = [Month(account, currency, period.start_us, period.end_us, mark) for account in accounts]
    return [_reconciled(context, month, price)[0] for month in months]


def reconcile_all(context: Context) -> list[Reconciliation]:
    """Reconcile every month that any bill speaks of; only what is new. For after loads, and now and then."""
    post_charges(context)
    mark, price = read_mark(context.ledger), _price_of(context)
    loads = [one.load_id for one in store.list_loads(context.config_db)]
    days = store.list_claimed_months(context.ledger, loads)
    months = {(account, currency, month_of(at)) for account, currency, at in days}
    # A month whose last line went away with its load is looked at once more.
    months |= {
        (one.account, one.currency, Period(one.period_start, one.period_end))
        for one in store.list_runs(context.config_db)
    }
    found = [
        _reconciled(context, Month(account, currency, period.start_us, period.end_us, mark), price)
        for account, currency, period in sorted(months, key=lambda one: (one[2].start_us, one[0], one[1]))
    ]
    return [run for run, new in found if new]


def list_reconciliations(context: Context, account: str = "") -> list[Reconciliation]:
    """The runs that count, the newest month first; of one account or of all."""
    return [one for one in store.list_runs(context.config_db) if account in {"", one.account}]


def read_reconciliation(context: Context, run_id: str) -> Reconciliation:
    """One run, also a superseded one.

    Raises:
        NotFound: There is none of that id.
    """
    found = next((one for one in store.list_runs(context.config_db, all_of_them=True) if one.run_id == run_id), None)
    if found is None:
        raise NotFound(f'no reconciliation "{run_id[:60]}"', next_steps=("list them with `tally reconcile`",))
    return found


def lines_of(
    context: Context, run_id: str, figure: str, *, claim: str = "", limit: int = 100, offset: int = 0
) -> list[VarianceRow]:
    """The rows behind a figure, the largest first: all of them sum to it in the column that `FIGURE_COLUMNS` names.

    Args:
        context: The instance.
        run_id: Of `Reconciliation`.
        figure: `metered`, `reported`, `invoiced`, `difference`, or a class.
        claim: Only the rows of one claim.
        limit: Largest number of rows.
        offset: Rows to leave out before.

    Raises:
        NotFound: No such run, or one whose rows are kept no longer.
        UsageError: No such figure.
    """
    run = read_reconciliation(context, run_id)
    if are_dropped(run.superseded_at, now_us()):
        raise NotFound(
            f'a later reconciliation took the place of "{run_id}", and its rows are kept no longer',
            next_steps=("what it came to stays; `tally reconcile` shows the run that counts",),
        )
    column = FIGURE_COLUMNS.get(figure)
    if column is None:
        raise UsageError(f'"{figure[:40]}" is no figure', next_steps=(f"one of {', '.join(FIGURE_COLUMNS)}",))
    steps = figure in {"metered", "reported", "invoiced", "difference"}
    where = {"class": "" if steps else figure}
    if claim:
        where["claim"] = claim
    if steps:
        where["known"] = column
    return store.list_variances(context.ledger, run_id, where, (limit, offset))


def read_match(context: Context, account: str) -> Match:
    """Which of our dimensions the account's own ids mean."""
    text = context.config_db.read_setting(f"match:{account}")
    return Match(**json.loads(text)) if text else Match()


def write_match(context: Context, account: str, match: Match) -> None:
    """Say which of our dimensions the account's own ids mean; the next reconciliation heeds it.

    A line of a project or key that is named covers the charges of that one alone; every other line covers what is
    left, in proportion.
    """
    with context.config_db.transaction():
        _write_match(context, account, match)


def change_match(context: Context, account: str, change: Match, who: str) -> Match:
    """Say what some ids mean, and leave the others; an empty text forgets one. What is now said."""
    with context.config_db.transaction():
        before = read_match(context, account)
        match = Match(_changed(before.projects, change.projects), _changed(before.keys, change.keys))
        _write_match(context, account, match)
        record(context, who, "match ids", account)
    return match


def _write_match(context: Context, account: str, match: Match) -> None:
    context.config_db.write_setting(f"match:{account}", json.dumps(asdict(match)))


def _changed(before: Mapping[str, str], change: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in sorted({**before, **change}.items()) if text}


def _reconciled(context: Context, month: Month, price: PriceOf) -> tuple[Reconciliation, bool]:
    """The month's run, and whether it is new."""
    loads = _loads(context, month)
    match, copied = read_match(context, month.account), tuple(store.sum_copied(context.ledger, month))
    metered = (store.read_stamp(context.ledger, month), copied)
    stamp = content_hash(*(str(part).encode() for part in (_RULES, metered, loads, asdict(match))))
    remembered = f"reconciled:{month.account}:{month.currency}:{month.start}"
    current = _current(context, month)
    if current is not None and context.config_db.read_setting(remembered) == stamp:
        return current, False
    run, new = _run(context, month, _Given(tuple(loads), match, current, copied, price))
    with context.config_db.transaction():
        if new:
            store.append_run(context.config_db, run)
        context.config_db.write_setting(remembered, stamp)
    return run, new


def _current(context: Context, month: Month) -> Reconciliation | None:
    for one in store.list_runs(context.config_db):
        if (one.account, one.currency, one.period_start) == (month.account, month.currency, month.start):
            return one
    return None


def _loads(context: Context, month: Month) -> list[str]:
    return sorted(one.load_id for one in store.list_loads(context.config_db) if _touches(one, month))


def _touches(load: Load, month: Month) -> bool:
    if load.provider_account not in {"", month.account} or not load.rows:
        return False
    if load.first_at is None or load.last_at is None:
        return True
    return load.first_at < month.end and load.last_at >= month.start


@dataclass(frozen=True, slots=True)
class _Given:
    """What a run is made from beside the charges."""

    loads: tuple[str, ...]
    match: Match
    current: Reconciliation | None
    copied: tuple[Copied, ...]
    price: PriceOf


def _run(context: Context, month: Month, given: _Given) -> tuple[Reconciliation, bool]:
    engine, at = context.ledger, now_us()
    matched = bool(given.match.projects or given.match.keys)
    said = store.sum_said(engine, month, given.loads, minor_digits(month.currency), matched=matched)
    meters = store.list_used_meters(engine, month)
    facts = frozenset(one.meter for one in said if one.meter in FACT_METERS)
    key_of = KeyOf(projects=bool(given.match.projects), keys=bool(given.match.keys))
    items, free = store.sum_items(engine, month, meters, facts, key_of)
    outcome = held_against(Facts(month.account, month.currency, items, said, given.match, given.copied), given.price)
    if given.current is None and not (outcome.held or outcome.rows):
        return _summary(month, outcome, given, ("", at, free, "")), False
    run_id, digest = new_id("rec", at), sha256()
    digest.update(repr((_RULES, outcome.rows, outcome.held, outcome.own, free, given.loads)).encode())
    with engine.transaction():
        waiting: list[Landed] = []
        for landed in _land(context, month, outcome, (meters, facts, key_of)):
            digest.update(
                repr([(one.cell.at, one.cell.dimensions, one.whole, one.effective) for one in landed]).encode()
            )
            waiting += landed
            if len(waiting) >= _AT_ONCE:
                store.append_true_ups(engine, covered_columns(run_id, month.currency, waiting, meters))
                waiting = []
        store.append_true_ups(engine, covered_columns(run_id, month.currency, waiting, meters))
        if given.current is not None and given.current.content_hash == digest.hexdigest():
            store.drop_runs(engine, [run_id])
            return given.current, False
        others = other_columns(run_id, month.account, month.currency, outcome, month.end)
        store.append_true_ups(engine, others)
        store.append_variances(engine, run_id, outcome.rows)
    return _summary(month, outcome, given, (run_id, at, free, digest.hexdigest())), True


_Read = tuple[tuple[str, ...], frozenset[str], KeyOf]


def _land(context: Context, month: Month, outcome: Outcome, read: _Read) -> Iterator[list[Landed]]:
    """Day by day; as many are read at once as those before let expect to fit, so that a month of any size does."""
    meters, facts, key_of = read
    days: dict[int, dict[tuple[Key, bool], Held]] = {}
    for one in outcome.held:
        if one.metered and one.claim:
            days.setdefault(one.item.start, {})[one.item.key, one.item.cost is not None] = one
    due, count = sorted(days), 1
    while due:
        some, due = due[:count], due[count:]
        cells: dict[int, list[Cell]] = {day: [] for day in some}
        found = store.sum_cells(context.ledger, month, (some[0], some[-1] + DAY_US), meters, facts)
        for cell in found:
            # Between the days there are others, of which no claim speaks.
            cells.get(cell.at - cell.at % DAY_US, []).append(cell)
        yield from (land(cells[day], meters, key_of, days[day]) for day in some)
        count = max(1, _AT_ONCE * len(some) // max(1, len(found)))


def _price_of(context: Context) -> PriceOf:
    """Prices of the book, which is read when the first is asked for."""
    held: list[PriceBook] = []

    def price(key: Key, at: int) -> int | None:
        if not key.meter or BY_NAME[key.meter].scale != 1:
            return None
        if not held:
            held.append(load_book(context.config_db))
        segment = held[0].resolve(key.provider, key.model, key.service_tier, key.region).at(at)
        return segment.steps[-1].prices.get(key.meter) if segment else None

    return price


def _summary(month: Month, outcome: Outcome, given: _Given, made: tuple[str, int, int, str]) -> Reconciliation:
    run_id, at, free, digest = made
    shares = outcome.shares()
    letter, why = grade(shares, free)
    return Reconciliation(
        run_id=run_id,
        account=month.account,
        currency=month.currency,
        period_start=month.start,
        period_end=month.end,
        created_at=at,
        metered=outcome.metered,
        billed=outcome.billed,
        difference=outcome.billed - outcome.metered,
        record=outcome.billed + outcome.pending,
        pending=outcome.pending,
        residual=outcome.residual,
        own=outcome.owned,
        reported=outcome.said_by("reported_cost"),
        invoiced=outcome.said_by("invoiced_cost"),
        classes=outcome.classes(),
        shares=shares,
        coverage=millionths(outcome.counted - outcome.pending, outcome.counted),
        grade=letter,
        grade_why=why,
        unpriced_tokens=free,
        claims=outcome.claims,
        lines=outcome.lines,
        set_aside=outcome.set_aside,
        loads=given.loads,
        billed_until=outcome.billed_until,
        content_hash=digest,
    )
