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
from tallystick.focus.columns import focus_version, is_focus

# What tells a native export, and how its columns are called in FOCUS.
NATIVE: tuple[tuple[Callable[[Sequence[str]], bool], Callable[[], Native]], ...] = (
    (is_aws_bill, aws_bill),
    (is_azure_bill, azure_bill),
    (is_oci_bill, oci_bill),
    (is_gcp_bill, gcp_bill),
)


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
    return None
