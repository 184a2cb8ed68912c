"""Parse a connection's bytes into requests: httptools reads the syntax, and what it lets pass is refused here."""

from collections import deque
from dataclasses import dataclass

import httptools

from vigie_model_server.errors import error_reply
from vigie_model_server.reply import Reply

LARGEST_BODY = 1_000_000
LARGEST_HEADERS = 65_536
VERSIONS = ("1.0", "1.1")


class UnreadableError(ValueError):
    """When bytes are no request that this server takes; nothing after them can be read either."""


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request as read from the wire; header names are in lower case."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    peer: str
    keep_alive: bool = True

    def header(self, name: bytes) -> str:
        """The first header of this name (lower case), empty when absent."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""


class RequestReader:
    """A parser that holds what has arrived: requests, or the last answer instead of one."""

    def __init__(self, peer: str) -> None:
        self.arrived: deque[Request | Reply] = deque()
        self.broken = False
        self.expects_continue = False
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        # Bytes since the last part of a request that was complete: a head or a trailer without end.
        self._pending = 0

    def feed(self, data: bytes) -> None:
        """Read on; `broken` when that cannot be done, and then nothing more is read."""
        if self.broken:
            return
        self._pending += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.broken = True
        if self._pending > LARGEST_HEADERS:
            self.broken = True

    def on_message_begin(self) -> None:
        """The parser's: a request begins."""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head_complete = False

    def on_url(self, part: bytes) -> None:
        """The parser's: (a part of) the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of the parser: a header, or a trailer after the body, which is ignored."""
        if not self._head_complete:
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The parser's: only the body is missing."""
        self._pending = 0
        self._head_complete = True
        version = self._parser.get_http_version()
        self._check(version)
        self._is_1_1 = version == "1.1"
        self.expects_continue = self._is_1_1 and b"100-continue" in self._listed(b"expect")

    def on_body(self, part: bytes) -> None:
        """The parser's: (a part of) the body."""
        self._pending = 0
        self.expects_continue = False
        self._body.append(part)
        self._size += len(part)
        if self._size > LARGEST_BODY:
            message = f"Request body is larger than {LARGEST_BODY} bytes."
            self._refuse(error_reply(413, message, code="request_too_large", outcome="too_large"))

    def on_message_complete(self) -> None:
        """The parser's: the request is whole."""
        self._pending = 0
        self.expects_continue = False
        self.arrived.append(
            Request(
                self._parser.get_method().decode(),
                self._target.decode("latin-1"),
                self._headers,
                b"".join(self._body),
                self._peer,
                # HTTP/1.0 has no lasting connections, whatever its headers ask for.
                keep_alive=self._is_1_1 and self._parser.should_keep_alive(),
            )
        )

    def _check(self, version: str) -> None:
        """What the parser lets pass and would be read in more than one way, or not at all."""
        hosts = self._values(b"host")
        if version not in VERSIONS or len(hosts) > 1 or (version == "1.1" and not hosts):
            raise UnreadableError("HTTP version or Host")
        codings = self._values(b"transfer-encoding")
        if codings and [coding.lower() for coding in codings] != [b"chunked"]:
            raise UnreadableError("Transfer-Encoding")
        if self._parser.should_upgrade():
            self._refuse(error_reply(400, "This server speaks HTTP/1.1 and changes to no other protocol."))

    def _refuse(self, reply: Reply) -> None:
        self.arrived.append(reply)
        raise UnreadableError(reply.outcome)

    def _values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self._headers if key == name]

    def _listed(self, name: bytes) -> list[bytes]:
        return [item.strip() for value in self._values(name) for item in value.lower().split(b",")]
