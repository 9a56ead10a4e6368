"""Past usage as a scenario would have it, as SQL over events: text only, operations run it."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tallystick.pricing.bulk import EVENT_NAME
from tallystick.pricing.revise import HUNDRED_PERCENT
from tallystick.usage.meters import METERS, TOKEN_METERS

Values = Mapping[str, str | int | Sequence[str]]
EVENTS = "usage_event"
SPELLED = "concat(u.provider, '/', u.model)"
"""What `Bent.names` holds."""


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    name: str

    def instant(self, param: str) -> str: ...

    def micros(self, expression: str) -> str: ...

    def one_of(self, expression: str, param: str) -> str: ...

    def final(self, table: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Bent:
    """Usage of some models that a scenario counts or buys otherwise.

    Attributes:
        names: `provider/model` as events carry them.
        tokens: Factor of every count of tokens, in millionths; None leaves them.
        tier: Service tier; None leaves it.
        requests: Whether each attempt counts as a request where nobody counted.
    """

    names: tuple[str, ...]
    start_us: int
    end_us: int | None = None
    tokens: int | None = None
    tier: str | None = None
    requests: bool = False


def within(dialect: Speaks) -> str:
    """The attempts of a period: parameters `from` and `to`."""
    # A call that two captures have is looked at once: neither its copies nor what takes them back.
    return (
        f"occurred_at >= {dialect.instant('$from')} AND occurred_at < {dialect.instant('$to')} AND attempt >= 1 "
        "AND u.source_key <> 'duplicate' AND u.event_id NOT IN (SELECT event_id FROM duplicate)"
    )


def relation(dialect: Speaks, bent: Sequence[Bent], where: str = "") -> tuple[str, Values]:
    """The events of a period in brackets, each with the counts and the tier it would have; and its parameters."""
    params: dict[str, str | int | Sequence[str]] = {}
    columns = {name: f"u.{name}" for name in ("event_id", "occurred_at", "usage_state", "input_tokens", *EVENT_NAME)}
    # What a provider reports by the hour or day is the sum of many requests, none of them known to be long.
    columns["input_tokens"] = "CASE WHEN u.source_key <> '' THEN 1 ELSE u.input_tokens END"
    columns |= {f"q_{meter.name}": f"u.q_{meter.name}" for meter in METERS}
    for number, one in enumerate(bent):
        at = dialect.micros("u.occurred_at")
        same = dialect.one_of(SPELLED, f"$names{number}")
        holds = f"{same} AND {at} >= $since{number} AND {at} < $until{number}"
        params |= {f"names{number}": list(one.names), f"since{number}": one.start_us}
        params[f"until{number}"] = 2**62 if one.end_us is None else one.end_us
        for name, sql in _bends(dialect, columns, one, number):
            columns[name] = f"CASE WHEN {holds} THEN {sql} ELSE {columns[name]} END"
        if one.tier is not None:
            params[f"tier{number}"] = one.tier
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    more = f" AND {where}" if where else ""
    return f"(SELECT {chosen} FROM {dialect.final(EVENTS)} u WHERE {within(dialect)}{more})", params


def _bends(dialect: Speaks, columns: Mapping[str, str], one: Bent, number: int) -> list[tuple[str, str]]:
    found = []
    if one.tokens is not None:
        counted = [*(f"q_{name}" for name in TOKEN_METERS), "input_tokens"]
        found += [(name, _times(dialect, columns[name], one.tokens)) for name in counted]
    if one.tier is not None:
        found.append(("service_tier", f"$tier{number}"))
    if one.requests:
        found.append(
            ("q_requests", "CASE WHEN u.usage_state = 'absent' THEN u.q_requests ELSE coalesce(u.q_requests, 1) END")
        )
    return found


def _times(dialect: Speaks, quantity: str, millionths: int) -> str:
    """A count times a factor, half rounded up to whole tokens."""
    scaled = f"({quantity}) * {millionths} + {HUNDRED_PERCENT // 2}"
    return (
        f"intDiv({scaled}, {HUNDRED_PERCENT})" if dialect.name == "clickhouse" else f"(({scaled}) // {HUNDRED_PERCENT})"
    )


def grouped(dialect: Speaks, rated: str, dimensions: Sequence[str]) -> str:
    """Sums of rated usage by each of some dimensions, in one pass over the events of a period.

    Columns: for each dimension 0 where the row is of it and 1 where it is of another, then the values of all of
    them, currency, cost, calls, tokens without a price.
    """
    marks = ", ".join(f"grouping({one})" for one in dimensions)
    sets = ", ".join(f"({one}, currency)" for one in dimensions)
    return (
        f"SELECT {marks}, {', '.join(dimensions)}, currency, sum(cost), sum(calls), sum(unpriced) FROM ("
        f"SELECT {', '.join(f'u.{one} AS {one}' for one in dimensions)}, r.currency AS currency, r.list_cost AS cost, "
        "CASE WHEN u.source_key <> '' THEN coalesce(u.q_requests, 1) ELSE 1 END AS calls, r.unpriced_tokens AS unpriced "
        f"FROM ({rated}) r JOIN {dialect.final(EVENTS)} u ON u.event_id = r.event_id WHERE {within(dialect)}"
        f") g GROUP BY GROUPING SETS ({sets})"
    )
