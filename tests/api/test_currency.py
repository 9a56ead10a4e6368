"""Exchange rates over HTTP: set, imported, corrected, listed as they were known; who did it."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tallystick.operations import manage_currency
from tallystick.operations.audit import list_audit
from tallystick.operations.context import Context
from tests.api.client import ask

Lines = list[tuple[str, str]]
RATES = "/api/v1/currency/rates"


def _told(app: FastAPI, local: Lines, query: str = "") -> list[tuple[str, str, str, str, str]]:
    reply = ask(app, "GET", RATES + query, local)
    assert reply.status == 200, reply.body
    return [(one["from"], one["to"], one["date"], one["rate"], one["source"]) for one in reply.json["rates"]]


def _set(app: FastAPI, local: Lines, rate: str, on: str = "2026-10-01", source: str = "desk") -> Any:
    body = {"from": "usd", "to": "EUR", "rate": rate, "date": on, "source": source}
    return ask(app, "POST", RATES, local, body).json


def _import(app: FastAPI, local: Lines, path: Path, source: str = "") -> Any:
    return ask(app, "POST", "/api/v1/currency/import", local, {"path": str(path), "source": source}).json


def test_a_rate_that_is_set_holds_from_its_day_and_is_corrected_by_a_row_that_is_known_later(
    context: Context, app: FastAPI, local: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage_currency, "now_us", lambda: 1_793_000_000_000_000)  # 2026-10-26
    assert (_set(app, local, "0.92")["new"], _set(app, local, "0.920")["same"]) == (1, 1)
    monkeypatch.setattr(manage_currency, "now_us", lambda: 1_793_500_000_000_000)  # 2026-11-01
    assert _set(app, local, "0.93", source="treasury")["changed"] == 1
    assert _set(app, local, "0.9", on="2026-10-20")["new"] == 1
    assert _told(app, local, "?at=2026-10-19") == [("USD", "EUR", "2026-10-01", "0.93", "treasury")]
    assert _told(app, local, "?at=2026-10-19&known=2026-10-30") == [("USD", "EUR", "2026-10-01", "0.92", "desk")]
    assert _told(app, local, "?at=2026-09-30") == []
    assert [one[2:4] for one in _told(app, local)] == [("2026-10-01", "0.93"), ("2026-10-20", "0.9")]
    assert context.config_db.rows("SELECT count(*) FROM currency_rate") == [(3,)]
    said = [(one.who, one.what, one.detail) for one in list_audit(context) if "currency" in one.what]
    assert [who for who, _, _ in said] == ["command line"] * 3
    assert said[1][1:] == (
        "set currency rates", "0 new, 1 changed: USD to EUR, 2026-10-01 to 2026-10-01 (treasury)",
    )  # fmt: skip


def test_a_file_is_counted_and_the_same_again_changes_nothing(
    context: Context, app: FastAPI, local: Lines, tmp_path: Path
) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("date,from,to,rate\n2026-10-01,USD,EUR,0.92\n2026-10-02,USD,EUR,0.91\nsoon,USD,EUR,0.9\n")
    first = _import(app, local, file)
    assert [first[name] for name in ("shape", "new", "changed", "same", "rejected")] == ["rates", 2, 0, 0, 1]
    assert first["rejections"] == [
        {"line": 4, "why": '"soon" is no date', "next_step": "write YYYY-MM-DD, or YYYY-MM for a month's average"}
    ]
    again = _import(app, local, file)
    assert [again[name] for name in ("new", "changed", "same")] == [0, 0, 2]
    assert context.config_db.rows("SELECT count(*) FROM currency_rate") == [(2,)]
    assert len([one for one in list_audit(context) if one.what == "set currency rates"]) == 1
    file.write_text("date,from,to,rate\n2026-10-02,USD,EUR,0.915\n2026-10-03,USD,EUR,0.9\n2026-10-01,USD,EUR,0.92\n")
    third = _import(app, local, file, "treasury")
    assert [third[name] for name in ("new", "changed", "same", "first", "last")] == [
        1, 1, 1, "2026-10-01", "2026-10-03",
    ]  # fmt: skip
    assert _told(app, local) == [
        ("USD", "EUR", "2026-10-01", "0.92", "rates.csv"),
        ("USD", "EUR", "2026-10-02", "0.915", "treasury"),
        ("USD", "EUR", "2026-10-03", "0.9", "treasury"),
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rate": "0"}, "cannot be meant"),
        ({"rate": "nine"}, "is no rate"),
        ({"date": "1.10.2026"}, "is no date"),
        ({"to": "EURO"}, "is no currency"),
        ({"to": "USD"}, "needs no rate"),
    ],
)
def test_a_rate_that_cannot_be_meant_is_refused_with_what_to_write(
    context: Context, app: FastAPI, local: Lines, changes: dict[str, str], says: str
) -> None:
    body = {"from": "USD", "to": "EUR", "rate": "0.92", "date": "2026-10-01", **changes}
    reply = ask(app, "POST", RATES, local, body)
    assert reply.status == 400, reply.body
    assert says in reply.json["error"]["what"]
    assert reply.json["error"]["next_steps"]
    assert context.config_db.rows("SELECT count(*) FROM currency_rate") == [(0,)]


def test_a_file_that_is_none_changes_nothing(app: FastAPI, local: Lines, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(b"PK\x03\x04\xff\xfe")
    said = [_import(app, local, path)["error"]["what"] for path in (other, tmp_path / "gone.csv", tmp_path)]
    assert said == ["the file is no UTF-8 text", *(f"the file cannot be read: {why}" for why in (
        "No such file or directory", "Is a directory",
    ))]  # fmt: skip
    assert _told(app, local) == []
