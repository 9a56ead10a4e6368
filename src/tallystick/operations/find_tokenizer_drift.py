"""Whether a model began to make more tokens of the same text, and what that costs."""

from collections import defaultdict
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, HOUR_US, rfc3339
from tallystick.operations.context import Context
from tallystick.pricing.check import Finding
from tallystick.pricing.drift import Bucket, Drift, find_drift
from tallystick.usage.meters import INPUT_METERS

_DAYS = 17
_MOST_STRATA = 60


def find_tokenizer_drift(context: Context, at_us: int) -> list[Finding]:
    """One finding for each model whose features agree; measured calls only, of known size, without failure."""
    return [
        _finding(context, name, drift, at_us)
        for name, strata in _strata(context, at_us).items()
        if (drift := find_drift(strata, at_us // HOUR_US))
    ]


def _strata(context: Context, at_us: int) -> dict[tuple[str, str], dict[str, list[Bucket]]]:
    """Hours of each feature and key of each model, the largest by bytes."""
    dialect = context.ledger.dialect
    hour = dialect.micros(dialect.bucket("occurred_at", 3600))
    rows: list[Any] = context.ledger.rows(
        f'SELECT provider, model, feature, "key", {hour} AS hour, sum(input_tokens), sum(request_bytes) '  # noqa: S608 - names of ours
        f"FROM {dialect.final('usage_event')} x WHERE occurred_at >= {dialect.instant('$from')} "
        f"AND occurred_at < {dialect.instant('$to')} AND attempt >= 1 AND usage_state = 'reported' AND outcome = 'ok' "
        "AND request_bytes > 0 AND input_tokens > 0 AND model <> '' AND q_uncached_input_image IS NULL "
        "AND q_uncached_input_audio IS NULL AND q_uncached_input_video IS NULL "
        'GROUP BY provider, model, feature, "key", hour ORDER BY hour',
        {"from": at_us - _DAYS * DAY_US, "to": at_us // HOUR_US * HOUR_US},
    )
    found: dict[tuple[str, str], dict[str, list[Bucket]]] = defaultdict(lambda: defaultdict(list))
    for provider, model, feature, key, start, tokens, size in rows:
        found[provider, model][f"{feature} {key}"].append(Bucket(int(start) // HOUR_US, int(tokens), int(size)))
    return {name: _largest(strata) for name, strata in found.items()}


def _largest(strata: dict[str, list[Bucket]]) -> dict[str, list[Bucket]]:
    by_size = sorted(strata.items(), key=lambda one: -sum(row.bytes for row in one[1]))
    return dict(by_size[:_MOST_STRATA])


def _finding(context: Context, name: tuple[str, str], drift: Drift, at_us: int) -> Finding:
    """What the additional tokens have cost since: the share of input that was not there before."""
    dialect = context.ledger.dialect
    costs = " + ".join(f"coalesce(c_{meter}, 0)" for meter in INPUT_METERS)
    rows: list[Any] = context.ledger.rows(
        f"SELECT currency, sum({costs}) FROM {dialect.final('usage_event')} x WHERE provider = $provider "  # noqa: S608 - names of ours
        f"AND model = $model AND occurred_at >= {dialect.instant('$from')} AND occurred_at < {dialect.instant('$to')} "
        "GROUP BY currency ORDER BY 2 DESC LIMIT 1",
        {"provider": name[0], "model": name[1], "from": drift.hour * HOUR_US, "to": at_us},
    )
    currency, spent = (str(rows[0][0]), grains_from_decimal(rows[0][1])) if rows else ("USD", 0)
    since = rfc3339(drift.hour * HOUR_US)
    return Finding(
        "tokenizer_drift",
        f"{name[0]} {name[1]}",
        f"{name[1]} counts {100 * (drift.ratio - 1):+.1f} % tokens for the same bytes since {since}: "
        f"consistent with another tokenizer, seen in {drift.agreeing} of {drift.strata} features",
        {"since": since, "ratio": f"{drift.ratio:.4f}", "from": f"{drift.low:.4f}", "to": f"{drift.high:.4f}"},
        int(spent * (1 - 1 / drift.ratio)),
        currency,
    )
