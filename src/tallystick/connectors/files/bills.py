"""Tell a bill from a file of usage, and its columns as FOCUS's."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.connectors.files.bill_aws import aws_bill, is_aws_bill
from tallystick.connectors.files.bill_azure import azure_bill, is_azure_bill
from tallystick.connectors.files.bill_gcp import gcp_bill, is_gcp_bill
from tallystick.connectors.files.bill_oci import is_oci_bill, oci_bill
from tallystick.connectors.files.focus_sets import focus_set
from tallystick.connectors.files.model import Raw
from tallystick.connectors.files.native import Native
from tallystick.connectors.files.reading import OpenFile, open_file
from tallystick.focus.columns import BROUGHT, focus_name, focus_version, is_focus
from tallystick.kernel.errors import DataError

# What tells a native export, and how its columns are called in FOCUS.
NATIVE: tuple[tuple[Callable[[Sequence[str]], bool], Callable[[], Native]], ...] = (
    (is_aws_bill, aws_bill),
    (is_azure_bill, azure_bill),
    (is_oci_bill, oci_bill),
    (is_gcp_bill, gcp_bill),
)
# So many of FOCUS's columns, and no other file has them.
_OF_FOCUS = frozenset(
    name for names in BROUGHT.values() for name in names if any(word in name for word in ("Charge", "Cost", "Billing"))
)
_NEARLY = 6


@dataclass(frozen=True, slots=True)
class BillFile:
    """An open file that is a bill.

    Attributes:
        first: The record that had to be read to know a JSON file.
        native: How its columns become FOCUS's; None where they are.
    """

    file: OpenFile
    title: str
    dataset: str
    first: Raw | None = None
    native: Native | None = None
    notes: tuple[str, ...] = field(default=())


def open_bill(path: Path, closing: ExitStack) -> BillFile | None:
    """The file as a bill, or None where its columns are those of no bill we know; its name does not count.

    Raises:
        DataError: It cannot be opened at all.
    """
    file = open_file(path, closing)
    first = None if file.columns else next(file.records, None)
    names = file.columns or (tuple(first.record) if first else ())
    if is_focus(names):
        return BillFile(file, f"FOCUS {focus_version(names)}", "focus", first)
    apart = focus_set(names)
    if apart is not None:
        return BillFile(file, apart.title, apart.dataset, first, apart, apart.notes)
    for matches, make in NATIVE:
        if matches(names):
            native = make()
            return BillFile(file, native.title, native.dataset, first, native, native.notes)
    _check_nearly(names, path)
    return None


def _check_nearly(names: Sequence[str], path: Path) -> None:
    """Refuse what has the columns of a FOCUS file but for one without which it is none: nobody would know it again.

    Raises:
        DataError: It has.
    """
    found = {focus_name(name) for name in names}
    if len(found & _OF_FOCUS) < _NEARLY:
        return
    costs = found & {"BilledCost", "EffectiveCost"}
    lacks = [name for name in ("ChargePeriodStart", "ChargeCategory") if name not in found]
    lacks += [] if costs else ["BilledCost or EffectiveCost"]
    what = f"the columns are those of FOCUS, but there is no {' and no '.join(lacks)}"
    raise DataError(what, where=str(path), next_steps=["rename the column that holds it, or export with all columns"])
