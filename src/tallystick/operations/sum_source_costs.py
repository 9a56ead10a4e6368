"""What a source says by project, key or person: the provider's ids, with the names they have now."""

from dataclasses import dataclass

from tallystick.bills.id_costs import BY, IdCosts, by_id
from tallystick.bills.store import list_loads, sum_by_id
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import Period
from tallystick.operations.context import Context
from tallystick.operations.manage_sources import find_source
from tallystick.operations.read_names import names_of


@dataclass(frozen=True, slots=True)
class SourceCosts:
    """A source's costs in a period, by one of `id_costs.BY`."""

    source: str
    by: str
    period: Period
    rows: tuple[IdCosts, ...]


def sum_source_costs(context: Context, name: str, by: str, period: Period) -> SourceCosts:
    """Costs that begin within a period, by the provider's own ids; a renamed one stays one.

    Raises:
        NotFound: No such source.
        UsageError: It cannot be asked by that.
    """
    if by not in BY:
        raise UsageError(f'"{by[:40]}" is nothing that a bill can be split by', next_steps=[f"one of {', '.join(BY)}"])
    source = find_source(context, name)
    loads = [one.load_id for one in list_loads(context.config_db, name) if one.rows]
    kind = BY[by][0]
    names = {id_: called for (of, id_), called in names_of(context, source.account).items() if of == kind}
    found = sum_by_id(context.ledger, loads, (period.start_us, period.end_us), by)
    return SourceCosts(name, by, period, tuple(by_id(found, names)))
