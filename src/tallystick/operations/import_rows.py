"""Price imported rows and land them in the ledger: calls as they are, restated buckets by their difference."""

from collections.abc import Mapping
from typing import Any, Protocol

from tallystick.connectors.files.model import Parsed
from tallystick.connectors.store import FIGURES, Held, sum_reports
from tallystick.kernel.ids import content_hash
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_columns
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tallystick.usage.meters import TOKEN_METERS
from tallystick.usage.model import Measured

_EMPTY = {"text": "", "int": 0, "bool": False, "tags": {}, "texts": ()}
_DEFAULTS: dict[str, Any] = {
    column.name: None if column.nullable else _EMPTY.get(column.kind) for column in EVENT_COLUMNS
}
_BILLED_TOKENS = frozenset(TOKEN_METERS)
_NOTHING = Held(0, {})


class Totals(Protocol):
    """What a landing counts into."""

    new: int
    duplicates: int
    corrections: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    cost: int | None
    first_at: int | None
    last_at: int | None


class Rows:
    """Good rows with their ids."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.ids: list[str] = []
        self.parsed: list[Parsed] = []

    def add(self, parsed: Parsed, event_id: str) -> None:
        """Append one row."""
        self.parsed.append(parsed)
        self.ids.append(event_id)

    def __len__(self) -> int:
        return len(self.ids)


class Landing:
    """One file's way into the ledger.

    Args:
        context: The open stores.
        book: Prices.
        source: As events carry it.
        land: False counts and prices only.
        replaces: Rows are states of buckets, of which the last in the file holds.
    """

    def __init__(self, context: Context, book: PriceBook, source: str, *, land: bool, replaces: bool) -> None:
        self._context = context
        self._book = book
        self._source = source
        self._land = land
        self._buckets: dict[str, Parsed] | None = {} if replaces else None

    def take(self, rows: Rows, totals: Totals) -> None:
        """Land a batch of calls; keep buckets for the end."""
        if self._buckets is not None:
            self._buckets.update({one.source_id: one for one in rows.parsed})
        elif rows.ids:
            found = [self._row(one, event_id) for one, event_id in zip(rows.parsed, rows.ids, strict=True)]
            self._append(found, totals)
            _count(found, totals)

    def finish(self, totals: Totals) -> None:
        """Land the buckets: new ones whole, known ones by what changed."""
        if not self._buckets:
            return
        starts: list[Any] = [parsed.values["occurred_at"] for parsed in self._buckets.values()]
        held = sum_reports(self._context.ledger, self._source, min(starts), max(starts))
        rows = []
        for key, parsed in self._buckets.items():
            before = held.get(key, _NOTHING)
            _count([self._row(parsed, key)], totals)
            change = _change(parsed, before)
            if change is None:
                totals.duplicates += before.rows > 0
                continue
            totals.corrections += before.rows > 0
            event_id = _correction_id(key, before.rows, parsed) if before.rows else f"evt_i{key}"
            rows.append(self._row(change, event_id, attempt=before.rows + 1))
        if rows:
            self._append(rows, totals)

    def _row(self, parsed: Parsed, event_id: str, attempt: int = 1) -> dict[str, Any]:
        values, quantities = parsed.values, parsed.quantities
        rated = self._rate(parsed)
        state = values.get("usage_state") or "reported"
        row = {
            "outcome": "ok",
            **values,
            "event_id": event_id,
            "call_id": "call" + event_id[3:],
            "attempt": attempt,
            "source": self._source,
            "usage_state": state,
            "model": rated.model,
            "currency": rated.currency,
            "price_id": rated.price_id,
            "list_cost": rated.list_cost,
            "effective_cost": rated.cost,
        }
        for name, quantity in quantities.items():
            row["q_" + name] = quantity
        for line in rated.lines:
            if line.cost is not None:
                row["c_" + line.meter] = line.cost
        if rated.unpriced:
            row["unpriced_tokens"] = sum(quantities[name] for name in rated.unpriced if name in _BILLED_TOKENS)
        return row

    def _rate(self, parsed: Parsed) -> Rated:
        values = parsed.values
        size = parsed.tier_tokens
        known: Any = values
        return rate(
            self._book,
            provider=known.get("provider", ""),
            model=known["request_model"],
            service_tier=known.get("service_tier", ""),
            region=known.get("region", ""),
            at_us=known["occurred_at"],
            measured=Measured(
                parsed.quantities,
                known.get("input_tokens") if size is None else size,
                None,
                known.get("usage_state") or "reported",
            ),
        )

    def _append(self, rows: list[dict[str, Any]], totals: Totals) -> None:
        if self._land:
            done = ingest_columns(self._context, _columns(rows))
            totals.new += done.new
            totals.duplicates += done.duplicates
        else:
            totals.new += len(rows)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """One list per column that any row fills."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return {name: [row.get(name, default) for row in rows] for name in names for default in [_DEFAULTS[name]]}


def _count(rows: list[dict[str, Any]], totals: Totals) -> None:
    costs = [row["effective_cost"] for row in rows if row["effective_cost"] is not None]
    if costs:
        totals.cost = (totals.cost or 0) + sum(costs)
    totals.unpriced += sum(1 for row in rows if row.get("unpriced_tokens"))
    totals.input_tokens += sum(row.get("input_tokens") or 0 for row in rows)
    totals.output_tokens += sum(row.get("output_tokens") or 0 for row in rows)
    instants = [row["occurred_at"] for row in rows]
    first, last = min(instants), max(instants)
    totals.first_at = first if totals.first_at is None else min(first, totals.first_at)
    totals.last_at = last if totals.last_at is None else max(last, totals.last_at)


def _figures(parsed: Parsed) -> Mapping[str, int]:
    known: Any = parsed.values
    found = {name: known.get(name) or 0 for name in ("input_tokens", "output_tokens")}
    return found | {f"q_{name}": quantity for name, quantity in parsed.quantities.items()}


def _change(parsed: Parsed, before: Held) -> Parsed | None:
    """What must be added to a bucket to make it what the report now says; None when nothing."""
    now = _figures(parsed)
    change = {name: now.get(name, 0) - before.figures.get(name, 0) for name in FIGURES}
    if not any(change.values()):
        return None
    quantities = {name[2:]: amount for name, amount in change.items() if amount and name.startswith("q_")}
    totals = {name: change[name] for name in ("input_tokens", "output_tokens")}
    return Parsed({**parsed.values, **totals}, quantities, parsed.source_id, parsed.tier_tokens)


def _correction_id(key: str, rows: int, parsed: Parsed) -> str:
    """The same for the same correction of the same state, so that landing it twice changes nothing."""
    figures = "\n".join(f"{name}={amount}" for name, amount in sorted(_figures(parsed).items()) if amount)
    return f"evt_i{content_hash(key.encode(), str(rows).encode(), figures.encode())}"
