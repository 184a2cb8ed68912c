"""One HTTP/1.1 connection: requests are answered one after the other, and the delivery decides how badly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from vigie_model_server.reply import Reply
from vigie_model_server.request_reader import Request, RequestReader

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow answers are slow."""

    trickle_bytes: int
    trickle_interval_seconds: float
    hang_seconds: float


Answer = Callable[[Request], Awaitable[Reply]]


class HttpConnection(asyncio.Protocol):
    """A connection that serves requests one after the other; pipelined ones wait for the earlier answer."""

    def __init__(self, answer: Answer, pace: Callable[[], Pace]) -> None:
        self._answer = answer
        self._pace = pace
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(str(peer[0]) if peer else "")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if self._task is None:
            self._serve_arrived()
        elif self._reader.arrived:
            # A caller that does not wait for answers has to wait before it may send more.
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False

    def _serve_arrived(self) -> None:
        """Serve what has arrived; with nothing there, close a broken connection, or send an expected `100 Continue`."""
        if self._reader.arrived:
            self._task = asyncio.get_running_loop().create_task(self._serve())
        elif self._reader.broken:
            self._transport.close()
        else:
            self._transport.resume_reading()
            if self._reader.expects_continue:
                self._reader.expects_continue = False
                self._transport.write(CONTINUE)

    async def _serve(self) -> None:
        while self._reader.arrived and not self._transport.is_closing():
            arrived = self._reader.arrived.popleft()
            if isinstance(arrived, Reply):
                self._transport.write(arrived.on_the_wire(close=True))
                self._transport.close()
                return
            await self._deliver(arrived, await self._answer(arrived))
            if not arrived.keep_alive:
                self._transport.close()
        self._task = None
        if not self._transport.is_closing():
            self._serve_arrived()

    async def _deliver(self, request: Request, reply: Reply) -> None:
        if reply.delivery == "reset":
            self._transport.abort()
            return
        if reply.delivery == "hang":
            await asyncio.sleep(self._pace().hang_seconds)
            self._transport.abort()
            return
        data = reply.on_the_wire(close=not request.keep_alive, with_body=request.method != "HEAD")
        if reply.delivery == "half":
            self._transport.write(data[: len(data) - len(reply.body) // 2 - 1])
            self._transport.close()
        elif reply.delivery == "trickle":
            await self._trickle(data)
        else:
            self._transport.write(data)

    async def _trickle(self, data: bytes) -> None:
        pace = self._pace()
        for start in range(0, len(data), pace.trickle_bytes):
            if self._transport.is_closing():
                return
            self._transport.write(data[start : start + pace.trickle_bytes])
            await asyncio.sleep(pace.trickle_interval_seconds)
