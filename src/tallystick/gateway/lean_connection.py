"""One connection to a provider: HTTP/1.1 on an asyncio transport, parsed by llhttp, one exchange at a time.

A connection goes back to its pool when an answer has arrived to its end and nothing
followed it; in every other case it is closed. That may be before the reader has taken
the last bytes: an answer keeps its own, so it never meets the connection's next exchange.
"""

import asyncio
import select
import socket
from typing import Protocol, cast

import httptools

from tallystick.gateway.lean_answer import LONGEST_HEAD, MOST_HEADERS, Answer
from tallystick.gateway.upstream import UpstreamFailed

# What of an answer is held for a slow reader before the provider is made to wait.
_HIGH_WATER = 256 * 1024
_SLICE = 256 * 1024
_CLOCK_SECONDS = 0.001
_BLANK = b" \t"


class Dropped(UpstreamFailed):
    """The connection ended before one byte of an answer; `reached` is False when the request never left."""


class Home(Protocol):
    """Where connections live."""

    def release(self, connection: "Connection") -> None:
        """Take back a connection that can be used again."""

    def forget(self, connection: "Connection") -> None:
        """Count out a connection that is closed; called once."""


class Connection(asyncio.Protocol):
    """The transport's protocol and the parser's; `home` and `sock` are set by who made it.

    Attributes:
        served: Answers that came to their end.
        idle_since: When it was given back, on the loop's clock.
    """

    def __init__(self) -> None:
        self.home: Home | None = None
        self.sock: socket.socket | None = None
        self.closed = False
        self.served = 0
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._poller: select.poll | None = None
        self._transport: asyncio.Transport
        self._answer: Answer | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = self._due = 0.0
        self._parser = httptools.HttpResponseParser(self)
        # Servers that end lines carelessly harm nobody: what they say goes to their own caller.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)

    def is_usable(self) -> bool:
        """Whether nothing has arrived, not even an end that the loop has yet to see."""
        if self.closed or self.sock is None or self._transport.is_closing():
            return False
        if self._poller is None:
            # Asked before every request; peeking would raise for each that is usable.
            self._poller = select.poll()
            self._poller.register(self.sock, select.POLLIN)
        return not self._poller.poll(0)

    async def exchange(self, head: bytes, body: bytes, silence: float, *, bodiless: bool) -> Answer:
        """Write a request and wait for the head of its answer.

        Args:
            head: All that leaves in one piece, a small body included.
            body: What follows in slices.
            silence: The longest allowed, also of the rest of the answer, in seconds.
            bodiless: The answer has no body whatever its head says (HEAD).

        Raises:
            Dropped: As its class says.
            UpstreamFailed: No head came.
        """
        answer = self._answer = Answer(self, silence, bodiless=bodiless)
        try:
            if body:
                self._depart(answer, head)
                answer.sent = await self._upload(answer, body)
            else:
                # With those of all calls that this round of the loop wakes: a sleeping provider is woken once.
                answer.sent = True
                self._loop.call_soon(self._depart, answer, head)
            while not answer.status:
                if answer.failure is not None:
                    raise answer.failure
                await answer.wait()
        except BaseException:
            # Also when cancelled: nobody is left to read what comes.
            answer.close()
            raise
        return answer

    def _depart(self, answer: Answer, head: bytes) -> None:
        """Write the head, and what goes with it, unless it is over by now."""
        if self._answer is not answer:
            return
        answer.left = True
        self._transport.write(head)
        if self._transport.is_closing():
            self.close(Dropped("the connection had ended", reached=False))

    async def _upload(self, answer: Answer, body: bytes) -> bool:
        """Write as fast as the provider takes it; False when it wants no more."""
        view = memoryview(body)
        for start in range(0, len(body), _SLICE):
            while self._writing_paused and not answer.refuses_more:
                await answer.wait()
            if answer.refuses_more:
                return False
            self._transport.write(view[start : start + _SLICE])
        return True

    def close(self, failure: UpstreamFailed | None = None) -> None:
        """Close at once; an answer under way fails."""
        if self.closed:
            return
        self.closed = True
        answer, self._answer = self._answer, None
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        if self.home is not None:
            self.home.forget(self)
        if answer is not None:
            answer.fail(failure or UpstreamFailed("the connection was closed", reached=True))

    def watch(self, seconds: float) -> None:
        """Give up when nothing is heard for so long; one timer a connection, moved only when it rings."""
        self._due = self._loop.time() + seconds
        if self._timer is not None:
            if self._rings_at <= self._due:
                return
            self._timer.cancel()
        self._set_timer()

    def _set_timer(self) -> None:
        self._rings_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._answer is None or not self._answer.waits:
            return
        if self._loop.time() + _CLOCK_SECONDS < self._due:
            self._set_timer()
        else:
            self.close(UpstreamFailed("the provider fell silent", reached=True, timed_out=True))

    def resume(self) -> None:
        """Read on, if reading was paused."""
        if self._reading_paused and not self.closed:
            self._reading_paused = False
            self._transport.resume_reading()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, idle."""
        # uvloop's transports keep the interface without its name.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse; whoever waits for the answer is woken."""
        answer = self._answer
        if answer is None:
            # Nothing was asked.
            self.close()
            return
        answer.unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not answer.complete:
                self.close(answer.failure or UpstreamFailed(f"the answer is not HTTP: {error}", reached=True))
                return
            answer.keep = False
        if answer.complete:
            self._finish(answer)
        elif answer.unread > LONGEST_HEAD:
            self.close(UpstreamFailed("the answer's head is too large", reached=True))
        answer.wake()

    def eof_received(self) -> None:
        """The provider will say no more."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, by whoever's doing."""
        self._end(exc)
        # It holds us as we hold it.
        del self._parser

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._writing_paused = False
        if self._answer is not None:
            self._answer.wake()

    def _end(self, error: Exception | None) -> None:
        answer = self._answer
        if answer is None:
            self.close()
        elif error is None and answer.ends_with_connection():
            answer.complete, answer.keep = True, False
            self._finish(answer)
            answer.wake()
        else:
            kind = UpstreamFailed if answer.status or answer.unread else Dropped
            what = f": {type(error).__name__}" if error is not None else ""
            self.close(kind(f"the connection ended before the answer did{what}", reached=answer.left))

    def _finish(self, answer: Answer) -> None:
        answer.connection = self._answer = None
        self.served += 1
        written = answer.left and answer.sent and not self._transport.get_write_buffer_size()
        if answer.keep and written and self.home is not None and not self._transport.is_closing():
            self.resume()
            self.home.release(self)
        else:
            self.close()

    # The parser's calls; whatever they raise ends its work on these bytes.

    def on_message_begin(self) -> None:
        """An answer, the next one after a 1xx, or something that nobody asked for."""
        assert self._answer is not None
        if self._answer.complete:
            raise ValueError("more than one answer")
        self._answer.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head, or of the trailers, which are dropped."""
        answer = self._answer
        if answer is not None and not answer.status:
            answer.headers.append((name.lower(), value.rstrip(_BLANK)))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        answer = self._answer
        assert answer is not None
        status = self._parser.get_status_code()
        if status == 101:
            self._refuse(answer, "the answer switches to a protocol that nobody asked for")
        if status < 200:
            return
        if len(answer.headers) > MOST_HEADERS or (answer.unread > LONGEST_HEAD and answer.head_size() > LONGEST_HEAD):
            self._refuse(answer, "the answer's head is too large")
        answer.status, answer.unread = status, 0
        answer.keep = self._parser.should_keep_alive()
        if answer.bodiless:
            # The parser would wait for a body, so it cannot go on; nor can the connection.
            answer.complete, answer.keep = True, False
            raise ValueError("no body follows")

    def on_body(self, body: bytes) -> None:
        """Some bytes of the body, without their framing."""
        answer = self._answer
        assert answer is not None
        if not answer.status:
            return
        answer.unread = 0
        if answer.hold(body) > _HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is whole, or a 1xx was."""
        answer = self._answer
        if answer is not None and answer.status:
            answer.complete = True

    def _refuse(self, answer: Answer, reason: str) -> None:
        answer.failure = UpstreamFailed(reason, reached=True)
        raise ValueError(reason)
