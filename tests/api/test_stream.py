"""Work that reports while it runs."""

import json
import threading

import pytest

from tallystick.api.stream import Report, ndjson
from tallystick.kernel.errors import DataError, UsageError


def _lines(chunks: object) -> list[object]:
    return [json.loads(line) for line in b"".join(chunks).splitlines()]  # type: ignore[call-overload]


def test_progress_comes_first_and_the_result_last() -> None:
    def work(report: Report) -> object:
        for rows in (1, 2):
            report({"rows": rows})
        return {"summary": {"rows": 2}}

    assert _lines(ndjson(work)) == [{"rows": 1}, {"rows": 2}, {"summary": {"rows": 2}}]


def test_work_that_fails_at_once_fails_as_itself() -> None:
    def work(report: Report) -> object:
        raise UsageError("no such file")

    with pytest.raises(UsageError, match="no such file"):
        ndjson(work)


def test_work_that_fails_later_says_so_in_a_line() -> None:
    def work(report: Report) -> object:
        report({"rows": 1})
        raise DataError("line 7 is broken", where="a.csv:7")

    last = _lines(ndjson(work))[-1]
    assert last == {"error": {"code": "E014", "what": "line 7 is broken", "where": "a.csv:7", "next_steps": []}}


def test_what_nobody_foresaw_says_nothing_of_its_inside() -> None:
    def work(report: Report) -> object:
        report({"rows": 1})
        raise RuntimeError("hunter2")

    assert "hunter2" not in str(_lines(ndjson(work))[-1])


@pytest.mark.parametrize("reports", [1, 1000])
def test_work_ends_when_its_reader_has_left(reports: int) -> None:
    ended = threading.Event()

    def work(report: Report) -> object:
        try:
            for number in range(10**9):
                report({"rows": number})
        finally:
            ended.set()
        return {}

    chunks = ndjson(work)
    for _ in range(reports):
        next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert ended.wait(5)
