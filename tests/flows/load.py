"""Eight clients that keep sending, plain and streamed, whatever breaks: each call has an id of its own."""

import contextlib
import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """Threads of clients; `stop` ends them and tells how many answers were whole."""

    port: int
    key: str
    clients: int = 8
    answered: set[str] = field(default_factory=set)
    refused: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(self.clients):
            thread = threading.Thread(target=self._client, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _client(self, number: int) -> None:
        for turn in itertools.count():
            if self._stopping.is_set():
                return
            identity = f"c{number}-{turn}"
            try:
                if self._call(identity, stream=bool((number + turn) % 2)):
                    self.answered.add(identity)
                else:
                    self.refused += 1
                    time.sleep(0.02)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    def _call(self, identity: str, *, stream: bool) -> bool:
        body = {"model": "gpt-4o-mini", "stream": stream, "messages": [{"role": "user", "content": f"call {identity}"}]}
        headers = {
            "authorization": f"Bearer {self.key}", "content-type": "application/json", "x-cost-run": identity,
            "x-stub-id": identity, "x-stub-delay": "0.01" if stream else "0",
        }  # fmt: skip
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("POST", "/openai/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            whole = answer.read()
            return answer.status == 200 and (not stream or b"[DONE]" in whole)
