"""Exchange rates that people bring: import a file, set one, look at the table. Rows are added, never edited."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tallystick.kernel.errors import DataError, UsageError
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.org.model import Principal
from tallystick.pricing import store
from tallystick.pricing.currency import ExchangeRate, RateTable, rate_in_force, rate_table
from tallystick.pricing.currency_file import RateFile, checked_rate, parse_rate_file

_OPERATOR = Principal("operator", "admin", local=True)
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RatesKept:
    """What became of rates that were brought.

    Attributes:
        new: For a pair and date that had none.
        changed: Another rate than the one known so far; it holds from now on, the other stays on record.
        same: Known already.
        pairs: Pair to how many rates were brought of it.
        first, last: Dates of the rates brought; None without any.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    pairs: tuple[tuple[str, str, int], ...] = ()
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class RatesImported:
    """What a file gave."""

    file: RateFile
    kept: RatesKept


def import_rates(context: Context, path: Path, source: str = "", principal: Principal = _OPERATOR) -> RatesImported:
    """Read a file of rates on this machine; what is known already changes nothing.

    Args:
        context: The instance.
        path: Absolute, or relative to the working directory of this process.
        source: Who says so, where the file does not; else the central bank, or the file's name.
        principal: Who is named in the audit log.

    Raises:
        DataError: It cannot be read, or is no file of rates.
    """
    file = parse_rate_file(_read(path), source)
    if not source and file.shape != "ecb":
        file = replace(file, rates=tuple(replace(one, source=one.source or path.name) for one in file.rates))
    return RatesImported(file, keep_rates(context, file.rates, principal))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"the file is larger than {_MOST_BYTES:,} bytes", where=str(path))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError(
            "the file is no UTF-8 text", where=str(path), next_steps=["unpack it first if it is an archive"]
        ) from None


def set_rate(context: Context, words: Sequence[str], source: str = "", principal: Principal = _OPERATOR) -> RatesKept:
    """Set one rate.

    Args:
        context: The instance.
        words: From, to, date (YYYY-MM-DD), rate.
        source: Who says so; else the principal's name.
        principal: Who is named in the audit log.

    Raises:
        UsageError: A word cannot be meant.
    """
    base, quote, on, rate = words
    try:
        one = checked_rate(base, quote, on, rate, source or f"set by {principal.name}")
    except DataError as error:
        raise UsageError(error.what, where="the rate", next_steps=error.next_steps) from None
    return keep_rates(context, [one], principal)


def keep_rates(context: Context, rates: Iterable[ExchangeRate], principal: Principal = _OPERATOR) -> RatesKept:
    """Add the rates that say something new, all in one transaction, with one line in the audit log."""
    brought = list(rates)
    with context.config_db.transaction():
        held = {one.key: one.rate for one in _newest(store.list_rates(context.config_db))}
        new = [one for one in brought if one.key not in held]
        changed = [one for one in brought if one.key in held and held[one.key] != one.rate]
        at = max(now_us(), store.rates_known(context.config_db) + 1)  # a correction is known later, whatever the clock
        store.append_rates(context.config_db, [replace(one, known_since=at) for one in (*new, *changed)])
        kept = _kept(brought, len(new), len(changed))
        if new or changed:
            pairs = ", ".join(f"{base} to {quote}" for base, quote, _ in kept.pairs[:5])
            more = ", …" if len(kept.pairs) > 5 else ""
            detail = f"{len(new)} new, {len(changed)} changed: {pairs}{more}, {kept.first} to {kept.last}"
            record(context, principal.name, "set currency rates", f"{detail} ({(new or changed)[0].source})")
    return kept


def _newest(rates: Iterable[ExchangeRate]) -> list[ExchangeRate]:
    return [one for pair in rate_table(rates).pairs.values() for one in pair]


def _kept(brought: Sequence[ExchangeRate], new: int, changed: int) -> RatesKept:
    pairs = Counter((one.base, one.quote) for one in brought)
    days = [one.on for one in brought]
    counted = tuple((base, quote, count) for (base, quote), count in sorted(pairs.items()))
    same = len(brought) - new - changed
    return RatesKept(new, changed, same, counted, min(days, default=None), max(days, default=None))


def load_rates(context: Context, currencies: Iterable[str] = (), known_us: int | None = None) -> RateTable:
    """The table among these currencies, or all of it, as it was known at an instant; as it is known now without one."""
    return rate_table(store.list_rates(context.config_db, sorted(set(currencies))), known_us)


def list_rates(context: Context, day: date | None = None, known_us: int | None = None) -> list[ExchangeRate]:
    """Rates by pair and date: those in force on a day, or without one all of them."""
    table = load_rates(context, known_us=known_us)
    if day is None:
        return [one for pair in sorted(table.pairs) for one in table.pairs[pair]]
    found = [rate_in_force(table, pair, day) for pair in sorted(table.pairs)]
    return [one for one in found if one is not None]
