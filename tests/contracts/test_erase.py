"""Forgetting a person changes no figure: not what counts as a call, not what bills say. On every column engine."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.bills.model import BillLine
from tallystick.bills.store import append_lines, list_lines
from tallystick.connectors.kept import KeptPage
from tallystick.connectors.store import write_names
from tallystick.kernel.errors import NotFound
from tallystick.kernel.period import HOUR_US, Period
from tallystick.ledger.post import EVENT_SUMS
from tallystick.operations.audit import list_audit
from tallystick.operations.context import Context
from tallystick.operations.erase_user import erase_user
from tallystick.operations.ingest_events import ingest_columns, ingest_events
from tallystick.operations.keep_pages import keep_page, show_page
from tallystick.operations.post_charges import post_charges
from tallystick.operations.rerate import rerate
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.ports import Page
from tallystick.storage.config_db import ConfigDb
from tests.contracts.test_rerate import book_of
from tests.ledger.sample import START, an_event
from tests.pricing.sample import card, used

ADMIN = Principal("ada", "admin")
COUNTED = ("calls", "attempts", "errors", "unpriced_calls", "unpriced_tokens", "input_tokens")
SAME_ANSWER = "chatcmpl-0123456789abcdef"


@pytest.fixture
def ledger(context: Context, tmp_path: Path) -> Context:
    start_ledger(context)
    return replace(context, config_db=ConfigDb(tmp_path / "config.db"), secret=b"k")


def counts(context: Context) -> list[int]:
    (row,) = context.ledger.rows(f"SELECT {', '.join(EVENT_SUMS[name] for name in COUNTED)} FROM usage_event")
    return [int(str(one)) for one in row]


def test_what_counts_as_a_call_stays_though_corrections_copies_and_buckets_are_the_persons(ledger: Context) -> None:
    mine = {"dimensions": {"user": "ursula"}, "provider": "p", "request_model": "m", "model": "m", "priced": {},
            "list_cost": None, "effective_cost": None, "price_id": "", "measured": used(uncached_input=100)}  # fmt: skip
    call = an_event(1, response_id=SAME_ANSWER, **mine)
    copy = replace(an_event(2, response_id=SAME_ANSWER, **mine), source="other log", occurred_at=call.occurred_at)
    ingest_events(ledger, [call, copy])
    bucket = {"event_id": "bucket", "call_id": "bucket", "occurred_at": START, "attempt": 1, "source": "usage",
              "source_key": "key of ursula", "user": "ursula", "usage_state": "reported", "q_requests": 7}  # fmt: skip
    ingest_columns(ledger, {name: [value] for name, value in bucket.items()})
    post_charges(ledger)  # takes the copy back
    # One call and a bucket of seven requests; the call is not priced, its copy counts nowhere.
    assert counts(ledger) == [8, 8, 0, 1, 100, 100]
    book_of(ledger, card("m"))
    rerate(ledger, start_us=START - HOUR_US, end_us=START + HOUR_US, post=True)
    assert counts(ledger) == [8, 8, 0, 0, 0, 100]
    assert erase_user(ledger, "ursula", ADMIN).rows == 5  # call, copy, what takes it back, correction, bucket
    assert counts(ledger) == [8, 8, 0, 0, 0, 100]
    keys = ledger.ledger.rows("SELECT DISTINCT source_key FROM usage_event ORDER BY source_key")
    assert keys == [("",), ("duplicate",), ("erased",), ("rerate",)]


def line(number: int, **fields: object) -> BillLine:
    values = {"layer": "cost", "dataset": "costs", "slice_key": "all", "line_no": number, "currency": "USD",
              "charge_period_start": START, "charge_period_end": START + HOUR_US, "billed_cost": number}  # fmt: skip
    return BillLine(**{**values, **fields})  # type: ignore[arg-type]


def a_page(ledger: Context, body: bytes, number: int = 0) -> KeptPage:
    return keep_page(
        ledger, "billing", Page("costs", Period(START, START + HOUR_US), number, "", "", body, "main"), START
    )


def test_a_person_goes_from_bills_and_from_the_names_of_ids_and_kept_pages_are_told(ledger: Context) -> None:
    page = a_page(ledger, b"user-7 spent")
    mine = [
        line(1, principal="user-7", tags={"mail": "u@example.org"}),
        line(2, dimensions={"user": "Ursula"}),
        line(3, principal="user-8", tags={"squad": "red"}),
    ]
    append_lines(ledger.ledger, "billing", "load", page.page_id, mine)
    write_names(ledger.config_db, "main", [("principal", "user-7", "Ursula"), ("principal", "user-8", "Otto")], START)
    write_names(ledger.config_db, "main", [("credential_id", "key-1", "Ursula")], START)

    looked = erase_user(ledger, "Ursula", ADMIN, dry_run=True)
    assert (looked.lines, looked.names, looked.pages) == (2, 1, (page.file,))
    assert erase_user(ledger, "Ursula", ADMIN) == looked
    left = sorted(
        (one.line_no, one.billed_cost, one.principal, dict(one.tags), dict(one.dimensions))
        for _, _, one in list_lines(ledger.ledger, ["load"], (START, START + HOUR_US))
    )
    assert left == [(1, 1, "", {}, {}), (2, 2, "", {}, {}), (3, 3, "user-8", {"squad": "red"}, {})]
    names = ledger.config_db.rows("SELECT kind, id FROM provider_name ORDER BY kind")
    assert names == [("credential_id", "key-1"), ("principal", "user-8")]
    again = erase_user(ledger, "Ursula", ADMIN)
    assert (again.rows, again.lines, again.names, again.pages) == (0, 0, 0, ())
    assert "Ursula" not in str(list_audit(ledger))


def test_kept_pages_that_name_a_person_are_deleted_where_that_is_wanted_and_their_lines_stand(ledger: Context) -> None:
    named, other = a_page(ledger, b"user-7 spent"), a_page(ledger, b"user-8 spent", 1)
    append_lines(ledger.ledger, "billing", "load", named.page_id, [line(1, principal="user-7")])
    append_lines(ledger.ledger, "billing", "load", other.page_id, [line(2, principal="user-8")])

    looked = erase_user(ledger, "user-7", ADMIN, dry_run=True, with_pages=True)
    assert (looked.pages, looked.dropped) == ((named.file,), ())
    assert show_page(ledger, named.page_id)[1] == b"user-7 spent"
    done = erase_user(ledger, "user-7", ADMIN, with_pages=True)

    assert (done.lines, done.pages, done.dropped) == (1, (), (named.file,))
    assert not (ledger.data_dir / named.file).exists()
    assert show_page(ledger, other.page_id)[1] == b"user-8 spent"
    with pytest.raises(NotFound, match="dropped"):
        show_page(ledger, named.page_id)
    left = list_lines(ledger.ledger, ["load"], (START, START + HOUR_US))
    assert sorted((page, one.billed_cost, one.principal) for _, page, one in left) == sorted(
        [(named.page_id, 1, ""), (other.page_id, 2, "user-8")]
    )
    (dropped,) = [one for one in list_audit(ledger) if one.what == "drop pages"]
    assert dropped.detail.endswith("erased: 1 pages of billing")
    assert "user-7" not in str(list_audit(ledger))
    again = erase_user(ledger, "user-7", ADMIN, with_pages=True)
    assert (again.lines, again.dropped) == (0, ())
    assert len(list_audit(ledger)) == 3  # two erasures, one of which dropped pages
