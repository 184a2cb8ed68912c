"""One HTTP/1.1 connection: h11 reads and writes, and the delivery decides how badly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import h11

from vigie_local.model_server.errors import error_reply
from vigie_local.model_server.reply import REASONS, Reply

LARGEST_BODY = 1_000_000
LARGEST_HEADERS = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request as read from the wire."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    peer: str

    def header(self, name: bytes) -> str:
        """The first header of this name (lower case), empty when absent."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow answers are slow."""

    trickle_bytes: int
    trickle_interval_seconds: float
    hang_seconds: float


Answer = Callable[[Request], Awaitable[Reply]]


class HttpConnection(asyncio.Protocol):
    """Serves requests one after the other; pipelined bytes wait until the answer is out."""

    def __init__(self, answer: Answer, pace: Callable[[], Pace]) -> None:
        self._answer = answer
        self._pace = pace
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEADERS)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._task is None:
            self._read()

    def eof_received(self) -> bool:
        return False

    def _read(self) -> None:
        try:
            self._read_events()
        except h11.RemoteProtocolError:
            self._transport.close()

    def _read_events(self) -> None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head, self._body = event, bytearray()
                if self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._transport.write(self._http.send(go_on) or b"")
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > LARGEST_BODY:
                    self._refuse_size()
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._task = asyncio.get_running_loop().create_task(self._serve())
                return
            else:
                if isinstance(event, h11.ConnectionClosed):
                    self._transport.close()
                return

    def _refuse_size(self) -> None:
        message = f"Request body is larger than {LARGEST_BODY} bytes."
        reply = error_reply(413, message, code="request_too_large", outcome="too_large")
        self._transport.write(self._encoded(reply, close=True))
        self._transport.close()

    async def _serve(self) -> None:
        head = self._head
        assert head is not None
        request = Request(
            head.method.decode(), head.target.decode("latin-1"), list(head.headers), bytes(self._body), self._peer
        )
        reply = await self._answer(request)
        await self._deliver(reply)
        self._task = None
        if self._transport.is_closing():
            return
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._read()
        else:
            self._transport.close()

    async def _deliver(self, reply: Reply) -> None:
        if reply.delivery == "reset":
            self._transport.abort()
        elif reply.delivery == "hang":
            await asyncio.sleep(self._pace().hang_seconds)
            self._transport.abort()
        elif reply.delivery == "half":
            data = self._encoded(reply)
            self._transport.write(data[: len(data) - len(reply.body) // 2 - 1])
            self._transport.close()
        elif reply.delivery == "trickle":
            await self._trickle(self._encoded(reply))
        else:
            self._transport.write(self._encoded(reply))

    async def _trickle(self, data: bytes) -> None:
        pace = self._pace()
        for start in range(0, len(data), pace.trickle_bytes):
            if self._transport.is_closing():
                return
            self._transport.write(data[start : start + pace.trickle_bytes])
            await asyncio.sleep(pace.trickle_interval_seconds)

    def _encoded(self, reply: Reply, *, close: bool = False) -> bytes:
        headers = [
            ("content-type", reply.content_type),
            ("content-length", str(len(reply.body))),
            ("server", "vigie-local"),
            *reply.headers,
        ]
        if close:
            headers.append(("connection", "close"))
        response = h11.Response(status_code=reply.status, headers=headers, reason=REASONS.get(reply.status, b""))
        parts = (response, h11.Data(data=reply.body), h11.EndOfMessage())
        return b"".join(self._http.send(part) or b"" for part in parts)
