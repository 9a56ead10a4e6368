"""Calls that two captures brought, our gateway and another gateway's log: text of SQL that counts each once.

A provider gives every answer an id of its own. Rows of different sources with the same id of one provider are
one call: our gateway's row counts, else that of the source whose name comes first, so that the order of arrival
is nothing. Each of the others gets a row that takes it back: at its instant, with its dimensions, every figure
negated, so charges stay the sums of events. Which call it is a copy of stands in the table `duplicate`.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from dataclasses import dataclass
from typing import Protocol

from tallystick.kernel.table import Column
from tallystick.ledger.adjust import EVENTS
from tallystick.ledger.columns import EVENT_COLUMNS

SOURCE_KEY = "duplicate"
REASON = "counted under another capture"
LINKS = "duplicate"
# Two captures of one call may stand apart by the skew of clocks and by which end of the call they name.
SPAN_US = 86_400_000_000
# Shorter ids are not unique: some servers of one's own count them up, or draw them from a thousand.
SHORTEST_ID = 16
# Measured by us, before whatever a log says.
OURS = ("gateway", "demo")

# One row for each call that does not count, and the one that does.
LINK_COLUMNS: tuple[Column, ...] = (
    Column("event_id", "text"),
    Column("occurred_at", "instant"),
    Column("kept_id", "text"),
    Column("source", "text"),
    Column("kept_source", "text"),
    Column("provider", "text"),
    Column("provider_account", "text"),
    Column("model", "text"),
    Column("service_tier", "text"),
    Column("region", "text"),
    Column("team", "text"),
    Column("currency", "text"),
    Column("input_tokens", "int", nullable=True),
    Column("output_tokens", "int", nullable=True),
    Column("effective_cost", "money", nullable=True),
)
_GONE = frozenset(
    {"request_bytes", "system_bytes", "tools_bytes", "response_bytes", "requested_max_tokens", "effective_max_tokens",
     "time_to_first_token_us", "duration_us", "retry_count", "bound_cost", "avoided_cost"}
)  # fmt: skip
_NEGATED = frozenset(
    column.name
    for column in EVENT_COLUMNS
    if column.name.startswith(("q_", "c_"))
    or column.name
    in {"input_tokens", "output_tokens", "unpriced_tokens", "unpriced_change", "list_cost", "effective_cost"}
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A call that does not count, and the one that does; see `LINK_COLUMNS`.

    Attributes:
        provider_account: Of the call that counts, else its own.
        effective_cost: Grains that it was metered at, None where it has no price.
    """

    event_id: str
    occurred_at: int
    kept_id: str
    source: str
    kept_source: str
    provider: str
    provider_account: str
    model: str
    service_tier: str
    region: str
    team: str
    currency: str
    input_tokens: int | None
    output_tokens: int | None
    effective_cost: int | None


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    name: str

    def instant(self, param: str) -> str: ...

    def micros(self, expression: str) -> str: ...

    def final(self, table: str) -> str: ...


def _identified(dialect: Speaks) -> str:
    """Calls with an id that tells them from all others, in a stretch of time: parameters `from` and `to`."""
    return (
        f"occurred_at >= {dialect.instant('$from')} AND occurred_at <= {dialect.instant('$to')} "
        f"AND length(response_id) >= {SHORTEST_ID} AND provider <> '' AND source_key = '' AND served_from = '' "
        "AND attempt >= 1"
    )


def _theirs() -> str:
    return f"source NOT IN ({', '.join(repr(one) for one in OURS)})"


def fresh(dialect: Speaks) -> str:
    """Rows with after < ingest_seq <= upto that may be captures: how many, of them not ours, first and last instant."""
    first, last = dialect.micros("min(occurred_at)"), dialect.micros("max(occurred_at)")
    return (
        f"SELECT count(*), sum(CASE WHEN {_theirs()} THEN 1 ELSE 0 END), {first}, {last} FROM {dialect.final(EVENTS)} "
        f"WHERE ingest_seq > $after AND ingest_seq <= $upto AND length(response_id) >= {SHORTEST_ID} "
        "AND source_key = '' AND served_from = '' AND attempt >= 1"
    )


