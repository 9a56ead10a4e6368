"""Where the rows come from: how many, how fresh, how sure."""

from dataclasses import replace

from tallystick.explore.model import Query
from tallystick.explore.sources import ImportRun, SourceStatus, freshness_text
from tallystick.explore.store import list_import_runs, list_source_rows
from tallystick.kernel.period import Period
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import explore
from tallystick.org.model import Principal

_EVERYTHING = Principal("list_sources", "admin")
_MOST_SOURCES = 10_000


def list_sources(context: Context) -> list[SourceStatus]:
    """Every source that has brought a row or was imported from, by name.

    About the whole instance, so never for a principal that is limited to teams.
    """
    now = now_us()
    runs = {f"import:{run.source.removeprefix('import:')}": run for run in list_import_runs(context.config_db)}
    found = _with_sums(context, list_source_rows(context.ledger))
    silent = [SourceStatus(name, events=0) for name in runs if name not in {one.source for one in found}]
    return [_completed(one, runs.get(one.source), now) for one in sorted([*found, *silent], key=lambda one: one.source)]


def _with_sums(context: Context, found: list[SourceStatus]) -> list[SourceStatus]:
    completed = []
    for currency in sorted({one.currency for one in found}):
        mine = [one for one in found if one.currency == currency]
        first, last = (
            pick(at) for pick, at in ((min, [o.first_at or 0 for o in mine]), (max, [o.last_at or 0 for o in mine]))
        )
        query = Query(
            Period(first, last + 1), group_by=("source",), currency=currency, limit=_MOST_SOURCES, basis="metered"
        )
        answer = explore(context, query, _EVERYTHING)
        sums = {row.group["source"]: row.now for row in answer.rows}
        for one in mine:
            if known := sums.get(one.source):
                one = replace(
                    one,
                    cost=known.cost,
                    calls=known.calls,
                    errors=known.errors,
                    tokens=known.input_tokens + known.output_tokens,
                    unpriced_calls=known.unpriced_calls,
                    unpriced_tokens=known.unpriced_tokens,
                    estimated_calls=known.estimated_calls,
                )
            completed.append(one)
    return completed


def _completed(status: SourceStatus, run: ImportRun | None, now: int) -> SourceStatus:
    lag = None if status.last_at is None else max(now - status.last_at, 0)
    status = replace(status, lag_us=lag, freshness=freshness_text(status.source, lag, run))
    if run is None:
        return status
    return replace(
        status,
        imported_at=run.ended_at,
        file=run.file,
        shape=run.shape,
        rejected=run.rejected,
        duplicates=run.duplicates,
    )
