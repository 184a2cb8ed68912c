"""An answer is bounded as a whole, in time and in size, whatever the provider's manners."""

import gzip
import socket
import zlib
from collections.abc import Iterator

import httpx
import pytest

import vigie_llm.client
from tests.fakes.model_calls import free
from tests.unit.llm.conftest import completion
from tests.unit.llm.raw_provider import Manner, RawProvider, http, raw_provider
from vigie_llm.bounds import MOST_BYTES, bound_body
from vigie_llm.causes import Cause
from vigie_llm.chat import ChatRequest
from vigie_llm.client import GroqModel
from vigie_llm.errors import ModelUnavailableError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture(autouse=True)
def two_short_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigie_llm.client, "TRIES", 2)
    monkeypatch.setattr(vigie_llm.client, "CALL_SECONDS", 0.4)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    drip(connection, b"x-more: to come\r\n")


def drip_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 1000000\r\n\r\n")
    drip(connection, b" ")


def drip(connection: socket.socket, piece: bytes) -> None:
    """A piece at a time, until the other side has had enough."""
    connection.settimeout(0.02)
    while True:
        connection.sendall(piece)
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            pass


def chunks_without_end(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")


def last_chunk_missing(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")
    connection.recv(1)


def bomb() -> bytes:
    """200 MB of blanks, packed into 200 KB."""
    packing = zlib.compressobj(9, wbits=31)
    return b"".join(packing.compress(b" " * 1_000_000) for _ in range(200)) + packing.flush()


BAD_MANNERS: dict[str, tuple[Manner, Cause]] = {
    "headers that trickle": (drip_headers, "TimedOut"),
    "a body that trickles": (drip_body, "TimedOut"),
    "a last chunk that never comes": (last_chunk_missing, "TimedOut"),
    "chunks without end": (chunks_without_end, "Unreadable"),
    "50 MB": (http(200, b'{"choices": "' + b"x" * 50_000_000 + b'"}'), "Unreadable"),
    "50 MB of an error": (http(503, b"x" * 50_000_000), "Unreadable"),
    "a bomb": (http(200, bomb(), "content-encoding: gzip"), "Unreadable"),
    "a bomb of an error": (http(502, bomb(), "content-encoding: gzip"), "Unreadable"),
    "packed in name only": (http(200, b"{}", "content-encoding: gzip"), "Unreadable"),
    "half a packed body": (http(200, gzip.compress(completion())[:-30], "content-encoding: gzip"), "Unreadable"),
}


def ask(provider: RawProvider, request: ChatRequest) -> str:
    model = GroqModel(provider.secret())
    try:
        return model.complete(request, lambda: 60.0, free).content
    finally:
        model.close()


@pytest.mark.parametrize("name", BAD_MANNERS)
def test_an_answer_without_measure_is_given_up_in_time(request_about: ChatRequest, name: str) -> None:
    manner, cause = BAD_MANNERS[name]
    with raw_provider(manner) as provider, pytest.raises(ModelUnavailableError) as caught:
        ask(provider, request_about)
    assert (caught.value.cause, len(provider.received)) == (cause, 2)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_packed_answer_is_read(request_about: ChatRequest, name: str) -> None:
    pack = zlib.compress if name == "deflate" else gzip.compress
    with raw_provider(http(200, pack(completion("{}")), f"content-encoding: {name}")) as provider:
        assert ask(provider, request_about) == "{}"


class Pieces(httpx.SyncByteStream):
    def __init__(self) -> None:
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.given += 1
            yield b"." * 1_000_000


def test_no_more_is_read_than_an_answer_can_have() -> None:
    pieces = Pieces()
    response = bound_body(httpx.Response(200, stream=pieces))
    with pytest.raises(httpx.DecodingError):
        response.read()
    assert pieces.given == MOST_BYTES // 1_000_000 + 1
