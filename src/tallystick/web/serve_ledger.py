"""The ledger: its rows, with what they sum to, and the way from each to where it comes from."""

import csv
import io
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from tallystick.charts.format import count, money
from tallystick.charts.spreadsheet import harmless
from tallystick.explore.describe import filters_text
from tallystick.explore.ledger_rows import BASES, KINDS, LedgerRow, choices
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import HOUR_US, local_day, rfc3339
from tallystick.operations.list_ledger import LedgerWish, list_ledger
from tallystick.org.authorize import may
from tallystick.usage.dimensions import CHARGE_DIMENSIONS
from tallystick.web import dates
from tallystick.web.ask import Ask, ask, bar
from tallystick.web.render import facts, render
from tallystick.web.site import Site
from tallystick.web.view import Figure, exact

PAGE_ROWS, CSV_ROWS = 100, 100_000
KIND_WORDS = {
    "metered": "metered charge",
    "duplicate": "metered twice, taken back",
    "covered": "true-up to the bill",
    "residual": "billed, never metered",
    "own": "tax, credit, other",
}
_PICKED = ("provider", "provider_account", "team", "model")


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One row, written, with the way back: to the calls it sums, or to the lines of the bill."""

    at: str
    kind: str
    account: str
    model: str
    team: str
    basis: str
    listed: Figure
    effective: Figure
    billed: Figure
    href: str
    to: str


def serve_ledger(request: Request, site: Site) -> Response:
    """``/ledger``: show me the rows."""
    asked = ask(request, site)
    if not isinstance(asked, Ask):
        return asked
    address, query = asked.address, replace(asked.query, group_by=(), grain=None, previous=None)
    page = _page(address.get("page"))
    wish = _wish(asked, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    found = list_ledger(site.context, query, asked.principal, wish)
    sums = found.sums
    last = max(1, -(-sums.rows // PAGE_ROWS))
    whole = may(asked.principal, "instance")
    return render(
        request, site, "ledger.html", heading="Ledger", rows=[ledger_line(one, query.zone, whole=whole) for one in found.rows],
        count=count(sums.rows), sums=[(name, _figure(getattr(sums, column), query.currency, 2)) for name, column in _SUMS],
        kinds=_choices(asked, "kind", KIND_WORDS, wish.kinds), bases=_choices(asked, "basis", {one: one for one in BASES}, wish.bases),
        page=page, pages_in_all=last, before=str(address.having(page=str(page - 1))) if page > 1 else "",
        after=str(address.having(page=str(page + 1))) if page < last else "", csv=str(address.having(page=None)).replace("/ledger", "/ledger.csv", 1),
        json=str(address.having(page=None)).replace("/ledger", "/api/v1/ledger", 1),
        facts=facts(query, asked.answer(query).freshness, asked.now_us), **bar(asked, grouping=False, picked=_PICKED),
    )  # fmt: skip


_SUMS = (("List", "list_cost"), ("Effective", "effective_cost"), ("Billed", "billed_cost"))


def serve_ledger_csv(request: Request, site: Site) -> Response:
    """``/ledger.csv``: the same rows in full, with exact amounts; at most a hundred thousand."""
    asked = ask(request, site)
    if not isinstance(asked, Ask):
        return asked
    query = replace(asked.query, group_by=(), grain=None, previous=None)
    found = list_ledger(site.context, query, asked.principal, _wish(asked, CSV_ROWS, 0))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([*row_wire(found.rows[0]), "filters"] if found.rows else ["nothing"])
    said = filters_text(query)
    writer.writerows([*(_cell(one) for one in row_wire(row).values()), _cell(said)] for row in found.rows)
    name = "tallystick-demo-ledger.csv" if site.context.demo else "tallystick-ledger.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _wish(asked: Ask, limit: int, offset: int) -> LedgerWish:
    address = asked.address
    return LedgerWish(
        choices(address.get("kind"), KINDS, "kind"), choices(address.get("basis"), BASES, "basis"),
        address.get("claim")[:64], limit, offset,
    )  # fmt: skip


def row_wire(row: LedgerRow) -> dict[str, object]:
    """A row by column: money as decimal text, the instant as RFC 3339."""
    return {
        "charge_period_start": rfc3339(row.at), "kind": row.kind, **row.dimensions, "basis": row.basis,
        "currency": row.currency, "charge_category": row.charge_category, "service_name": row.service_name,
        "claim": row.claim, "run_id": row.run_id, "calls": row.calls, "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens, "list_cost": _text(row.list_cost), "contracted_cost": _text(row.contracted_cost),
        "effective_cost": _text(row.effective_cost), "billed_cost": _text(row.billed_cost),
    }  # fmt: skip


def ledger_line(row: LedgerRow, zone: str, *, whole: bool) -> LedgerLine:
    """Write one row; `whole` says whether the reader may see bills."""
    dims = row.dimensions
    href, to = (
        (_calls(row, zone), "calls")
        if row.kind in {"metered", "duplicate"}
        else (_claim(row) if whole else "", "lines")
    )
    return LedgerLine(
        at=dates.clock_short(row.at, zone),
        kind=KIND_WORDS.get(row.kind, row.kind),
        account=dims.get("provider_account", "") or dims.get("provider", ""),
        model=dims.get("model", "") or row.service_name or row.charge_category,
        team=dims.get("team", ""),
        basis=row.basis,
        listed=_figure(row.list_cost, row.currency),
        effective=_figure(row.effective_cost, row.currency, sign=row.kind == "covered"),
        billed=_figure(row.billed_cost, row.currency),
        href=href,
        to=to,
    )


def _calls(row: LedgerRow, zone: str) -> str:
    """The calls of the day that a charge sums, by all it says of them."""
    first, last = local_day(row.at, zone), local_day(row.at + 24 * HOUR_US, zone)
    known = {name: row.dimensions[name] for name in CHARGE_DIMENSIONS if row.dimensions.get(name)}
    return f"/requests?{urlencode({'from': first.isoformat(), 'to': last.isoformat(), **known})}"


def _claim(row: LedgerRow) -> str:
    month, account = f"{local_day(row.at):%Y-%m}", row.dimensions.get("provider_account", "")
    currency = {"currency": row.currency} if row.currency != "USD" else {}
    return f"/reconcile/{month}/claims/{quote(row.claim, safe='')}?{urlencode({'account': account, **currency})}"


def _choices(asked: Ask, name: str, words: dict[str, str], now: tuple[str, ...]) -> list[Any]:
    every = [("All", str(asked.address.having(**{name: None})), not now)]
    return every + [
        (text[:1].upper() + text[1:], str(asked.address.having(**{name: word})), now == (word,))
        for word, text in words.items()
    ]


def _figure(grains: int | None, currency: str, places: int | None = None, *, sign: bool = False) -> Figure:
    return Figure(money(grains, currency, places, sign=sign), exact(grains))


def _text(grains: int | None) -> str | None:
    return None if grains is None else text_from_grains(grains)


def _cell(value: object) -> str:
    return "" if value is None else harmless(str(value))


def _page(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1
