"""`/metrics`: what gateways have counted, in Prometheus' text format 0.0.4."""

from collections.abc import Iterable, Iterator, Mapping

from fastapi import APIRouter
from starlette.responses import Response

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.money import text_from_grains
from tallystick.operations.context import now_us
from tallystick.operations.read_metrics import Counted, Process, read_metrics

router = APIRouter()
_STARTED_US = now_us()
_SECONDS = 1_000_000

# Family to kind and help; what is not here is not shown.
_FAMILIES = {
    "tally_calls_total": ("counter", "Rows written: one an attempt, and one a request that reached no provider."),
    "tally_tokens_total": ("counter", "Tokens as reported or estimated; input includes what was cached."),
    "tally_cost_usd_total": ("counter", "Effective cost in US dollars of calls whose cost is known."),
    "tally_calls_cost_unknown_total": ("counter", "Attempts whose cost nobody knows; they are in no sum of costs."),
    "tally_calls_counters_away_total": ("counter", "Rows decided without counters, which could not be asked."),
    "tally_call_duration_seconds": ("histogram", "From a request's arrival to its row, for attempts."),
    "tally_time_to_first_token_seconds": ("histogram", "From a request's arrival to a stream's first bytes."),
    "tally_observations_lost_total": ("counter", "Lines of the access log or spans that were dropped."),
    "tally_calls_in_flight": ("gauge", "Attempts that are with their providers now."),
}


@router.get("/metrics")
def get_metrics(asked: Asked) -> Response:
    """All that gateways of this data directory have counted; sums never fall when one starts again."""
    check_params(asked.request, [])
    counted = read_metrics(asked.context, _STARTED_US)
    lines = [*_cells(counted), *_own(counted), *_facts(asked.services.facts())]
    return Response("\n".join(lines) + "\n", headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})


def _cells(counted: Counted) -> Iterator[str]:
    """Families in the order of the table, series by label."""
    series: dict[str, dict[str, dict[str, int]]] = {}
    for name, value in (*counted.sums.items(), *counted.states.items()):
        family, _, rest = name.partition("\t")
        labels, _, part = rest.partition("\t")
        series.setdefault(family, {}).setdefault(labels, {})[part] = value
    for family, (kind, text) in _FAMILIES.items():
        yield from _head(family, kind, text)
        for labels, parts in sorted(series.get(family, {}).items()):
            if kind == "histogram":
                yield from _histogram(family, labels, parts)
            else:
                yield _sample(family, labels, _written(family, parts.get("", 0)))


def _histogram(family: str, labels: str, parts: Mapping[str, int]) -> Iterator[str]:
    """Cells count each interval apart, the format wants all below."""
    below = 0
    for bound in sorted((part for part in parts if part != "sum"), key=float):
        below += parts[bound]
        yield _sample(f"{family}_bucket", f'{labels},le="{bound}"', str(below))
    yield _sample(f"{family}_sum", labels, _seconds(parts.get("sum", 0)))
    yield _sample(f"{family}_count", labels, str(below))


def _own(counted: Counted) -> Iterator[str]:
    yield from _head(
        "tally_spool_bytes", "gauge", "Disk that the spool holds; a segment takes its room when it begins."
    )
    yield f"tally_spool_bytes {counted.spool_bytes}"
    sizes = [(one, str(one.resident)) for one in counted.processes if one.resident is not None]
    yield from _processes("tally_process_resident_bytes", "Memory of each process.", sizes)
    times = [(one, _seconds(one.uptime_us)) for one in counted.processes]
    yield from _processes("tally_process_uptime_seconds", "How long each process has run.", times)


def _processes(family: str, text: str, values: Iterable[tuple[Process, str]]) -> Iterator[str]:
    yield from _head(family, "gauge", text)
    for process, value in values:
        yield _sample(family, f'process="{process.name}",pid="{process.pid}"', value)


def _facts(facts: Mapping[str, object]) -> Iterator[str]:
    """Whole numbers that the status page shows are here too."""
    for name, value in sorted(facts.items()):
        if isinstance(value, int):
            yield from _head(f"tally_{name}", "gauge", f"As `tally status` shows it: {name.replace('_', ' ')}.")
            yield f"tally_{name} {int(value)}"


def _head(family: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {family} {text}"
    yield f"# TYPE {family} {kind}"


def _sample(name: str, labels: str, value: str) -> str:
    return f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _written(family: str, value: int) -> str:
    return text_from_grains(value) if family == "tally_cost_usd_total" else str(value)


def _seconds(micros: int) -> str:
    whole, rest = divmod(micros, _SECONDS)
    return f"{whole}.{rest:06d}" if rest else str(whole)
