"""Load bills of millions of lines by columns: appended unseen, then all slices put in place at once.

As `load_lines` does it, for files: lines come as columns, equal content is known by the
digests of the rows as they stand in the file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from tallystick.bills.model import Load
from tallystick.bills.store import append_columns, append_loads, drop_lines, list_loads
from tallystick.focus.columns import COSTS
from tallystick.kernel.ids import new_id
from tallystick.kernel.table import Repeated
from tallystick.operations.context import Context, now_us
from tallystick.operations.loaded import SliceSummary
from tallystick.pricing.book import PriceBook

# Raised when the reader of files reads better: then the same file is a new load.
_READER = "1"
_SPACE = 1 << 128
SliceId = tuple[str, str]
Sums = Counter[tuple[str, str]]


@dataclass(slots=True)
class Part:
    """One slice on its way in.

    Attributes:
        sums: (currency, column) → grains.
        digest: Of its rows in any order.
    """

    load_id: str
    rows: int = 0
    rejected: int = 0
    digest: int = 0
    account: str = ""
    first_at: int | None = None
    last_at: int | None = None
    sums: Sums = field(default_factory=Counter)
    currencies: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Into:
    """Where columns are loaded.

    Attributes:
        source: A load replaces slices of its own source only.
        land: False counts only.
        beside: Slices land beside those of the same name, not in their place.
    """

    source: str
    file: str
    land: bool
    beside: bool = False


class ColumnLoading:
    """One load of several files or of one; a batch is written while the next is read."""

    def __init__(self, context: Context, book: PriceBook, into: Into) -> None:
        self._context = context
        self._book = book
        self._into = into
        self._at = now_us()
        self._parts: dict[SliceId, Part] = {}
        self._models: dict[tuple[str, ...], str] = {}
        self._before = {(one.dataset, one.slice_key): one for one in list_loads(context.config_db, into.source)}
        self.suffix = f"+{1 + max((_number(key) for _, key in self._before), default=1)}" if into.beside else ""
        self._writer = ThreadPoolExecutor(1, "bill-lines")
        self._writing: Future[None] | None = None

    def take(self, dataset: str, data: dict[str, Sequence[Any]], digests: Sequence[int], rejected: int = 0) -> None:
        """Append one batch of lines under loads that nobody knows of yet."""
        keys: Sequence[str] = data["slice_key"]
        if not keys:
            return
        data["model"] = self._named(data)
        parts = {key: self._part(dataset, key) for key in set(keys)}
        _count(parts, data, digests)
        parts[keys[0]].rejected += rejected
        if self._into.land:
            one = next(iter(parts.values()))
            ids = Repeated(one.load_id, len(keys)) if len(parts) == 1 else [parts[key].load_id for key in keys]
            self._written()
            self._writing = self._writer.submit(append_columns, self._context.ledger, self._into.source, ids, "", data)

    def finish(self) -> tuple[SliceSummary, ...]:
        """Put in place what is not there yet; a slice whose content is there changes nothing."""
        self._written()
        self._writer.shutdown()
        found, loads, idle = [], [], []
        for (dataset, key), part in sorted(self._parts.items()):
            kin = [
                one for one in self._before.values() if one.dataset == dataset and _stem(one.slice_key) == _stem(key)
            ]
            same = next((one for one in kin if one.content_hash == _content_hash(part)), None)
            replaced = [] if self._into.beside else kin
            if same is None:
                loads += [self._load(dataset, key, part), *self._emptied(replaced, key)]
            else:
                idle.append(part.load_id)
            found.append(_summary(dataset, key, part, same, replaced if same is None else [same]))
        if self._into.land:
            drop_lines(self._context.ledger, idle)
            append_loads(self._context.config_db, loads)
        return tuple(found)

    def forget(self) -> None:
        """Leave nothing of what was begun; what cannot be dropped now is dropped at the next start."""
        with suppress(Exception):
            self._written()
        self._writer.shutdown()
        if self._into.land:
            with suppress(Exception):
                drop_lines(self._context.ledger, [part.load_id for part in self._parts.values()])

    def _written(self) -> None:
        """Wait for the batch under way, and raise what it raised."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _part(self, dataset: str, key: str) -> Part:
        found = self._parts.get((dataset, key))
        if found is None:
            found = self._parts[dataset, key] = Part(new_id("load", self._at))
        return found

    def _named(self, data: Mapping[str, Sequence[Any]]) -> list[str]:
        """The canonical model of each row."""
        known = self._models
        keys = list(zip(data["provider"], data["raw_model"], data["service_tier"], data["region"], strict=True))
        for key in set(keys) - known.keys():
            known[key] = self._book.resolve(*key).model if key[1] else ""
        return [known[key] for key in keys]

    def _load(self, dataset: str, key: str, part: Part) -> Load:
        return Load(
            load_id=part.load_id,
            source=self._into.source,
            dataset=dataset,
            slice_key=key,
            provider_account=part.account,
            content_hash=_content_hash(part),
            loaded_at=self._at,
            rows=part.rows,
            rejected=part.rejected,
            currency=next(iter(part.currencies)) if len(part.currencies) == 1 else "",
            first_at=part.first_at,
            last_at=part.last_at,
            sums=_amounts(part),
            file=self._into.file,
        )

    def _emptied(self, replaced: Sequence[Load], key: str) -> list[Load]:
        """Loads of nothing for what was once put beside a slice that is now replaced whole."""
        return [
            Load(
                load_id=new_id("load", self._at),
                source=self._into.source,
                dataset=one.dataset,
                slice_key=one.slice_key,
                provider_account=one.provider_account,
                content_hash="",
                loaded_at=self._at,
                rows=0,
                rejected=0,
                file=self._into.file,
            )
            for one in replaced
            if one.slice_key != key and one.rows
        ]


