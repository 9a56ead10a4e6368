"""The script that every gateway gets: calls of one price against one budget until nothing passes any more."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.flows.running import fetch

# All three know gpt-4 at 30 and 60 dollars a million tokens: 8 tokens in and 160 out are 0.984 cents, and the cap on
# the answer is exactly what comes, so that whoever reserves by the cap reserves what the call costs.
MODEL, INPUT, OUTPUT = "gpt-4", 8, 160
COST = INPUT * 30 + OUTPUT * 60
STUB_HEADERS = {
    "x-stub-words": str(OUTPUT),
    "x-stub-usage": json.dumps({"prompt_tokens": INPUT, "total_tokens": INPUT + OUTPUT}),
}
REFUSALS = frozenset({400, 401, 402, 403, 422, 429})
PATIENCE = 3  # refusals in a row, after which a caller gives up
MOST = 2  # times the budget, after which the script gives up


@dataclass(frozen=True)
class Cell:
    """One fresh budget, of a `key`, a `customer` never seen before or a `policy`; its limit in millionths of a dollar."""

    form: str
    limit: int
    at_once: int
    stream: bool

    @property
    def name(self) -> str:
        return f"{self.form}-{self.limit}-{self.at_once}-{'stream' if self.stream else 'plain'}"

    @property
    def dollars(self) -> str:
        return f"{self.limit / 1e6:.2f}"

    @property
    def room(self) -> int:
        """Calls that fit."""
        return self.limit // COST


@dataclass(frozen=True)
class Target:
    """Where a cell's calls go, and the headers and fields of the body that make them that budget's."""

    port: int
    path: str
    headers: Mapping[str, str]
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a cell: millionths of a dollar and calls, as the stub has billed them, and see the bench's help."""

    spent: int
    passed: int
    early: int
    failed: Counter[int]
    endless: bool


class Callers:
    """Calls against one target, their statuses in the order in which they came."""

    def __init__(self, cell: Cell, target: Target) -> None:
        self.statuses: list[int] = []
        self._target, self._most = target, cell.room * MOST + cell.at_once
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": OUTPUT, **target.more}
        if cell.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        self._body = json.dumps(body)

    @property
    def endless(self) -> bool:
        return self.statuses.count(200) >= self._most

    def until_refused(self, pause: float) -> None:
        """One caller, until it is refused several times in a row; a failure counts as a refusal here."""
        line = http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=30)
        refused = 0
        while refused < PATIENCE and not self.endless:
            status = self._call(line)
            self.statuses.append(status)
            refused = 0 if status == 200 else refused + 1
            if refused:
                time.sleep(pause)
        line.close()

    def _call(self, line: http.client.HTTPConnection) -> int:
        sent = {"content-type": "application/json", **STUB_HEADERS, **self._target.headers}
        try:
            line.request("POST", self._target.path, self._body, sent)
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            line.close()
            return 0
        return answer.status


def measure(cell: Cell, target: Target, stub: str) -> Outcome:
    """All callers until each is refused, then, when everything has settled, one more."""
    fetch(f"{stub}/__stub/reset")
    callers = Callers(cell, target)
    threads = [threading.Thread(target=callers.until_refused, args=(0.05,)) for _ in range(cell.at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1)
    callers.until_refused(0.2)
    served = json.loads(fetch(f"{stub}/__stub/served")[1])
    usages = [one["usage"] for one in served if one["usage"]]
    spent = sum(one["prompt_tokens"] * 30 + one["completion_tokens"] * 60 for one in usages)
    statuses = callers.statuses
    last = max((index for index, status in enumerate(statuses) if status == 200), default=0)
    early = sum(status in REFUSALS for status in statuses[:last])
    failed = Counter(status for status in statuses if status != 200 and status not in REFUSALS)
    return Outcome(spent, len(usages), early, failed, callers.endless)
