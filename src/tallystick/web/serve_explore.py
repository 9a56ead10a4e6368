"""The cost explorer and its CSV."""

import csv
import io
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from tallystick.explore.describe import filters_text, title_text
from tallystick.explore.model import Breakdown, Row
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import local_day
from tallystick.web.address import Address
from tallystick.web.ask import Ask, ask, bar, without_owner, written
from tallystick.web.currency_choice import currency_choice
from tallystick.web.explore_page import explore_page
from tallystick.web.render import facts, render
from tallystick.web.site import Site

BY_DEFAULT = "team"
_ROWS = 200
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def serve_explore(request: Request, site: Site) -> Response:
    """``/explore``: where the money goes, compared with when."""
    asked = ask(request, site, by=_default_by(request), grain=True)
    if not isinstance(asked, Ask):
        return asked
    query = asked.query if asked.address.get("limit") else replace(asked.query, limit=_ROWS)
    breakdown = asked.answer(query)
    page = explore_page(
        breakdown, written(asked, breakdown), asked.address, unowned=without_owner(asked), now_us=asked.now_us
    )
    return render(
        request,
        site,
        "explore.html",
        heading=page.title,
        page=page,
        currencies=currency_choice(asked, breakdown),
        facts=facts(query, breakdown.freshness, asked.now_us),
        base_urls=site.base_urls,
        **bar(asked, grouping=True),
    )


def _default_by(request: Request) -> str:
    """By team; a page already narrowed to a team starts with its features."""
    address = Address.parse(request.url.path, request.url.query)
    return "feature" if address.get("team") else BY_DEFAULT


def serve_csv(request: Request, site: Site) -> Response:
    """``/explore.csv``: the groups of the same question, with its filters on every line."""
    asked = ask(request, site, by=_default_by(request))
    if not isinstance(asked, Ask):
        return asked
    breakdown = asked.answer(replace(asked.query, grain=None))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([*asked.query.group_by, *_HEADS])
    # What no rate says follows in its own currency: the column says which.
    for one in (breakdown, *breakdown.unconverted):
        lines = [*one.rows, *([one.others] if one.others else [])]
        writer.writerows(_line(one, row) for row in lines)
    name = "tallystick-demo.csv" if site.context.demo else "tallystick.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-tally-title": _ascii(title_text(breakdown))}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


_HEADS = (
    "cost", "previous_cost", "currency", "measure", "calls", "input_tokens", "output_tokens", "unpriced_tokens",
    "from", "to", "zone", "filters",
)  # fmt: skip


def _line(breakdown: Breakdown, row: Row) -> list[str]:
    query, now = breakdown.query, row.now
    group = [_safe(row.group.get(name, "" if row.group else "(others)")) for name in query.group_by]
    before = row.before.cost if row.before else None
    return [
        *group,
        "" if now.cost is None else text_from_grains(now.cost),
        "" if before is None else text_from_grains(before),
        query.currency,
        query.measure,
        str(now.calls),
        str(now.input_tokens),
        str(now.output_tokens),
        str(now.unpriced_tokens),
        str(local_day(query.period.start_us, query.zone)),
        str(local_day(query.period.end_us, query.zone)),
        query.zone,
        _safe(filters_text(query)),
    ]


def _safe(text: str) -> str:
    """A value no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_RISKY) else text


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
