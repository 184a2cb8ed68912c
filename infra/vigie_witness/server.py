"""The witness's two addresses over HTTP: `POST /add-checkpoint` and `GET /<SHA-256 of the origin>/checkpoint`."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vigie_witness.witness import RefusedError, Witness

# 63 hashes, and a checkpoint of sixteen signatures, the largest known of which have 3,300 bytes.
MAX_BODY = 1 << 16
SECONDS = 10.0
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")


class WitnessHandler(BaseHTTPRequestHandler):
    """One connection. Nothing is logged of who asks."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vigie-witness", ""
    timeout = SECONDS
    witness: Witness

    def do_POST(self) -> None:
        """Cosign a checkpoint."""
        try:
            body = self._body()
            if self.path != "/add-checkpoint":
                raise RefusedError(404, "checkpoints are sent to /add-checkpoint")
            self._answer(200, self.witness.add_checkpoint(body))
        except RefusedError as refusal:
            self._answer(refusal.status, f"{refusal.text}\n", refusal.content_type)
        except OSError as error:
            self._answer(503, f"nothing can be stored now, so nothing is cosigned: {error.strerror}\n")

    def do_GET(self) -> None:
        """Show the newest checkpoint of a log."""
        try:
            if not (found := _CHECKPOINT.fullmatch(self.path)):
                raise RefusedError(404, "newest checkpoints are at /<SHA-256 of the log's name>/checkpoint")
            self._answer(200, self.witness.newest(found[1]))
        except RefusedError as refusal:
            self._answer(refusal.status, f"{refusal.text}\n", refusal.content_type)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        # What is not read would be taken for the next request.
        self.close_connection = True
        if not (length.isascii() and length.isdigit()):
            raise RefusedError(411, "say how long the request is (Content-Length)")
        if int(length) > MAX_BODY:
            raise RefusedError(413, f"a request has at most {MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RefusedError(400, "the request is shorter than it says")
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return body

    def _answer(self, status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class WitnessServer(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


def make_server(witness: Witness, host: str, port: int) -> WitnessServer:
    """A server that listens; port 0 takes a free one."""
    return WitnessServer((host, port), type("Handler", (WitnessHandler,), {"witness": witness}))
