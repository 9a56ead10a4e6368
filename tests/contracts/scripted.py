"""A provider that says exactly the bytes it is told to, when it is told to; and a CA of its own."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The provider's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.requests: list[bytes] = []

    async def request(self) -> bytes:
        """One whole request, body included; empty when the connection ended."""
        head = await self.head()
        if not head:
            return b""
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                body = await self.reader.readexactly(int(line.partition(b":")[2]))
                self.requests[-1] += body
        return self.requests[-1]

    async def head(self) -> bytes:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.requests.append(head)
        return head

    async def say(self, *pieces: bytes, pause: float = 0.0) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause or len(pieces) > 1:
                await asyncio.sleep(pause)

    async def answer(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Read a request, then say the pieces."""
        got = await self.request()
        if got:
            await self.say(*pieces, pause=pause)
        return got

    async def gone(self) -> bool:
        """Wait until the gateway's side has ended the connection."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), 5) == b""
        return True

    def end(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Provider:
    """Listens; the n-th connection is played by the n-th script, further ones by the last."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection. Known from its first instant, so that it is closed also if its script never begins."""
        script = self.scripts[min(len(self.peers), len(self.scripts) - 1)]
        peer = Peer(reader, writer)
        self.peers.append(peer)
        task = asyncio.get_running_loop().create_task(self._play(script, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, script: Script, peer: Peer) -> None:
        try:
            await script(peer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            peer.writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        return [one for peer in self.peers for one in peer.requests]

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def provider(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    made = Provider(*scripts)
    server = await asyncio.start_server(made.meet, sock=socket.create_server(("127.0.0.1", 0)), ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.stop()
    assert not made.failures, made.failures


def make_authority(folder: Path) -> tuple[Path, Callable[[str], ssl.SSLContext]]:
    """A certificate authority: its certificate, and a maker of server contexts for names it vouches for."""
    run = lambda *words: subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)  # noqa: E731
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip

    def serve(name: str) -> ssl.SSLContext:
        san = f"subjectAltName={'IP' if name[0].isdigit() else 'DNS'}:{name}"
        (folder / "ext").write_text(f"{san}\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n")
        run("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
        run("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "ext", "-out", "leaf.pem")  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    return folder / "ca.pem", serve
