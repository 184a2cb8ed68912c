"""A provider on a free port that answers from a script and remembers what reached it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vigie.secrets import LlmSecret
from vigie_llm.chat import ChatRequest
from vigie_llm.pseudonymise import KnownIdentity


def completion(content: object = "{}", **usage: object) -> bytes:
    """A chat completion's body, as providers send it."""
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10} | usage,
    }  # fmt: skip
    return json.dumps(body).encode()


@dataclass(frozen=True)
class Reply:
    """One answer of the script. Without a status the connection is cut."""

    status: int | None = 200
    body: bytes = field(default_factory=completion)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedProvider:
    """A provider that gives its replies in order, the last one for ever.

    `received` holds path and body of each request, `headers` its headers, `connections` the ports they came from.
    """

    url: str = ""
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    received: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.received]

    def secret(self, provider: str = "groq", suffix: str = "") -> LlmSecret:
        return LlmSecret(provider, self.url + suffix, "key-1", "model-1")

    def take(self, path: str, body: bytes) -> Reply:
        self.received.append((path, body))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def scripted() -> Iterator[ScriptedProvider]:
    script = ScriptedProvider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            script.connections.add(self.client_address[1])
            script.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = script.take(self.path, body)
            if reply.status is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in ({"content-type": "application/json"} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def known() -> KnownIdentity:
    return KnownIdentity(
        "Éloïse", "Vandermeulen", "eloise.vandermeulen@example.org", "+33612345678", "12 rue des Lilas, 69003 Lyon",
        "1980-05-17", "FR7630006000011234567890189", "CUST-00481516",
    )  # fmt: skip


@pytest.fixture
def request_about(known: KnownIdentity) -> ChatRequest:
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    return ChatRequest("Say {}.", "The fees went up again.", "nothing", schema, 64, known)
