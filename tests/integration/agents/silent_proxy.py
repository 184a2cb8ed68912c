"""A TCP proxy that can fall silent: connections stay open and are accepted, and nothing passes any more."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from vigie_local.settings import LOOPBACK


@dataclass
class SilentProxy:
    """A proxy to a port of this machine; what is open when `fall_silent` is called stays silent for good."""

    target: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server((LOOPBACK, 0)))
    deaf: bool = False
    accepted: int = 0
    _open: list[tuple[threading.Event, socket.socket]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def fall_silent(self, newcomers_too: bool = False) -> None:
        self.deaf = newcomers_too
        for silent, _ in self._open:
            silent.set()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.accepted += 1
                server = socket.create_connection((LOOPBACK, self.target))
                silent = threading.Event()
                if self.deaf:
                    silent.set()
                self._open += [(silent, client), (silent, server)]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=(source, sink, silent), daemon=True).start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for connection in (self.listener, *(one for _, one in self._open)):
            connection.close()


def _forward(source: socket.socket, sink: socket.socket, silent: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if not silent.is_set():
                sink.sendall(data)


@contextlib.contextmanager
def silent_proxy(target: int) -> Iterator[SilentProxy]:
    proxy = SilentProxy(target)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
