"""Receivers on real sockets: an HTTP server that keeps what it is sent, and a mail server that keeps mail."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server. Each answer takes the next of `statuses`; when there are none left, 200."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    drip_seconds: float = 0.0


@contextlib.contextmanager
def http_receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            kept.requests.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if kept.drip_seconds:
                self._drip()
                return
            self.send_response(kept.statuses.pop(0) if kept.statuses else 200)
            for name, value in kept.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def _drip(self) -> None:
            """A head that never ends, a byte at a time."""
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not stopping.wait(kept.drip_seconds):
                    self.wfile.write(b"a")
                    self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    stopping = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class MailSink:
    """A mail server that takes everything but what it is told to refuse.

    Attributes:
        refuse: Command to the whole line that answers it.
        conversation: Every line of a client, passwords too.
    """

    port: int = 0
    refuse: dict[str, str] = field(default_factory=dict)
    conversation: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    tls: ssl.SSLContext | None = None


@contextlib.contextmanager
def mail_sink(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[MailSink]:
    """With `at_once` TLS begins with the first byte, else with STARTTLS."""
    kept = MailSink(tls=None if at_once else tls)
    loop = asyncio.new_event_loop()
    writers: list[asyncio.StreamWriter] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await _converse(kept, reader, writer)

    server = loop.run_until_complete(asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls if at_once else None))
    kept.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, writers), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server, writers: list[asyncio.StreamWriter]) -> None:
    """Leave no socket open: a client that went away in mid-conversation has left a handler waiting for it."""
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _converse(kept: MailSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def say(text: str) -> None:
        writer.write(text.encode() + b"\r\n")

    say("220 sink")
    while line := (await reader.readline()).decode().strip():
        kept.conversation.append(line)
        word = line.split()[0].upper()
        if word in kept.refuse:
            say(kept.refuse[word])
        elif word == "EHLO":
            say("250-sink")
            say("250-AUTH PLAIN")
            say("250 STARTTLS" if kept.tls else "250 8BITMIME")
        elif word == "STARTTLS":
            say("220 go")
            try:
                await writer.start_tls(kept.tls)  # type: ignore[arg-type]
            except (ConnectionError, ssl.SSLError):
                break
        elif word == "DATA":
            say("354 go")
            kept.mails.append(await reader.readuntil(b"\r\n.\r\n"))
            say("250 taken")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("235 welcome" if word == "AUTH" else "250 ok")
    writer.close()
