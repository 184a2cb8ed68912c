"""What the server sends back, and in which manner it is put on the wire."""

import json
from dataclasses import dataclass, field
from typing import Literal

Delivery = Literal["whole", "half", "trickle", "reset", "hang"]
# `json.dumps` with an option makes an encoder for each call.
json_of = json.JSONEncoder(ensure_ascii=False).encode

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
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
