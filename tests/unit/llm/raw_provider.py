"""A provider that writes whatever bytes a test gives it, with whatever manners."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from vigie.secrets import LlmSecret

LONGEST_HEAD = 65_536
# What a conversation writes: bytes, or a function that gets the socket and does as it likes.
Manner = bytes | Callable[[socket.socket], None]


def http(status: int, body: bytes = b"", *headers: str, kind: str = "application/json") -> bytes:
    """A whole answer; a header that is given replaces ours of the same name."""
    ours = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    given = {header.partition(":")[0].lower() for header in headers}
    lines = [f"HTTP/1.1 {status} Said So", *(f"{name}: {value}" for name, value in ours.items() if name not in given)]
    return "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n" + body


@dataclass
class RawProvider:
    """A provider that gives its manners in order, the last one for ever. `received`: each request, head and body."""

    manners: list[Manner]
    received: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def secret(self, **fields: str) -> LlmSecret:
        given = {"provider": "groq", "base_url": self.url, "api_key": "key-1", "model": "model-1"}
        return LlmSecret(**given | fields)

    def take(self) -> Manner:
        return self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]


@contextmanager
def raw_provider(*manners: Manner) -> Iterator[RawProvider]:
    """Serve on a free port of loopback."""
    provider = RawProvider(list(manners))
    listening = socket.create_server(("127.0.0.1", 0))
    provider.port = listening.getsockname()[1]
    thread = threading.Thread(target=_accept, args=(listening, provider), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        # Wakes the thread that accepts.
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _accept(listening: socket.socket, provider: RawProvider) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_converse, args=(connection, provider), daemon=True).start()


def _converse(connection: socket.socket, provider: RawProvider) -> None:
    # The client may go away in the midst.
    with connection, suppress(OSError):
        request = _read_request(connection)
        if not request:
            return
        provider.received.append(request)
        manner = provider.take()
        if callable(manner):
            manner(connection)
            return
        connection.sendall(manner)
        connection.shutdown(socket.SHUT_WR)
        # Closing with unread bytes would reset the connection.
        while connection.recv(65_536):
            pass


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and len(data) < LONGEST_HEAD:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
    while missing > 0:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
        missing -= len(piece)
    return data
