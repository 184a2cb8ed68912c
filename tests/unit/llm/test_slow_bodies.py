"""An answer that trickles in ends in time: the HTTP client's own timeout holds for each piece only."""

from collections.abc import Iterator

import httpx
import pytest

from vigie_llm.slow_bodies import bound_body


class Pieces(httpx.SyncByteStream):
    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.given += 1
            yield b"."

    def close(self) -> None:
        self.closed = True


def test_a_body_that_never_ends_is_given_up() -> None:
    pieces, now = Pieces(), iter(range(1000))
    response = bound_body(httpx.Response(200, stream=pieces), 20.0, lambda: float(next(now)))
    with pytest.raises(httpx.ReadTimeout):
        response.read()
    assert pieces.given == 21


def test_a_body_that_comes_in_time_is_whole() -> None:
    response = bound_body(httpx.Response(200, stream=httpx.ByteStream(b"whole")), 20.0)
    assert response.read() == b"whole"
