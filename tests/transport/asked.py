"""A server on a real socket that answers as a test says, byte for byte."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Asked:
    """The requests that came, and how many connections they came over."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def answering(*answers: bytes, close: Callable[[int], bool] = lambda _: False) -> Iterator[Asked]:
    """Answer the n-th request with the n-th of `answers` (the last one goes on); then close where `close(n)` says."""
    kept = Asked()
    listener = socket.create_server(("127.0.0.1", 0))
    kept.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    opened: list[socket.socket] = []

    def converse(peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = peer.recv(65536)
                    if not piece:
                        return
                    head += piece
                said = [one for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")]
                while said and len(head.partition(b"\r\n\r\n")[2]) < int(said[0].partition(b":")[2]):
                    head += peer.recv(65536)
                number = len(kept.requests)
                kept.requests.append(head)
                peer.sendall(answers[min(number, len(answers) - 1)])
                if close(number):
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer = listener.accept()[0]
                opened.append(peer)
                kept.connections += 1
                threading.Thread(target=converse, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for peer in opened:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)


def http(body: bytes = b"", status: int = 200, *headers: str) -> bytes:
    """One answer with its length."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
