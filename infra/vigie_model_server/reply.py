"""What the server sends back, and in which manner it is put on the wire."""

import json
from dataclasses import dataclass, field
from typing import Literal

Delivery = Literal["whole", "half", "trickle", "reset", "hang"]
# `json.dumps` with an option makes an encoder for each call.
json_of = json.JSONEncoder(ensure_ascii=False).encode

REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    498: "Capacity Exceeded",
    499: "Request Cancelled",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Reply:
    """A status, headers and a body; `outcome` is the word counted in the statistics and the access log."""

    status: int
    body: bytes
    outcome: str = "ok"
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "application/json"
    delivery: Delivery = "whole"
    tokens: int = 0

    def on_the_wire(self, *, close: bool, with_body: bool = True) -> bytes:
        """The answer as HTTP/1.1; `close` says that the connection ends with it, and HEAD has no body."""
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, '')}",
            f"content-type: {self.content_type}",
            f"content-length: {len(self.body)}",
            "server: vigie-local",
            *[f"{name}: {value}" for name, value in self.headers],
        ]
        if close:
            lines.append("connection: close")
        head = "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("latin-1") + self.body if with_body else head.encode("latin-1")
