"""Plain columns: one row a call, its fields named by a plan."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from tallystick.connectors.files.figures import Unusable, split_input, text, whole
from tallystick.connectors.files.mapping import ColumnUse, Plan
from tallystick.connectors.files.model import Parsed, Record, Rejected, Shape
from tallystick.connectors.files.times import UNITS, instant_of
from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.meters import BY_NAME, INPUT_METERS, METERS, OUTPUT_METERS

_INPUT_PARTS = tuple(name for name in INPUT_METERS if name != "uncached_input")
_OUTPUT_PARTS = tuple(name for name in OUTPUT_METERS if name != "plain_output")
_COUNTED = tuple(meter.name for meter in METERS if meter.side == "counted")
# Field to ledger column, for texts that go over as they are.
_TEXTS = {
    "provider": "provider", "operation": "operation_name", "service_tier": "service_tier",
    "error_type": "error_type", "finish_reason": "finish_reason", "response_id": "response_id",
    **{name: name for name in ATTRIBUTION},
}  # fmt: skip
_LARGEST_STATUS = 999


def plain_shape(plan: Plan, latest_us: int, *, nested: bool = False) -> Shape:
    """The shape of files that the plan describes; equal plans are one source. `nested` for records that hold records."""
    digest = hashlib.sha256(plan.fingerprint.encode()).hexdigest()[:8]
    uses = [f"{name} = {use.column}" for name, use in plan.columns.items()]
    constants = [f"{name} = {value!r} in all rows" for name, value in plan.constants.items()]
    reader = PlainReader(plan, latest_us)
    return Shape(
        f"file-{digest}", "plain columns", reader.parse, _one_flat if nested else None, notes=(*uses, *constants)
    )


_DEEPEST = 4


def flat(record: Record) -> Record:
    """The record with what is nested in it beside it, as `response.usage.prompt_tokens`; as it is where nothing is."""
    if not any(isinstance(value, Mapping) for value in record.values()):
        return record
    found: dict[str, object] = {}
    _flatten("", record, found, _DEEPEST)
    return found


def _flatten(prefix: str, record: Mapping[str, object], found: dict[str, object], deep: int) -> None:
    for name, value in record.items():
        found[f"{prefix}{name}"] = value
        if deep and isinstance(value, Mapping):
            _flatten(f"{prefix}{name}.", value, found, deep - 1)


def _one_flat(record: Record) -> Iterator[Record]:
    yield flat(record)


def constant_columns(plan: Plan) -> dict[str, object]:
    """Ledger columns that ``--set`` gives, tags among them."""
    found: dict[str, object] = {_TEXTS[name]: value for name, value in plan.constants.items() if name in _TEXTS}
    if "model" in plan.constants:
        found["request_model"] = plan.constants["model"]
    tags = {name[4:]: value for name, value in plan.constants.items() if name.startswith("tag.")}
    return found | ({"tags": tags} if tags else {})


class PlainReader:
    """Reads rows by one plan; what does not change from row to row is worked out once."""

    def __init__(self, plan: Plan, latest_us: int) -> None:
        self._latest_us = latest_us
        columns = plan.columns
        self._time = columns["time"]
        self._id = columns["id"].column if "id" in columns else ""
        self._model = columns["model"].column if "model" in columns else ""
        self._fixed_model = plan.constants.get("model", "")
        self._texts = [(_TEXTS[name], use.column) for name, use in columns.items() if name in _TEXTS]
        self._tags = [(name[4:], use.column) for name, use in columns.items() if name.startswith("tag.")]
        self._totals = [columns.get(name) for name in ("input_tokens", "output_tokens")]
        self._input = _columns_of(columns, ("uncached_input", *_INPUT_PARTS))
        self._output = _columns_of(columns, ("plain_output", *_OUTPUT_PARTS))
        self._counted = _columns_of(columns, _COUNTED)
        self._rest = {name: use for name, use in columns.items() if name in _RARE}
        self._constants = {name: value for name, value in constant_columns(plan).items() if name != "tags"}
        self._fixed_tags = {name[4:]: value for name, value in plan.constants.items() if name.startswith("tag.")}

    def parse(self, record: Record) -> Parsed | Rejected:
        """One row; rejected when its time, model or token counts cannot be used."""
        try:
            return self._parse(record)
        except Unusable as problem:
            return Rejected(str(problem))

    def _parse(self, record: Record) -> Parsed:
        values = dict(self._constants)
        time = self._time
        values["occurred_at"] = instant_of(record.get(time.column), time.unit, time.offset_us, self._latest_us)
        model = text(record.get(self._model)) if self._model else ""
        model = model or self._fixed_model
        if not model:
            raise Unusable("model is missing; name one for all rows with --set model=…")
        values["request_model"] = model
        quantities = self._read_tokens(record, values)
        for column, source in self._texts:
            found = text(record.get(source))
            if found:
                values[column] = found
        self._read_rest(record, values, quantities)
        return Parsed(values, quantities, text(record.get(self._id)) if self._id else "")

    def _read_tokens(self, record: Record, values: dict[str, object]) -> dict[str, int]:
        total, written = (whole(record.get(use.column), use.column) if use else None for use in self._totals)
        parts = _figures(record, self._input)
        out_parts = _figures(record, self._output)
        quantities = _disjoint(total, parts, "uncached_input", "input_tokens", values)
        quantities |= _disjoint(written, out_parts, "plain_output", "output_tokens", values)
        quantities |= _figures(record, self._counted)
        if not quantities:
            raise Unusable("no token count; an empty cell is not 0")
        return quantities

    def _read_rest(self, record: Record, values: dict[str, object], quantities: dict[str, int]) -> None:
        tags = dict(self._fixed_tags)
        for name, source in self._tags:
            found = text(record.get(source))
            if found:
                tags[name] = found
        for name, use in self._rest.items():
            _RARE[name](record.get(use.column), use, values, tags)
        if tags:
            values["tags"] = tags
        if "seconds" in quantities:
            quantities["seconds"] *= BY_NAME["seconds"].scale


def _columns_of(columns: Mapping[str, ColumnUse], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, columns[name].column) for name in names if name in columns]


def _figures(record: Record, sources: list[tuple[str, str]]) -> dict[str, int]:
    found = {}
    for name, column in sources:
        value = whole(record.get(column), column)
        if value is not None:
            found[name] = value
    return found


def _disjoint(
    total: int | None, parts: dict[str, int], rest: str, name: str, values: dict[str, object]
) -> dict[str, int]:
    """The classes of one side; the rest of the total is the ordinary class, unless it was given itself."""
    if rest in parts:
        inside = sum(parts.values())
        if total is not None and total != inside:
            raise Unusable(f"{name} is {total}, but its parts are {inside}")
        values[name] = inside
        return parts
    whole_of, left = split_input(total, parts, what=name)
    if whole_of is None:
        return {}
    values[name] = whole_of
    return {**parts, rest: left} if total is not None else parts


def _status(value: object, use: ColumnUse, values: dict[str, object], tags: dict[str, str]) -> None:
    del tags
    found = text(value).lower()
    if found.isdigit():
        values["status"] = status = whole(value, use.column, _LARGEST_STATUS) or 0
        values["outcome"] = "error" if status >= 400 else "ok"
    elif found:
        values["outcome"] = "error" if found in {"error", "failed", "failure"} else "ok"


def _cost(value: object, use: ColumnUse, values: dict[str, object], tags: dict[str, str]) -> None:
    """What the file says it cost is kept beside our own figure, never instead of it."""
    del values
    found = text(value).lstrip("$")
    if not found:
        return
    try:
        tags["reported_cost"] = f"{Decimal(found):f}"
    except InvalidOperation:
        raise Unusable(f"{use.column} is {found[:40]!r}, which is no amount") from None


def _duration(value: object, use: ColumnUse, values: dict[str, object], tags: dict[str, str]) -> None:
    del tags
    found = text(value)
    if not found:
        return
    times, over = UNITS[use.unit or "ms"]
    try:
        values["duration_us"] = max(0, int(float(found) * times / over))
    except (ValueError, OverflowError):
        raise Unusable(f"{use.column} is {found[:40]!r}, which is no duration") from None


def _first_token(value: object, use: ColumnUse, values: dict[str, object], tags: dict[str, str]) -> None:
    one: dict[str, object] = {}
    _duration(value, use, one, tags)
    if one:
        values["time_to_first_token_us"] = one["duration_us"]


_RARE: dict[str, Callable[[object, ColumnUse, dict[str, object], dict[str, str]], None]] = {
    "status": _status,
    "reported_cost": _cost,
    "duration": _duration,
    "time_to_first_token": _first_token,
}
