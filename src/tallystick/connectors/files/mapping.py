"""What ``--map`` and ``--set`` mean: which column holds what, and what the file lacks."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tallystick.connectors.files.times import UNITS
from tallystick.kernel.errors import DataError, UsageError
from tallystick.kernel.period import instant
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension
from tallystick.usage.meters import METERS

_PLAIN_FIELDS = (
    "time", "id", "provider", "model", "operation", "service_tier", "status", "error_type", "finish_reason",
    "response_id", "reported_cost", "duration", "time_to_first_token", "input_tokens", "output_tokens",
)  # fmt: skip
TIMED_FIELDS = frozenset({"duration", "time_to_first_token"})
_PER_ROW = TIMED_FIELDS | {"time", "id", "input_tokens", "output_tokens", *(meter.name for meter in METERS)}
FIELDS: tuple[str, ...] = (*_PLAIN_FIELDS, *(meter.name for meter in METERS), *ATTRIBUTION)

# Words of other tools for our fields, without case and with blanks and hyphens as underscores.
_ALIASES: dict[str, str] = {
    "timestamp": "time", "ts": "time", "datetime": "time", "date_time": "time", "created_at": "time",
    "created": "time", "start_time": "time", "starttime": "time", "occurred_at": "time", "request_time": "time",
    "request_id": "id", "event_id": "id", "model_name": "model", "model_id": "model", "request_model": "model",
    "response_model": "model", "vendor": "provider", "provider_name": "provider",
    "prompt_tokens": "input_tokens", "tokens_in": "input_tokens", "tokens_input": "input_tokens",
    "completion_tokens": "output_tokens", "tokens_out": "output_tokens", "tokens_output": "output_tokens",
    "generated_tokens": "output_tokens", "context_tokens": "input_tokens",
    "cached_tokens": "cache_read", "cache_read_tokens": "cache_read", "cache_read_input_tokens": "cache_read",
    "cached_input_tokens": "cache_read", "cache_write_tokens": "cache_write_unknown",
    "cache_creation_input_tokens": "cache_write_unknown", "cache_creation_tokens": "cache_write_unknown",
    "cache_write_5m_tokens": "cache_write_5m", "cache_write_1h_tokens": "cache_write_1h",
    "reasoning_tokens": "reasoning_output", "reasoning_output_tokens": "reasoning_output",
    "user_id": "user", "team_id": "team", "customer_id": "customer", "session_id": "conversation",
    "conversation_id": "conversation", "project_id": "project", "env": "environment", "agent_name": "agent",
    "workflow_name": "workflow", "status_code": "status", "cost": "reported_cost", "cost_usd": "reported_cost",
    "spend": "reported_cost", "total_cost": "reported_cost", "operation_name": "operation",
    # Other gateways and tracers; the provider's own id of the answer tells that two captures are one call.
    "response.id": "response_id", "gen_ai.response.id": "response_id", "provider_response_id": "response_id",
    "upstream_id": "response_id", "completion_id": "response_id", "gen_ai.response.model": "model",
    "gen_ai.request.model": "model", "gen_ai.provider.name": "provider", "gen_ai.system": "provider",
    "gen_ai.usage.input_tokens": "input_tokens", "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.operation.name": "operation", "ai_model": "model", "ai_org": "provider", "req_units": "input_tokens",
    "res_units": "output_tokens", "usage.prompt_tokens": "input_tokens", "usage.completion_tokens": "output_tokens",
    "response.usage.prompt_tokens": "input_tokens", "response.usage.completion_tokens": "output_tokens",
}  # fmt: skip
_TIME_SPEC = re.compile(r"^(?P<column>.+):(?P<unit>s|ms|us|ns|iso)(?:\+(?P<offset>.+))?$")


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """Where a field comes from.

    Attributes:
        unit: Of times: ``s``, ``ms``, ``us``, ``ns``, ``iso``; empty to tell by the value.
        offset_us: The instant that relative times count from.
    """

    column: str
    unit: str = ""
    offset_us: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a plain file is read: field to column, and field to a fixed text for all rows."""

    columns: Mapping[str, ColumnUse] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Equal for equal meanings: what the source is named after."""
        uses = [f"{name}={use.column}:{use.unit}+{use.offset_us}" for name, use in sorted(self.columns.items())]
        return "\n".join([*uses, *(f"{name}:={value}" for name, value in sorted(self.constants.items()))])


def parse_mapping(map_texts: Sequence[str], set_texts: Sequence[str]) -> Plan:
    """The words of the command line, ``field=column[:unit[+start]]`` and ``field=value``.

    Raises:
        UsageError: An entry is not of that form, or names a field nobody knows.
    """
    columns = {name: _use(name, spec) for name, spec in _pairs(map_texts, "--map")}
    constants = dict(_pairs(set_texts, "--set"))
    for name in constants:
        if name in _PER_ROW:
            raise UsageError(f'"{name}" differs from row to row', where="--set", next_steps=[f"--map {name}=COLUMN"])
    return Plan(columns, constants)


def _pairs(texts: Sequence[str], where: str) -> list[tuple[str, str]]:
    found = []
    for entry in (one.strip() for joined in texts for one in joined.split(",")):
        if not entry:
            continue
        name, equals, value = entry.partition("=")
        if not equals or not value.strip():
            step = "--map time=COLUMN" if where == "--map" else "--set provider=openai"
            raise UsageError(f'"{entry}" is not of the form field=…', where=where, next_steps=[step])
        found.append((field_of(name, where), value.strip()))
    return found


def field_of(word: str, where: str) -> str:
    """The field that a word means: our name, an alias, or ``tag.<name>``.

    Raises:
        UsageError: Nobody knows it; with the nearest names.
    """
    if word.strip().lower().startswith("tag."):
        return "tag." + word.strip()[4:].strip()
    name = known_field(word)
    if name is None:
        near = difflib.get_close_matches(word.strip().lower(), (*FIELDS, *_ALIASES), n=3)
        steps = [f"did you mean {' or '.join(near)}?"] if near else [f"known: {', '.join(_PLAIN_FIELDS)}"]
        raise UsageError(f'unknown field "{word.strip()}"', where=where, next_steps=[*steps, "or use tag.NAME"])
    return name


def known_field(word: str) -> str | None:
    """The field that a word means, None when nobody knows it."""
    name = canonical_dimension(word.replace(" ", "_"))
    name = _ALIASES.get(name, name)
    return name if name in FIELDS else None


def _use(name: str, spec: str) -> ColumnUse:
    found = _TIME_SPEC.match(spec) if name == "time" or name in TIMED_FIELDS else None
    if found is None:
        return ColumnUse(spec)
    unit, offset = found["unit"], found["offset"]
    if offset and (name != "time" or unit == "iso"):
        raise UsageError(f'"{spec}": only times in {", ".join(UNITS)} count from a start', where="--map")
    return ColumnUse(found["column"], unit, _start(offset) if offset else 0)


def _start(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f'"{text}" is no date', where="--map time", next_steps=["write 2026-11-01"]) from None
    return instant(found if found.tzinfo else found.replace(tzinfo=UTC))


def complete(given: Plan, columns: Sequence[str], where: str) -> Plan:
    """The mapping with the columns that speak for themselves added; what was given wins.

    Raises:
        DataError: A column that the mapping names is not in the file, or time or tokens come from nowhere.
    """
    missing = [use.column for use in given.columns.values() if use.column not in columns]
    if missing:
        raise DataError(f'no column "{missing[0]}"', where=where, next_steps=[f"its columns: {', '.join(columns)}"])
    taken = {use.column for use in given.columns.values()}
    uses = dict(given.columns)
    for column in columns:
        name = known_field(column)
        if name and column not in taken and name not in uses and name not in given.constants:
            uses[name] = ColumnUse(column, _unit_in(column))
    found = Plan(uses, given.constants)
    if "time" not in uses or not _has_tokens(uses):
        raise _unrecognised(found, columns, where)
    return found


def _unit_in(column: str) -> str:
    tail = column.lower().rsplit("_", 1)[-1]
    return tail if tail in UNITS and tail != "s" else ""


def _has_tokens(uses: Mapping[str, ColumnUse]) -> bool:
    meters = {meter.name for meter in METERS}
    return any(name in meters or name in ("input_tokens", "output_tokens") for name in uses)


def _unrecognised(found: Plan, columns: Sequence[str], where: str) -> DataError:
    lacks = [] if "time" in found.columns else ["time"]
    lacks += [] if _has_tokens(found.columns) else ["input_tokens", "output_tokens"]
    sketch = ",".join(f"{name}={guess_column(name, columns)}" for name in lacks)
    steps = [f"its columns: {', '.join(columns[:40])}", f"tally import FILE --map {sketch}"]
    if "model" not in found.columns and "model" not in found.constants:
        steps[-1] += " --set provider=openai,model=gpt-4o"
    return DataError(f"no column is known to hold {' or '.join(lacks)}", where=where, next_steps=steps)


_HINTS = {"time": ("time", "date", "stamp"), "input_tokens": ("input", "prompt"), "output_tokens": ("output", "compl")}


def guess_column(name: str, columns: Sequence[str]) -> str:
    """A column that may hold a field, to make the printed line nearly right; COLUMN when none looks like it."""
    for hint in _HINTS.get(name, (name,)):
        for column in columns:
            if hint in column.lower():
                return column
    return "COLUMN"
