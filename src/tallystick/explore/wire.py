"""A breakdown as the JSON of the API and of ``tally costs --json``: a contract, changed only by a decision.

Money is decimal text in `currency`, null where unknown (a metered charge has no billed
cost), which is not "0". Tokens are whole numbers, inclusive totals: `input_tokens`
includes what was read from and written to caches, `output_tokens` includes reasoning.

============================  ==================================================================
``measure, currency, zone``   what was summed
``basis, scope``              record, metered, reported or invoiced; ai, all or cloud
``from, to``                  local days, ``to`` exclusive
``previous_from/_to``         instants (RFC 3339) compared with; null without comparison
``compared, sentence, link``  in words; the page with the same figures
``total``, ``previous``,      of everything the filters let through
``change``
``totals``                    the figures of a row, for everything
``rows``                      by falling value; ``group`` has every dimension of ``by``, null for
                              unknown; ``value, previous, change``, ``calls, attempts, errors,
                              estimated_calls``, ``unpriced {calls, tokens}``, the token figures,
                              ``quantities`` (meter to quantity); with a grain ``series``
``others``                    as a row, with ``groups``: how many groups it sums; null when none
``unpriced``                  ``calls, tokens`` without a price; the same as in ``totals``
``estimated_calls``           calls whose usage is our estimate
``series``                    null, or ``grain, buckets`` (instants), ``values``, ``previous``
``quality``                   ``by_basis`` (effective cost by metered, reported, invoiced), ``coverage`` (share of it
                              that is reported or invoiced, 0 to 1), ``grade`` (A to D), ``why``
``convert``                   null, or how amounts came into `currency`: ``to``, ``via``, ``currencies``, ``rates`` (``from, to,
                              date, rate, source``, ``backwards``: divided by, ``days`` it was used on), ``notes`` in words
``unconverted``               what no rate says, in no other figure here: ``currency, from, to, total, previous, calls, rows``,
                              ``first``: the day from which a rate is wanted. Where there is any, ``previous`` of the answer
                              is null, and so is ``total`` where there is no rate at all
``other_currencies``          those of rows that were left out, because only `currency` is summed; null where nobody looked
``freshness``                 ``first_event_at``, ``last_event_at``, ``ledger_at`` (instants or null), ``pending``,
                              ``sources``: each import and source of bills, how far it has come
============================  ==================================================================

rows + others = total, to the last place. `series` of a row is there for the first rows only.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from tallystick.explore.describe import compared_text, conversion_texts, first_unconverted, sentence_text
from tallystick.explore.model import Breakdown, Conversion, Freshness, Quality, RateUsed, Row, Sums
from tallystick.explore.parse import query_link
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import local_day, rfc3339
from tallystick.usage.meters import CACHE_READ_METERS, CACHE_WRITE_METERS

Json = dict[str, Any]


def to_wire(answer: Breakdown, other_currencies: Sequence[str] | None = None) -> Json:
    """The JSON object of a breakdown."""
    query, total = answer.query, answer.total
    totals = _row(total)
    return {
        "measure": query.measure,
        "basis": query.basis,
        "scope": query.scope,
        "currency": query.currency,
        "from": str(local_day(query.period.start_us, query.zone)),
        "to": str(local_day(query.period.end_us, query.zone)),
        "zone": query.zone,
        "by": list(query.group_by),
        "previous_from": rfc3339(query.previous.start_us) if query.previous else None,
        "previous_to": rfc3339(query.previous.end_us) if query.previous else None,
        "compared": compared_text(query),
        "sentence": sentence_text(answer),
        "total": totals["value"],
        "previous": totals["previous"],
        "change": totals["change"],
        "rows": [_row(row) for row in answer.rows],
        "others": {**_row(answer.others), "groups": answer.other_groups} if answer.others else None,
        "totals": totals,
        "unpriced": totals["unpriced"],
        "estimated_calls": total.now.estimated_calls,
        "series": _series(answer),
        "quality": quality_to_wire(answer.quality) if answer.quality else None,
        "convert": _conversion(answer, answer.conversion) if answer.conversion else None,
        "unconverted": [_unconverted(one) for one in answer.unconverted],
        "other_currencies": None if other_currencies is None else list(other_currencies),
        "freshness": freshness_to_wire(answer.freshness),
        "link": query_link(query),
    }


def _row(row: Row) -> Json:
    now, before = row.now, row.before
    wire: Json = {
        "group": {name: value or None for name, value in row.group.items()},
        "value": _money(now.cost),
        "previous": _money(before.cost) if before else None,
        "change": _change(now, before),
        **_counts(now),
    }
    if before:
        wire["previous_calls"] = before.calls
    if row.series:
        wire["series"] = _moneys(row.series)
    return wire


def _conversion(answer: Breakdown, found: Conversion) -> Json:
    return {
        "to": found.target,
        "via": found.via or None,
        "currencies": list(found.currencies),
        "rates": [_rate(one) for one in found.rates],
        "notes": list(conversion_texts(answer)),
    }


def _rate(used: RateUsed) -> Json:
    rate = used.leg.rate
    return {
        "from": rate.base, "to": rate.quote, "date": str(rate.on), "rate": f"{rate.rate:f}", "source": rate.source,
        "backwards": used.leg.backwards, "days": used.days,
    }  # fmt: skip


def _unconverted(apart: Breakdown) -> Json:
    query, total = apart.query, _row(apart.total)
    return {
        "currency": query.currency,
        "from": str(local_day(query.period.start_us, query.zone)),
        "to": str(local_day(query.period.end_us, query.zone)),
        "total": total["value"],
        "previous": total["previous"],
        "calls": total["calls"],
        # Its two periods are cut at different days, so that nothing is to be compared.
        "rows": [{**_row(row), "change": None} for row in apart.rows],
        "others": {**_row(apart.others), "change": None, "groups": apart.other_groups} if apart.others else None,
        "first": str(first_unconverted(apart)),
    }


def _change(now: Sums, before: Sums | None) -> str | None:
    if before is None or now.cost is None or before.cost is None:
        return None
    return text_from_grains(now.cost - before.cost)


def _counts(sums: Sums) -> Json:
    return {
        "calls": sums.calls,
        "attempts": sums.attempts,
        "errors": sums.errors,
        "estimated_calls": sums.estimated_calls,
        "unpriced": {"calls": sums.unpriced_calls, "tokens": sums.unpriced_tokens},
        "input_tokens": sums.input_tokens,
        "cache_read_input_tokens": _quantity(sums, CACHE_READ_METERS),
        "cache_write_input_tokens": _quantity(sums, CACHE_WRITE_METERS),
        "output_tokens": sums.output_tokens,
        "reasoning_output_tokens": sums.quantities.get("reasoning_output", 0),
        "quantities": dict(sums.quantities),
    }


def _quantity(sums: Sums, meters: Iterable[str]) -> int:
    return sum(sums.quantities.get(name, 0) for name in meters)


def _series(answer: Breakdown) -> Json | None:
    if answer.query.grain is None:
        return None
    return {
        "grain": answer.query.grain,
        "buckets": [rfc3339(at) for at in answer.buckets],
        "values": _moneys(answer.total.series),
        "previous": _moneys(answer.previous_series) if answer.query.previous else None,
    }


def quality_to_wire(quality: Quality) -> Json:
    """What the money rests on."""
    return {
        "by_basis": {name: text_from_grains(grains) for name, grains in quality.by_basis.items()},
        "coverage": f"{quality.coverage // 1_000_000}.{quality.coverage % 1_000_000:06d}",
        "grade": quality.grade,
        "why": quality.why,
    }


def freshness_to_wire(freshness: Freshness) -> Json:
    """How far the ledger has come, as instants."""
    return {
        "first_event_at": _instant(freshness.first_event_at),
        "last_event_at": _instant(freshness.last_event_at),
        "ledger_at": rfc3339(freshness.ledger_at),
        "pending": freshness.pending,
        "sources": [
            {
                "source": one.source,
                "kind": one.kind,
                "last_at": _instant(one.last_at),
                "loaded_at": _instant(one.loaded_at),
            }
            for one in freshness.sources
        ],
    }


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def _money(grains: int | None) -> str | None:
    return None if grains is None else text_from_grains(grains)


def _moneys(values: Sequence[int]) -> list[str]:
    return [text_from_grains(value) for value in values]
