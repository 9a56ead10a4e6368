"""The grammar that URL, API and command line share: parameters to a `Query`, and back.

====================  ======================================================================
``range``             mtd (default), 7d, 30d, 90d, today, yesterday, last-month, ytd, 12m; also Nd, YYYY-MM
``from``, ``to``      YYYY-MM-DD in the query's zone, ``to`` exclusive; instead of ``range``
``cmp``               weekdays (default), calendar, year, none
``by``                dimensions or tag.NAME, comma-separated or repeated, at most five
``where``             a condition, repeatable: team=Support, team!=x, feature~=chat, model^=gpt
``<dimension>``       team=Support or team=a|b; also team!=x, team~=x, team^=x
``grain``             hour, day, week (from Monday), month
``measure``           effective (default), list, contracted, billed
``basis``             record (default), metered, reported, invoiced
``scope``             ai (default), all, cloud: what is billed beside AI
``currency``          USD (default): only amounts in it
``convert``           EUR: amounts of every currency, each day's at that day's rate, in this one
``via``               with ``convert``: a currency to cross two rates through where a pair has none
``limit``             1 to 10000 groups
====================  ======================================================================

Filters must all hold; values of one filter are alternatives, and so are conditions on
one dimension with the same operator ``is``. Empty parameters are as if absent.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from tallystick.explore.align import RANGES, Days, period_of, previous_period, range_days
from tallystick.explore.conditions import (
    MOST_FILTERS,
    condition,
    condition_param,
    dimension,
    direct_param,
    parse_condition,
    unknown,
)
from tallystick.explore.model import BASES, MEASURES, SPENDS, Basis, Compare, Filter, Grain, Measure, Query, Spend
from tallystick.kernel.errors import QueryError
from tallystick.kernel.period import DAY_US, local_day
from tallystick.usage.dimensions import GROUPABLE

PARAMS: tuple[str, ...] = (
    "range",
    "from",
    "to",
    "cmp",
    "by",
    "where",
    "grain",
    "measure",
    "basis",
    "scope",
    "currency",
    "convert",
    "via",
    "limit",
)
COMPARES: tuple[Compare, ...] = ("weekdays", "calendar", "year", "none")
GRAINS: tuple[Grain, ...] = ("hour", "day", "week", "month")
DEFAULT_RANGE = "mtd"
DEFAULT_COMPARE: Compare = "weekdays"
DEFAULT_MEASURE: Measure = "effective"
DEFAULT_BASIS: Basis = "record"
DEFAULT_SCOPE: Spend = "ai"
DEFAULT_LIMIT = 1000
MOST_GROUPS = 10_000
MOST_DIMENSIONS = 5
MOST_BUCKETS = 2_000
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 1, 1)
_GRAIN_US: dict[Grain, int] = {"hour": DAY_US // 24, "day": DAY_US, "week": 7 * DAY_US, "month": 28 * DAY_US}
_Word = TypeVar("_Word", bound=str)
_Default = TypeVar("_Default")
_CURRENCY = re.compile(r"[A-Z]{3}")


def parse_query(params: Mapping[str, Sequence[str]], *, now_us: int, zone: str, ignored: Collection[str] = ()) -> Query:
    """The query that parameters mean.

    Args:
        params: Name to values, as a URL has them; a plain string counts as one value.
        now_us: This instant; ranges are relative to its local day.
        zone: Time zone of days.
        ignored: Names that are the caller's own (`sort`, `cursor`).

    Raises:
        QueryError: A name or value nobody knows; says which are allowed.
    """
    given = _given(params, ignored)
    today = local_day(now_us, zone)
    word, span = _span(given, today)
    compare = _choice(given, "cmp", COMPARES, DEFAULT_COMPARE)
    grain = _choice(given, "grain", GRAINS, None)
    period = period_of(span, zone)
    currency, convert, via = _currencies(given)
    if grain and (period.end_us - period.start_us) // _GRAIN_US[grain] > MOST_BUCKETS:
        raise QueryError(
            f"more than {MOST_BUCKETS} {grain}s are too many for a series",
            where="grain",
            next_steps=["choose a larger grain"],
        )
    return Query(
        period=period,
        previous=previous_period(span, compare, zone, now_us),
        group_by=_group_by(given.get("by", ())),
        filters=_filters(given),
        measure=_choice(given, "measure", MEASURES, DEFAULT_MEASURE),
        grain=grain,
        zone=zone,
        limit=_limit(given),
        currency=currency,
        range_word=word,
        compare=compare,
        basis=_choice(given, "basis", BASES, DEFAULT_BASIS),
        scope=_choice(given, "scope", SPENDS, DEFAULT_SCOPE),
        convert=convert,
        via=via,
    )


def _given(params: Mapping[str, Sequence[str]], ignored: Collection[str]) -> dict[str, tuple[str, ...]]:
    given = {}
    for name, values in params.items():
        texts = (values,) if isinstance(values, str) else tuple(values)
        kept = tuple(text.strip() for text in texts if text.strip())
        if kept and name not in ignored:
            given[name] = kept
    return given


def _one(given: Mapping[str, Sequence[str]], name: str) -> str:
    values = given.get(name, ())
    if len(set(values)) > 1:
        raise QueryError(f'"{name}" was given {len(values)} different values', where=name, next_steps=["give it once"])
    return values[0] if values else ""


def _choice(
    given: Mapping[str, Sequence[str]], name: str, allowed: Sequence[_Word], default: _Default
) -> _Word | _Default:
    text = _one(given, name).lower()
    if not text:
        return default
    for one in allowed:
        if one == text:
            return one
    raise unknown(name, text, allowed, name)


def _span(given: Mapping[str, Sequence[str]], today: date) -> tuple[str, Days]:
    word, first, end = _one(given, "range").lower(), _one(given, "from"), _one(given, "to")
    if first or end:
        return "", _dates(word, first, end, today)
    word = word or DEFAULT_RANGE
    span = range_days(word, today)
    if span is None:
        raise unknown("range", word, (*RANGES, "14d", "2026-10"), "range")
    return word, span


def _dates(word: str, first: str, end: str, today: date) -> Days:
    if word:
        raise QueryError(
            '"range" and "from"/"to" exclude each other', where="range", next_steps=["leave one of them out"]
        )
    if not first:
        raise QueryError('"to" needs "from"', where="to", next_steps=["add from=YYYY-MM-DD"])
    start = _date(first, "from")
    stop = _date(end, "to") if end else max(today, start) + timedelta(days=1)
    if stop <= start:
        raise QueryError(
            f"the range ends before it starts: from {start} to {stop}",
            where="to",
            next_steps=[f"to is exclusive: for that one day use to={start + timedelta(days=1)}"],
        )
    return start, stop


def _date(text: str, name: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise QueryError(f'"{text[:60]}" is no date', where=name, next_steps=["write YYYY-MM-DD"]) from None
    if not _EARLIEST <= day <= _LATEST:
        raise QueryError(f"{day} lies outside {_EARLIEST} to {_LATEST}", where=name)
    return day


def _group_by(values: Sequence[str]) -> tuple[str, ...]:
    words = [word for value in values for word in value.split(",") if word.strip()]
    found = tuple(dict.fromkeys(dimension(word, "by") for word in words))
    if len(found) > MOST_DIMENSIONS:
        raise QueryError(f"{len(found)} dimensions, at most {MOST_DIMENSIONS}", where="by")
    return found


def _filters(given: Mapping[str, Sequence[str]]) -> tuple[Filter, ...]:
    found = [parse_condition(text) for text in given.get("where", ())]
    for name, values in given.items():
        if name not in PARAMS:
            word, sign = direct_param(name)
            _known_param(word, name)
            # Repeated, `is` widens; the other operators narrow, each being a condition of its own.
            found += [
                condition(word, sign, texts, name) for texts in ([values] if sign == "=" else [[v] for v in values])
            ]
    if len(found) > MOST_FILTERS:
        raise QueryError(f"{len(found)} conditions, at most {MOST_FILTERS}", where="where")
    return _merged(found)


def _known_param(word: str, name: str) -> None:
    try:
        dimension(word, name)
    except QueryError as error:
        if word.lower().startswith("tag."):
            raise error from None
        raise unknown("parameter or dimension", name, (*PARAMS, *GROUPABLE, "tag.NAME"), name) from None


def _merged(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """Alternatives of one dimension in one filter; other operators stay apart, since all must hold."""
    merged: dict[tuple[str, ...], Filter] = {}
    for number, one in enumerate(filters):
        key = (one.dimension, "is") if one.operator == "is" else (one.dimension, one.operator, str(number))
        held = merged.get(key)
        values = tuple(dict.fromkeys((*held.values, *one.values))) if held else one.values
        merged[key] = Filter(one.dimension, one.operator, values)
    return tuple(merged.values())


def _limit(given: Mapping[str, Sequence[str]]) -> int:
    text = _one(given, "limit")
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST_GROUPS:
        raise QueryError(
            f'"{text[:20]}" is no limit', where="limit", next_steps=[f"give a number from 1 to {MOST_GROUPS}"]
        )
    return int(text)


def _currencies(given: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
    """The currency that is summed, the one converted to, and the one crossed through; "" where not asked for."""
    currency, convert, via = (_currency(given, name) for name in ("currency", "convert", "via"))
    if convert and currency not in {"", convert}:
        raise QueryError(
            "currency picks the amounts in one currency, convert brings all of them into one: give one of the two",
            where="currency",
            next_steps=[f"convert={convert} alone", f"or currency={currency} alone"],
        )
    if via and not convert:
        raise QueryError("via needs convert", where="via", next_steps=["add convert=EUR, or leave via out"])
    return convert or currency or "USD", convert, via


def _currency(given: Mapping[str, Sequence[str]], name: str) -> str:
    text = _one(given, name).upper()
    if text and not _CURRENCY.fullmatch(text):
        raise QueryError(f'"{text[:20]}" is no currency', where=name, next_steps=["write an ISO 4217 code such as USD"])
    return text


def query_params(query: Query) -> list[tuple[str, str]]:
    """The parameters that mean this query, in one order and without empty or default ones.

    `parse_query` of them at the same instant gives the query back.
    """
    found: list[tuple[str, str]] = []
    if query.range_word:
        found.append(("range", query.range_word))
    else:
        found += [("from", str(local_day(query.period.start_us, query.zone)))]
        found += [("to", str(local_day(query.period.end_us, query.zone)))]
    found += [("cmp", query.compare)]
    if query.group_by:
        found.append(("by", ",".join(query.group_by)))
    found += sorted(condition_param(one) for one in query.filters)
    if query.grain:
        found.append(("grain", query.grain))
    defaults = (
        ("measure", query.measure, DEFAULT_MEASURE),
        ("basis", query.basis, DEFAULT_BASIS),
        ("scope", query.scope, DEFAULT_SCOPE),
        ("currency", "USD" if query.convert else query.currency, "USD"),
        ("convert", query.convert, ""),
        ("via", query.via, ""),
    )
    found += [(name, value) for name, value, default in defaults if value != default]
    if query.limit != DEFAULT_LIMIT:
        found.append(("limit", str(query.limit)))
    return found


def query_link(query: Query, page: str = "/explore") -> str:
    """The address of a page with this query's figures."""
    return f"{page}?{urlencode(query_params(query), safe=',()/:')}"
