"""Which files of an export are a month's: the newest run replaces all before it. Pure.

Azure writes `<export>/20261101-20261130/<run>/manifest.json` beside the parts of a run; older
exports and downloads have no manifest, and their newest file of a month is all of it.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from posixpath import basename, dirname

from tallystick.kernel.period import Period, moment
from tallystick.ports import SourceFailed

MANIFEST = "manifest.json"
_ENDINGS = (".csv", ".csv.gz", ".parquet")
_PERIOD = re.compile(r"(20\d{2})(0[1-9]|1[0-2])01-20\d{6}")
_NAMED = re.compile(r"(?<!\d)(20\d{2})-?(0[1-9]|1[0-2])(?!\d)")
_LATER_SECONDS = 900.0


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """A file of the export.

    Attributes:
        name: Its path below the folder or container, with slashes.
        at: When it was last written, in any unit that orders.
    """

    at: float
    name: str


@dataclass(frozen=True, slots=True)
class Run:
    """The files that are a month.

    Attributes:
        run: What names it; another value means another run.
        files: In the order of its manifest, else by name.
    """

    run: str
    files: tuple[str, ...]


def month_of(name: str) -> str:
    """The month that a path speaks of, as `2026-11`: of its period's folder, else of its own name; empty for none."""
    folders, file = dirname(name).split("/"), basename(name)
    found = next((match for folder in reversed(folders) if (match := _PERIOD.fullmatch(folder))), None)
    found = found or _PERIOD.search(file) or _NAMED.search(file)
    return f"{found[1]}-{found[2]}" if found else ""


def choose_run(stored: Sequence[Stored], window: Period, kind: str, read: Callable[[str], bytes]) -> Run | None:
    """What counts for a month: the newest run of each export, for several may lie together; None where there is none.

    Args:
        kind: `ActualCost`, `AmortizedCost`, `FocusCost`: a manifest of another kind is passed over.
        read: The bytes of a file by its name; only manifests are read.

    Raises:
        SourceFailed: A newest run is not whole, or its manifest cannot be read.
    """
    month = f"{moment(window.start_us):%Y-%m}"
    mine = [one for one in stored if month_of(one.name) == month]
    exports = sorted({_export(one.name) for one in mine})
    found = [_newest([one for one in mine if _export(one.name) == export], kind, read) for export in exports]
    runs = [run for run in found if run is not None]
    return Run(", ".join(run.run for run in runs), tuple(name for run in runs for name in run.files)) if runs else None


def _export(name: str) -> str:
    """The folder of the export that a file is of: the one above its period's."""
    folders = dirname(name).split("/")
    period = next((place for place, folder in enumerate(folders) if _PERIOD.fullmatch(folder)), len(folders))
    return "/".join(folders[:period])


def _newest(mine: Sequence[Stored], kind: str, read: Callable[[str], bytes]) -> Run | None:
    told = [_of_manifest(one, read) for one in mine if basename(one.name) == MANIFEST]
    runs = sorted((one for one in told if one.kind == kind), key=lambda one: (one.submitted, one.folder))
    if not runs:
        return None if told else _without_manifest(mine)
    names = {one.name for one in mine}
    missing = next((name for name in runs[-1].files if name not in names), "")
    if missing:
        words = f"the newest run lacks {basename(missing)!r}; Azure may still be writing it"
        raise SourceFailed(words, retry_seconds=_LATER_SECONDS)
    return Run(runs[-1].folder, runs[-1].files)


def _without_manifest(mine: Sequence[Stored]) -> Run | None:
    """The newest file, with those of its folder that are parts of the same."""
    files = sorted(one for one in mine if one.name.lower().endswith(_ENDINGS))
    if not files:
        return None
    newest = files[-1].name
    stem = _part(newest)
    parts = sorted(one.name for one in files if stem and _part(one.name) == stem)
    return Run(newest, tuple(parts or [newest]))


def _part(name: str) -> str:
    """`…/part_0_0001.csv` without its number; empty for what is no part."""
    match = re.fullmatch(r"(.*part_\d+_)\d+(\..*)", name)
    return f"{match[1]}{match[2]}" if match else ""


@dataclass(frozen=True, slots=True)
class _Told:
    folder: str
    kind: str
    submitted: float
    files: tuple[str, ...]


def _of_manifest(one: Stored, read: Callable[[str], bytes]) -> _Told:
    """What a manifest says; its files are looked for beside it, wherever the container was copied from."""
    folder = dirname(one.name)
    try:
        found = json.loads(read(one.name).decode("utf-8-sig"))
        files = tuple(f"{folder}/{basename(blob['blobName'])}".lstrip("/") for blob in found["blobs"])
        submitted = datetime.fromisoformat(found["runInfo"]["submittedTime"]).timestamp()
        return _Told(folder, str(found["exportConfig"]["type"]), submitted, files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        words = f"{one.name!r} is no manifest of an export: exportConfig.type, runInfo.submittedTime, blobs are needed"
        raise SourceFailed(f"{words}; Azure may still be writing it", retry_seconds=_LATER_SECONDS) from None
