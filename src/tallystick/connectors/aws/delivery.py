"""Which files are one month of a report, as AWS delivers it.

Data Exports write `data/BILLING_PERIOD=2026-11/…` with a manifest below `metadata/`; the older reports write
`20261101-20261201/…` with a manifest beside the files, which may lie elsewhere (Parquet: `year=2026/month=11`).
Reports that are kept and not overwritten have a folder for each version: the newest counts, and only it.
Folders filled by hand may hold `BILLING_PERIOD=2026-11/` or `2026-11/` alone.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC

from tallystick.connectors.aws.places import Found, Place
from tallystick.kernel.period import Period, moment
from tallystick.ports import SourceFailed

_ENDS = (".csv", ".csv.gz", ".csv.zip", ".parquet")
_MOST_MANIFEST = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One month as it stood when it was listed.

    Attributes:
        version: Changes whenever any of the files does.
    """

    files: tuple[Found, ...]
    version: str


def month_of(window: Period) -> str:
    """`2026-11`."""
    return f"{moment(window.start_us).astimezone(UTC):%Y-%m}"


def find_delivery(place: Place, window: Period) -> Delivery:
    """The files of a month; none of them where nothing was delivered.

    Raises:
        SourceFailed: A manifest names files that are not there, or several reports lie side by side.
    """
    start, end = (moment(one).astimezone(UTC) for one in (window.start_us, window.end_us))
    legacy = f"{start:%Y%m%d}-{end:%Y%m%d}/"
    month = f"{start:%Y-%m}"
    for folder, manifests in (
        (f"data/BILLING_PERIOD={month}/", f"metadata/BILLING_PERIOD={month}/"),
        (legacy, legacy),
        (f"BILLING_PERIOD={month}/", ""),
        (f"{month}/", ""),
    ):
        listed = list(place.files(folder))
        told = listed if manifests == folder else list(place.files(manifests)) if manifests else []
        named = _named(place, told)
        files = _of_manifest(place, named) if named else _newest(folder, listed)
        if files:
            return Delivery(tuple(files), _version(files))
    return Delivery((), "")


def reports_below(place: Place) -> list[str]:
    """Folders directly below that look like reports of their own: the place is then one too high."""
    found = []
    for name in place.folders(""):
        inner = place.folders(f"{name}/")
        if name != "data" and (
            "data" in inner or any(len(one) == 17 and one[8] == "-" and one.replace("-", "").isdigit() for one in inner)
        ):
            found.append(name)
    return found


def _named(place: Place, listed: Sequence[Found]) -> list[str]:
    """The files that the newest manifest names, as their places in the bucket; empty where none does."""
    manifests = [one for one in listed if one.key.endswith("anifest.json") and one.size <= _MOST_MANIFEST]
    if not manifests:
        return []
    newest = max(manifests, key=lambda one: (one.changed, -one.key.count("/")))
    try:
        with place.open(newest) as file:
            said = json.loads(file.read(_MOST_MANIFEST))
        names = said.get("dataFiles") or said.get("reportKeys") or []
        return [str(name) for name in names if isinstance(name, str)]
    except (ValueError, AttributeError, RecursionError):
        raise SourceFailed(
            f"{newest.key} in {place.name} is no manifest that can be read", retry_seconds=600.0
        ) from None


def _of_manifest(place: Place, names: Iterable[str]) -> list[Found]:
    """The files named; a manifest writes whole paths, of which ours are the ends."""
    found: list[Found] = []
    known: dict[str, dict[str, Found]] = {}
    for name in names:
        key = _below(place, name)
        folder = key.rpartition("/")[0]
        if folder not in known:
            known[folder] = {one.key: one for one in place.files(f"{folder}/" if folder else "")}
        if key not in known[folder]:
            words = f"the manifest in {place.name} names {key}, which is not there: is a delivery under way?"
            raise SourceFailed(words, retry_seconds=900.0)
        found.append(known[folder][key])
    return sorted(found, key=lambda one: one.key)


def _below(place: Place, name: str) -> str:
    """A manifest's path (`s3://bucket/prefix/export/data/…`) as a key below the place."""
    path = name.partition("://")[2].partition("/")[2] if "://" in name else name.lstrip("/")
    parts = path.split("/")
    own = place.name.partition("://")[2].partition("/")[2] if place.name.startswith("s3://") else ""
    if own and path.startswith(own):
        return path[len(own) :]
    # A copy in a folder keeps what is below the report's own folder.
    for mark, back in (("data", 0), ("year=", 1)):
        at = next(
            (n for n, part in enumerate(parts) if part == mark or (mark == "year=" and part.startswith(mark))), -1
        )
        if at >= 0:
            return "/".join(parts[max(0, at - back) :])
    at = next((n for n, part in enumerate(parts) if len(part) == 17 and part[8] == "-"), 0)
    return "/".join(parts[at:])


def _newest(folder: str, listed: Sequence[Found]) -> list[Found]:
    """The files of a folder; where versions have folders of their own, those of the one written last."""
    data = [one for one in listed if one.key.lower().endswith(_ENDS)]
    if not data:
        return []
    inside = {one.key: one.key[len(folder) :].rpartition("/")[0] for one in data}
    last = max(data, key=lambda one: (one.changed, one.key))
    return [one for one in data if inside[one.key] == inside[last.key]]


def _version(files: Sequence[Found]) -> str:
    text = "\n".join(f"{one.key} {one.version}" for one in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
