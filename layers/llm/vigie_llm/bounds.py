"""Bounds on a whole exchange: when its bytes may go, its time from connecting on, and its size.

The HTTP client's own timeouts hold for each piece of an answer, and it unpacks whatever was packed.
"""

import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import httpcore
import httpx

from vigie.transport import is_loopback
from vigie_llm.chat import Claim

# A hundred times the longest answer that is asked for.
MOST_BYTES = 4_000_000
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
# zlib's word for either header, gzip's or its own.
ANY_HEADER = 47
CONNECT = b"CONNECT "


class BoundedNetwork(httpcore.NetworkBackend):
    """Connections on which nothing waits past `deadline`, and no request leaves without its claim; one thread's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = httpcore.SyncBackend()
        self._clock = clock
        self.deadline = math.inf
        self._claim: Claim | None = None

    def start(self, seconds: float, claim: Claim) -> None:
        """Bound what follows; `claim` before the request's first bytes, once the connection is there."""
        self.deadline = self._clock() + seconds
        self._claim = claim

    def before_write(self, buffer: bytes) -> None:
        """Claim the request, unless it is a proxy that is asked for the way."""
        if self._claim and not buffer.startswith(CONNECT):
            self._claim()
            self._claim = None

    def seconds_left(self, timeout: float | None) -> float | None:
        """How long to wait for a piece.

        Raises:
            httpcore.ReadTimeout: the deadline has passed.
        """
        left = self.deadline - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole answer took too long")
        return timeout if math.isinf(left) else min(left, math.inf if timeout is None else timeout)

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Connect; the connection is bounded.

        Raises:
            httpcore.ConnectError: there is no connection, or a name for this machine led to another.
        """
        inner = self._inner.connect_tcp(host, port, self.seconds_left(timeout), local_address, socket_options)
        if is_loopback(host.rstrip(".")) and not is_loopback(inner.get_extra_info("server_addr")[0]):
            inner.close()
            raise httpcore.ConnectError(f"{host} is another machine's address here")
        return _BoundedConnection(inner, self)


class _BoundedConnection(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, network: BoundedNetwork) -> None:
        self._inner = inner
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._network.seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._network.before_write(buffer)
        self._inner.write(buffer, self._network.seconds_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._network.seconds_left(timeout))
        return _BoundedConnection(inner, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class BoundedBody(httpx.SyncByteStream):
    """A body of at most `MOST_BYTES`, unpacked where it is packed.

    Raises, when it is read:
        httpx.DecodingError: it is larger, or not packed as it says.
    """

    def __init__(self, inner: httpx.SyncByteStream, is_packed: bool) -> None:
        self._inner = inner
        self._unpacking = zlib.decompressobj(ANY_HEADER) if is_packed else None

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._inner:
            data = self._unpacked(piece)
            size += len(data)
            if size > MOST_BYTES:
                raise httpx.DecodingError("the answer is too large")
            yield data

    def close(self) -> None:
        """Close the stream, and so its connection."""
        self._inner.close()

    def _unpacked(self, piece: bytes) -> bytes:
        if self._unpacking is None:
            return piece
        try:
            return self._unpacking.decompress(piece, MOST_BYTES + 1)
        except zlib.error:
            raise httpx.DecodingError("the answer is not packed as it says") from None


def bound_body(response: httpx.Response) -> httpx.Response:
    """The same response with a `BoundedBody`."""
    is_packed = response.headers.get("content-encoding", "").strip().lower() in PACKED
    if is_packed:
        del response.headers["content-encoding"]
    response.stream = BoundedBody(cast(httpx.SyncByteStream, response.stream), is_packed)
    return response
