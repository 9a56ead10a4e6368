"""A provider and its connector, as small as they can be: one JSON page a record, amounts in cents."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

from tallystick.bills.model import BillLine, Rejected
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, Period, local_day
from tallystick.ports import Option, Page, Setup, SourceFailed, SourceKind, Stream
from tallystick.transport.ask import AskFailed, Request, ask_patiently
from tests.contracts.source_case import Case, Reply
from tests.contracts.source_case import Request as Asked
from tests.pricing.sample import day

STREAM = Stream("costs", "Costs", "cost", "day", revises_days=2)


@dataclass(frozen=True)
class Tiny:
    """The connector."""

    setup: Setup

    @property
    def streams(self) -> Sequence[Stream]:
        return [STREAM]

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        while True:
            body = self._get(f"/costs?day={local_day(window.start_us)}&page={quote(cursor)}")
            try:
                following = str(json.loads(body)["next"])
            except (ValueError, KeyError, TypeError):
                raise SourceFailed("that is no page", retry_seconds=60) from None
            yield Page(stream.name, window, number, cursor, following, body, self.setup.account)
            if not following:
                return
            cursor, number = following, number + 1

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        try:
            rows = json.loads(page.body)["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            rows = None
        if not isinstance(rows, list):
            yield Rejected(0, "that is no page")
            return
        for number, row in enumerate(rows, 1):
            yield _line(number, row, page)

    def check(self) -> str:
        self._get("/costs?day=2026-11-01&page=")
        return "the key may read costs"

    def _get(self, target: str) -> bytes:
        headers = {"authorization": f"Bearer {self.setup.secret('key')}"}
        try:
            came = ask_patiently(Request("GET", self.setup.options["base_url"] + target, headers))
        except AskFailed as error:
            raise SourceFailed(error.reason, retry_seconds=error.retry_seconds or 60) from None
        if came.status != 200:
            raise SourceFailed(f"status {came.status}; make a new key")
        return came.body


def _line(number: int, row: object, page: Page) -> BillLine | Rejected:
    try:
        model, cents = row["model"], Decimal(row["cents"])  # type: ignore[index]
        grains = grains_from_decimal(cents / 100)
    except (KeyError, TypeError, ValueError, InvalidOperation, OverflowError):
        return Rejected(number, "model and cents are needed", repr(row))
    if not isinstance(model, str):
        return Rejected(number, "the model is no text", repr(row))
    return BillLine(
        layer="cost",
        dataset="costs",
        slice_key=str(local_day(page.window.start_us)),
        line_no=number,
        charge_period_start=page.window.start_us,
        charge_period_end=page.window.end_us,
        currency="USD",
        provider="p",
        provider_account=page.account,
        raw_model=model,
        billed_cost=grains,
    )


KIND = SourceKind(
    "tiny", "Tiny", (Option("key", "Key", secret=True, needed=True), Option("base_url", "Address", needed=True)), Tiny
)
DATA = {
    "first": [("m-1", "1.5"), ("m-1", "1.5"), ("m-2", "-0.25")],
    "revised": [("m-1", "1.5"), ("m-2", "7")],
}


def answer(request: Asked, edition: str) -> Reply:
    """The provider."""
    if request.headers.get("authorization") != "Bearer planted-secret":
        return Reply(401, b"{}")
    query = dict(request.query)
    rows = DATA[edition] if query["day"] == "2026-11-03" else []
    at = int(query["page"] or 0)
    data = [{"model": model, "cents": cents} for model, cents in rows[at : at + 1]]
    following = str(at + 1) if at + 1 < len(rows) else ""
    return Reply(200, json.dumps({"data": data, "next": following}).encode())


def facts(edition: str) -> list[dict[str, object]]:
    """By hand: 1.5 cents are 0.015 of a dollar, which is 15 thousand million grains."""
    grains = {"1.5": 15_000_000_000, "-0.25": -2_500_000_000, "7": 70_000_000_000}
    return [
        {"slice_key": "2026-11-03", "raw_model": model, "billed_cost": grains[cents], "provider_account": "acct"}
        for model, cents in DATA[edition]
    ]


CASE = Case(
    name="tiny",
    kind=KIND,
    stream="costs",
    window=Period(day("2026-11-03"), day("2026-11-03") + DAY_US),
    answer=answer,
    options=lambda url: {"base_url": url},
    secrets={"key": "planted-secret"},
    first=facts("first"),
    revised=facts("revised"),
    parameters=frozenset({"day", "page"}),
)

CASES = [CASE]
