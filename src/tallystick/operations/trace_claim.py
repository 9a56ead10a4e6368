"""From a claim of a reconciliation to the lines it stands on: source, load, page, line, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tallystick.bills.model import BillLine, Layer, Load
from tallystick.bills.reconcile import copied_claim
from tallystick.bills.reconciliation import Reconciliation, VarianceRow
from tallystick.bills.said import Copied
from tallystick.bills.store import list_lines, list_loads
from tallystick.kernel.errors import NotFound
from tallystick.kernel.period import DAY_US
from tallystick.ledger.duplicates import Copy
from tallystick.ledger.store import list_copies
from tallystick.operations.context import Context
from tallystick.operations.read_names import names_of
from tallystick.operations.reconcile import lines_of, list_reconciliations, read_reconciliation

_MOST_ROWS = 1000
_MOST_CLAIMS = 50


@dataclass(frozen=True, slots=True)
class Traced:
    """One line of a source, with the way back to it.

    Attributes:
        load: That brought it; None where it is not known any more.
        page_id: Of the source's answer; empty for files.
        names: Attribute of the line that holds an id → what the provider calls it now, where that is known.
    """

    source: str
    load: Load | None
    page_id: str
    line: BillLine
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """A claim and all that it stands on.

    Attributes:
        steps: Rows without a class: what was metered, what the claim says, and the change.
        parts: Rows with a class; they sum to the change.
        layer: Whose word it is; empty for what is on no bill.
        copies: Calls that another gateway's log brought too, each with the one that counts.
    """

    run: Reconciliation
    claim: str
    steps: tuple[VarianceRow, ...]
    parts: tuple[VarianceRow, ...]
    layer: Layer | None
    lines: tuple[Traced, ...]
    copies: tuple[Copy, ...] = ()


def trace_claim(context: Context, claim: str, run_id: str = "") -> Trace:
    """A claim of a run; without a run, of the newest one that counts and knows it.

    Several with spaces between, as rows of the ledger that stand on several have them, are one trace.

    Raises:
        NotFound: No run has such a claim.
    """
    runs = [read_reconciliation(context, run_id)] if run_id else list_reconciliations(context)
    for run in runs:
        found = [one for name in claim.split()[:_MOST_CLAIMS] if (one := _of_run(context, run, name)) is not None]
        if found:
            return _together(found)
    raise NotFound(
        f'no claim "{claim[:60]}" in any reconciliation',
        next_steps=("claims are named in the rows of `tally reconcile PERIOD --account A --json`",),
    )


def _of_run(context: Context, run: Reconciliation, claim: str) -> Trace | None:
    steps = lines_of(context, run.run_id, "difference", claim=claim, limit=_MOST_ROWS)
    return _traced(context, run, claim, tuple(steps)) if steps else None


def _together(traces: Sequence[Trace]) -> Trace:
    first = traces[0]
    return Trace(
        first.run, " ".join(one.claim for one in traces), tuple(step for one in traces for step in one.steps),
        tuple(part for one in traces for part in one.parts), first.layer,
        tuple(line for one in traces for line in one.lines), tuple(copy for one in traces for copy in one.copies),
    )  # fmt: skip


def _traced(context: Context, run: Reconciliation, claim: str, steps: tuple[VarianceRow, ...]) -> Trace:
    parts: list[VarianceRow] = []
    for one in run.classes:
        parts += lines_of(context, run.run_id, one.name, claim=claim, limit=_MOST_ROWS)
    first, layer = steps[0], _layer(steps[0])
    if layer is None and first.billed_quantity is None:
        return Trace(run, claim, steps, tuple(parts), None, (), _copies(context, run, first))
    spoken: Layer = layer or "usage"
    loads = {one.load_id: one for one in list_loads(context.config_db, all_of_them=True) if one.load_id in run.loads}
    known = names_of(context, run.account)
    found = [
        Traced(source, _load(loads, source, line), page_id, line, _names(known, line))
        for source, page_id, line in list_lines(context.ledger, run.loads, (first.charge_period_start, first.charge_period_end))
        if line.layer == spoken and _speaks(line, first)
    ]  # fmt: skip
    return Trace(run, claim, steps, tuple(parts), spoken, tuple(found))


def _names(known: Mapping[tuple[str, str], str], line: BillLine) -> dict[str, str]:
    ids = ("sub_account_id", "credential_id", "principal")
    return {kind: known[kind, id_] for kind in ids if (id_ := getattr(line, kind)) and (kind, id_) in known}


def _copies(context: Context, run: Reconciliation, step: VarianceRow) -> tuple[Copy, ...]:
    """The calls that a claim of copies sums; none for every other."""
    days = (step.charge_period_start, step.charge_period_end)
    asked = (step.provider, step.model, step.service_tier, step.region)
    return tuple(
        one
        for one in list_copies(context.ledger, run.account, run.currency, days)
        if (one.provider, one.model, one.service_tier, one.region) == asked
        and copied_claim(_copied(one, days[0])) == step.claim
    )


def _copied(one: Copy, day: int) -> Copied:
    names = (one.provider, one.model, one.service_tier, one.region, one.source, one.kept_source)
    return Copied(day, *names, calls=1, cost=one.effective_cost or 0)


def _layer(step: VarianceRow) -> Layer | None:
    if step.invoiced_cost is not None:
        return "invoice"
    return "cost" if step.reported_cost is not None else None


def _speaks(line: BillLine, step: VarianceRow) -> bool:
    """Whether a line is one of those that make up the claim."""
    own = (line.provider_account, line.currency, line.charge_category) == (
        step.provider_account, step.currency, step.charge_category or "Usage",
    )  # fmt: skip
    what = (line.provider, line.model, line.meter, line.service_tier) == (
        step.provider, step.model, step.meter, step.service_tier,
    )  # fmt: skip
    usage = line.charge_category == "Usage"
    where = step.region in {"", line.region} and (usage or step.service_name in {"", line.service_name})
    return own and what and where and _days(line) == (step.charge_period_start, step.charge_period_end)


def _days(line: BillLine) -> tuple[int, int]:
    start, end = line.charge_period_start, max(line.charge_period_end, line.charge_period_start + 1)
    return start // DAY_US * DAY_US, -(-end // DAY_US) * DAY_US


def _load(loads: dict[str, Load], source: str, line: BillLine) -> Load | None:
    """Of the loads that were used, the one of the line's slice."""
    for one in loads.values():
        if (one.source, one.dataset, one.slice_key) == (source, line.dataset, line.slice_key):
            return one
    return None
