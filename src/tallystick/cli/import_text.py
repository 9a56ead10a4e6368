"""What an import of bills says: files by their sums, slices by what took whose place."""

from decimal import Decimal
from pathlib import Path
from typing import Any

_COLUMNS = (("billed_cost", "billed"), ("effective_cost", "effective"), ("list_cost", "list"), ("contracted_cost", "contracted"))  # fmt: skip
_SHOWN = 20
_SHOWN_NOTES = 5


def import_lines(summary: dict[str, Any], *, dry_run: bool) -> list[str]:
    """The lines for bills; none where no file was one."""
    found = [line for one in summary["bills"] for line in _file(one)]
    slices = summary["slices"]
    found += [_slice(one, landed=summary["landed"], dry_run=dry_run) for one in slices[:_SHOWN]]
    found += [f"  and {len(slices) - _SHOWN:,} more"] if len(slices) > _SHOWN else []
    name = summary["bills_rejected_file"]
    return found + ([f"  rejected rows are in {name}"] if name else [])


def _file(one: dict[str, Any]) -> list[str]:
    counts = [f"{one['rows']:,} rows", f"{one['ai_rows']:,} AI", f"{one['other_rows']:,} other"]
    counts += [f"{one['rejected']:,} rejected"] if one["rejected"] else []
    found = [
        Path(one["file"]).name,
        f"  {one['kind']} ({one['format']}), source {one['source']}",
        *(f"  {text}" for text in one["notes"][:_SHOWN_NOTES]),
        f"  {'; '.join([', '.join(counts), *_covers(one)])}",
    ]
    for label, sums in (("in all", one["sums"]), ("AI", one["ai_sums"])):
        found += [f"  {label}: {_amounts(columns)} {code or '(no currency given)'}" for code, columns in sums.items()]
    return found


def _covers(one: dict[str, Any]) -> list[str]:
    """Months and accounts; where no row could be used, that nothing has changed."""
    if one["rows"] == one["rejected"]:
        return ["no row can be used, and nothing is replaced"]
    return [_some(one["months"], "months"), f"account {_some(one['accounts'], 'accounts')}"]


def _some(texts: list[str], what: str) -> str:
    return ", ".join(texts) if len(texts) <= 4 else f"{len(texts)} {what}, {texts[0]} to {texts[-1]}"


def _amounts(columns: dict[str, str]) -> str:
    return ", ".join(f"{label} {money(columns[name])}" for name, label in _COLUMNS if name in columns)


def money(text: str) -> str:
    """An amount with its thousands apart and at least two places: `10,212.00`."""
    number = Decimal(text)
    rounded = round(number, 2)
    return f"{rounded:,}" if rounded or not number else f"{number:f}"


def _slice(one: dict[str, Any], *, landed: bool, dry_run: bool) -> str:
    rows, before = one["rows"], one["rows_before"]
    name = f"  {one['slice']}: "
    if not one["changed"]:
        return f"{name}nothing new, {_lines(rows)} there already"
    if not landed:
        return f"{name}{'would import' if dry_run else 'not imported, for --strict found bad rows:'} {_lines(rows)}"
    if before is None:
        return f"{name}imported {_lines(rows)}"
    sums, held = one["sums"], one["sums_before"]
    pairs = [f"{money(held.get(key, '0'))} → {money(sums[key])}" for key in _compared(sums)]
    return f"{name}replaced {_lines(before)}{', ' if pairs else ''}{', '.join(pairs)}"


def _compared(sums: dict[str, str]) -> list[str]:
    """The billed cost, else the effective one; of each currency where there are several."""
    billed = [name for name in sums if name.startswith("billed_cost")]
    return billed or [name for name in sums if name.startswith("effective_cost")]


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"
