"""Lambda's Runtime API for one process: hands out invocations, takes answers.

Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from vigie_localstack.executor.outcome import Outcome, answered, raised, too_large
from vigie_loopback.browser_requests import is_of_another_site

LOOPBACK = "127.0.0.1"
LARGEST_ANSWER = 6 * 2**20
_PREFIX = "/2018-06-01/runtime"
# The runtime sends an X-Ray cause of up to 1 MiB in a header.
_LARGEST_HEAD = 2 * 2**20
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Invocation:
    """One call of the function. `deadline` in milliseconds since 1970, `payload` JSON."""

    request_id: str
    function_arn: str
    payload: bytes
    trace_id: str
    deadline: int

    def as_response(self) -> bytes:
        """The answer to the runtime's question for the next invocation."""
        head = (
            "HTTP/1.1 200 OK\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {self.request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {self.deadline}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {self.function_arn}\r\n"
            f"Lambda-Runtime-Trace-Id: {self.trace_id}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(self.payload)}\r\n\r\n"
        )
        return head.encode() + self.payload


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes
    is_of_another_site: bool


@dataclass
class RuntimeApi:
    """Serve one process on a port of its own, on loopback. Lives on the executor's loop."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    init_error: bytes | None = None
    _server: asyncio.Server | None = None
    _offered: asyncio.Queue[Invocation] = field(default_factory=asyncio.Queue)
    _current: str = ""
    _answer: asyncio.Future[Outcome] | None = None
    _conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> str:
        """Listen, and return the address in AWS_LAMBDA_RUNTIME_API's form."""
        self._server = await asyncio.start_server(self._begin, LOOPBACK, 0, limit=_LARGEST_HEAD)
        port = self._server.sockets[0].getsockname()[1]
        return f"{LOOPBACK}:{port}"

    def offer(self, invocation: Invocation) -> asyncio.Future[Outcome]:
        """Give the process this invocation as soon as it asks; the future holds its answer."""
        self._current = invocation.request_id
        self._answer = asyncio.get_running_loop().create_future()
        self._offered.put_nowait(invocation)
        return self._answer

    def close(self) -> None:
        """Stop listening and drop the connections; a process still running then ends by itself."""
        for conversation in self._conversations:
            conversation.cancel()
        if self._server is not None:
            self._server.close()
            self._server.abort_clients()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Held here: a conversation with a process that died waits for an invocation until it is cancelled.
        conversation = asyncio.ensure_future(self._serve(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            while True:
                request = await _read_request(reader)
                writer.write(await self._answer_to(request))
                await writer.drain()
        writer.close()

    async def _answer_to(self, request: _Request) -> bytes:
        if request.is_of_another_site:
            return _refusal("403 Forbidden", "OtherSite")
        match request.method, request.path.removeprefix(_PREFIX).strip("/").split("/"):
            case "GET", ["invocation", "next"]:
                self.ready.set()
                return (await self._offered.get()).as_response()
            case "POST", ["init", "error"]:
                self.init_error = request.body
                return _ACCEPTED
            case "POST", ["invocation", request_id, "response"]:
                if len(request.body) > LARGEST_ANSWER:
                    return self._take(request_id, too_large(len(request.body), LARGEST_ANSWER))
                return self._take(request_id, answered(request.body))
            case "POST", ["invocation", request_id, "error"]:
                return self._take(request_id, raised(request.body))
        return _refusal("404 Not Found", "Runtime.UnknownPath")

    def _take(self, request_id: str, outcome: Outcome) -> bytes:
        if request_id != self._current or self._answer is None or self._answer.done():
            return _refusal("400 Bad Request", "InvalidRequestID")
        self._answer.set_result(outcome)
        return _ACCEPTED


async def _read_request(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *header_lines = head.split("\r\n")
    method, path, _ = request_line.split(" ", 2)
    fields = (line.partition(":") for line in header_lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length") or 0))
    sender = (headers.get(name, "") for name in ("host", "origin", "sec-fetch-site", "user-agent"))
    return _Request(method, path, body, is_of_another_site(*sender))


def _refusal(status: str, error_type: str) -> bytes:
    body = f'{{"errorType": "{error_type}"}}'
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