def pairs(dialect: Speaks) -> str:
    """Each call that does not count, with the one that does: event_id, kept_id, kept_source, kept_account.

    Only of ids that rows with after < ingest_seq <= upto bear; parameters `after`, `upto`, `from`, `to`.
    """
    rows, mine = dialect.final(EVENTS), _identified(dialect)
    ids = f"SELECT response_id FROM {rows} WHERE {mine}"
    twice = (
        f"{ids} AND response_id IN ({ids} AND ingest_seq > $after AND ingest_seq <= $upto) "
        f"AND response_id IN ({ids} AND {_theirs()}) GROUP BY response_id HAVING min(source) <> max(source)"
    )
    ours = ", ".join(repr(one) for one in OURS)
    rank = f"CASE WHEN source IN ({ours}) THEN '0' ELSE concat('1', source) END"
    ranked = (
        f"SELECT event_id, {dialect.micros('occurred_at')} AS told_at, source, provider_account, response_id, provider, {rank} AS place, "
        f"min({rank}) OVER (PARTITION BY response_id, provider) AS best FROM {rows} "
        f"WHERE {mine} AND response_id IN ({twice})"
    )
    kept = (
        f"SELECT response_id, provider, min(event_id) AS kept_id, min(source) AS kept_source, min(told_at) AS kept_at, "
        f"max(provider_account) AS kept_account FROM ({ranked}) AS k WHERE place = best GROUP BY response_id, provider"
    )
    return (
        f"SELECT r.event_id AS event_id, k.kept_id AS kept_id, k.kept_source AS kept_source, "
        f"k.kept_account AS kept_account FROM ({ranked}) AS r JOIN ({kept}) AS k "
        "ON k.response_id = r.response_id AND k.provider = r.provider "
        f"WHERE r.place <> r.best AND r.told_at - k.kept_at <= {SPAN_US} AND k.kept_at - r.told_at <= {SPAN_US}"
    )


def _root(dialect: Speaks, alias: str) -> str:
    """The call that a row is, or adjusts."""
    replace = "replaceRegexpOne" if dialect.name == "clickhouse" else "regexp_replace"
    return f"CASE WHEN {alias}.source_key = 'rerate' THEN {replace}({alias}.event_id, '~r[0-9]+$', '') ELSE {alias}.event_id END"


def take_back(dialect: Speaks) -> str:
    """Append what takes back the calls of `pairs` that nothing takes back yet, numbered on from `last`."""
    rows = dialect.final(EVENTS)
    held = (
        f"SELECT event_id FROM {rows} WHERE source_key = '{SOURCE_KEY}' AND occurred_at >= {dialect.instant('$from')} "
        f"AND occurred_at <= {dialect.instant('$to')}"
    )
    names = [column.name for column in EVENT_COLUMNS]
    values = ", ".join(_taken(name) for name in names)
    return (
        f"INSERT INTO {EVENTS} ({', '.join(_quoted(one) for one in names)}) SELECT {values} FROM {rows} AS u "
        f"JOIN ({pairs(dialect)}) AS p ON p.event_id = {_root(dialect, 'u')} "
        f"WHERE u.occurred_at >= {dialect.instant('$from')} AND u.occurred_at <= {dialect.instant('$to')} "
        f"AND u.source_key IN ('', 'rerate') AND concat(u.event_id, '~d') NOT IN ({held})"
    )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _taken(name: str) -> str:
    known = {
        "event_id": "concat(u.event_id, '~d')",
        "ingest_seq": "$last + row_number() OVER (ORDER BY u.occurred_at, u.event_id)",
        "source_key": f"'{SOURCE_KEY}'",
        "attempt_reason": f"'{REASON}'",
    }
    if name in known:
        return known[name]
    column = f'u."{name}"'
    if name in _NEGATED:
        return f"-{column}"
    return f"nullIf({column}, {column})" if name in _GONE else column


def links(dialect: Speaks) -> str:
    """What to write into `duplicate` of the calls of `pairs`, in the order of `LINK_COLUMNS`, instants in microseconds."""
    account = "CASE WHEN p.kept_account <> '' THEN p.kept_account ELSE u.provider_account END"
    known = {
        "occurred_at": dialect.micros("u.occurred_at"),
        "kept_id": "p.kept_id",
        "kept_source": "p.kept_source",
        "provider_account": account,
        "effective_cost": "u.effective_cost",
    }
    values = ", ".join(known.get(column.name, f'u."{column.name}"') for column in LINK_COLUMNS)
    return (
        f"SELECT {values} FROM {dialect.final(EVENTS)} AS u JOIN ({pairs(dialect)}) AS p ON p.event_id = u.event_id "
        f"WHERE u.occurred_at >= {dialect.instant('$from')} AND u.occurred_at <= {dialect.instant('$to')} "
        "ORDER BY u.occurred_at, u.event_id"
    )


def not_taken_back(alias: str = "") -> str:
    """That a row counts: it is neither a copy of another call nor what takes one back."""
    dot = f"{alias}." if alias else ""
    return f"{dot}source_key <> '{SOURCE_KEY}' AND {dot}event_id NOT IN (SELECT event_id FROM {LINKS})"
