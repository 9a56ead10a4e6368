"""A part of AWS's FOCUS export as bill lines.

The columns of FOCUS are read as everybody's are; what AWS adds (`x_UsageType`, `x_Operation`, `x_ServiceCode`) tells
Bedrock's rows, also those of the Marketplace, whose service name is empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.bedrock import is_bedrock, model_id, named, of_resource, read_usage_type
from tallystick.connectors.aws.counted import count
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.connectors.aws.sheet import Unreadable, read_table
from tallystick.connectors.aws.tags import dimensions_of
from tallystick.focus.columns import focus_version
from tallystick.focus.convert import line_from_focus
from tallystick.focus.place import Place
from tallystick.ports import Page


def missing_focus(names: Sequence[str]) -> str:
    """What is wrong with these columns; empty where they are FOCUS."""
    return "" if focus_version(names) else "these columns are no FOCUS: is it the export of another table?"


def parse_focus(page: Page, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The lines of a part; pure."""
    broken: dict[int, str] = {}
    try:
        table = read_table(page.body, broken)
    except Unreadable as problem:
        yield Rejected(0, str(problem))
        return
    columns = [(name, _cells(column)) for name, column in zip(table.column_names, table.columns, strict=True)]
    number = 0
    for row in range(table.num_rows):
        number += 1
        while number in broken:
            yield Rejected(number, broken[number])
            number += 1
        record = {name: cells[row] for name, cells in columns}
        place = Place(line_no=number, dataset=page.stream, account=page.account)
        yield _ours(line_from_focus(record, place), record, reading)
    yield from (Rejected(place, why) for place, why in broken.items() if place > number)


def _cells(column: Any) -> Sequence[Any]:
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
        start = datetime(1970, 1, 1, tzinfo=UTC)
        return [None if one is None else start + timedelta(microseconds=one) for one in micros]
    cells: Sequence[Any] = column.to_pylist()
    return [None if one is None else dict(one) for one in cells] if pa.types.is_map(column.type) else cells


def _ours(line: BillLine | Rejected, record: Mapping[str, Any], reading: Reading) -> BillLine | Rejected:
    if isinstance(line, Rejected):
        return line
    said = {name: str(record.get(name) or "") for name in ("x_ServiceCode", "x_Operation", "x_UsageType")}
    code, operation, usage = said.values()
    dimensions = dict(line.dimensions) | dimensions_of(line.tags, reading.tags)
    if not is_bedrock(code, code, operation, line.service_name, usage):
        return replace(line, dimensions=dimensions)
    spoken = read_usage_type(usage)
    own = reading.profiles.get(line.resource_id) or reading.profiles.get(line.resource_id.rpartition("/")[2], "")
    name = spoken.model or own or of_resource(line.resource_id) or named(line.service_name)
    market = "MP:" in usage
    counted = count(
        line.pricing_quantity if line.pricing_quantity is not None else line.consumed_quantity,
        line.pricing_unit or line.consumed_unit,
        spoken.meter,
        description=line.charge_description if market else "",
        market_unit=reading.market_unit,
    )
    note = {"quantity_note": counted.note} if counted.note else {}
    return replace(
        line,
        ai=True,
        provider="aws.bedrock",
        raw_model=model_id(name, world=spoken.world) or line.raw_model,
        meter=spoken.meter or line.meter,
        service_tier=spoken.tier or line.service_tier,
        context=spoken.context or line.context,
        sku_meter=line.sku_meter or usage,
        quantity=counted.quantity if spoken.meter else line.quantity,
        # The Marketplace writes 0 for a list cost that it does not say.
        list_cost=None if market and not line.list_cost else line.list_cost,
        dimensions=dimensions,
        extra={**line.extra, **note},
    )
