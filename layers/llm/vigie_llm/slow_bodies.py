"""A bound on how long a whole answer may take: the HTTP client's own timeouts hold for each piece of it only."""

import time
from collections.abc import Callable, Iterator
from typing import cast

import httpx


class BoundedStream(httpx.SyncByteStream):
    """A body that must be there within so many seconds."""

    def __init__(self, inner: httpx.SyncByteStream, seconds: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._deadline = clock() + seconds

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            if self._clock() > self._deadline:
                raise httpx.ReadTimeout("the whole answer took too long")
            yield piece

    def close(self) -> None:
        """Close the stream, and so its connection."""
        self._inner.close()


def bound_body(response: httpx.Response, seconds: float, clock: Callable[[], float] = time.monotonic) -> httpx.Response:
    """The same response, whose body raises `httpx.ReadTimeout` when it is not read within so many seconds."""
    response.stream = BoundedStream(cast(httpx.SyncByteStream, response.stream), seconds, clock)
    return response