def _count(parts: Mapping[str, Part], data: Mapping[str, Sequence[Any]], digests: Sequence[int]) -> None:
    keys, currencies, starts = data["slice_key"], data["currency"], data["charge_period_start"]
    groups = set(zip(keys, currencies, strict=True))
    for key, code in groups:
        part = parts[key]
        whole = len(groups) == 1
        rows = (
            range(len(keys))
            if whole
            else [row for row, pair in enumerate(zip(keys, currencies, strict=True)) if pair == (key, code)]
        )
        part.rows += len(rows)
        part.currencies.add(code)
        part.account = part.account or data["provider_account"][rows[0]]
        part.digest = (part.digest + sum(digests[row] for row in rows)) % _SPACE
        own = [starts[row] for row in rows]
        part.first_at = min(own) if part.first_at is None else min(part.first_at, *own)
        part.last_at = max(own) if part.last_at is None else max(part.last_at, *own)
        for name in COSTS:
            known = [grains for row in rows if (grains := data[name][row]) is not None]
            if known:
                part.sums[code, name] += sum(known)


def _amounts(part: Part) -> dict[str, int]:
    """Column to grains; `column:CURRENCY` where currencies are mixed, for they are never added."""
    mixed = len(part.currencies) > 1
    return {f"{name}:{code}" if mixed else name: grains for (code, name), grains in part.sums.items()}


def _content_hash(part: Part) -> str:
    return blake2b(f"{_READER}:{part.account}:{part.rows}:{part.digest:x}".encode(), digest_size=16).hexdigest()


def _stem(slice_key: str) -> str:
    """A slice's key without the number of what was put beside it."""
    stem, plus, number = slice_key.rpartition("+")
    return stem if plus and number.isdigit() else slice_key


def _number(slice_key: str) -> int:
    return int(slice_key[len(_stem(slice_key)) + 1 :] or 1)


def _summary(dataset: str, key: str, part: Part, same: Load | None, before: Sequence[Load]) -> SliceSummary:
    held: Counter[str] = Counter()
    for one in before:
        held.update(one.sums)
    return SliceSummary(
        dataset=dataset,
        slice_key=key if same is None else same.slice_key,
        load_id=part.load_id if same is None else same.load_id,
        changed=same is None,
        rows=part.rows,
        rejected=part.rejected,
        sums=_amounts(part),
        rows_before=sum(one.rows for one in before) if before else None,
        sums_before=dict(held) if before else None,
    )
