"""What a connection takes, refuses and survives, byte by byte."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import RunningServer

HEAD = b"Host: localhost\r\nAuthorization: Bearer right-key\r\n"
BODY = json.dumps({"model": "vigie-local-rules", "messages": [{"role": "user", "content": "Hello"}]}).encode()
LISTING = b"GET /v1/models HTTP/1.1\r\n" + HEAD + b"\r\n"

Connect = Callable[[], socket.socket]


@pytest.fixture
def connect(server: RunningServer) -> Iterator[Connect]:
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        host, port = server.url.removeprefix("http://").split(":")
        opened.append(socket.create_connection((host, int(port)), timeout=5))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def question(body: bytes = BODY, more: bytes = b"", version: bytes = b"1.1") -> bytes:
    length = f"Content-Length: {len(body)}\r\n".encode()
    return b"POST /v1/chat/completions HTTP/" + version + b"\r\n" + HEAD + length + more + b"\r\n" + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))[:-2] + trailer + b"\r\n"


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What comes until `end`; what comes in all when the connection is closed before."""
    got = b""
    while end not in got:
        part = connection.recv(65_536)
        if not part:
            return got
        got += part
    return got


def read_to_the_end(connection: socket.socket) -> bytes:
    got = b""
    try:
        while part := connection.recv(65_536):
            got += part
    except ConnectionResetError:
        pass
    return got


def statuses(got: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]


@pytest.mark.parametrize(
    "asked",
    [
        b"hello\r\n\r\n",
        b"GET /v1/models\r\n\r\n",
        b"GET /v1/models HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        b"GET /v1/mod\xe9ls HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_no_http_request_ends_the_connection_without_an_answer(
    server: RunningServer, connect: Connect, asked: bytes
) -> None:
    connection = connect()
    connection.sendall(asked)
    assert read_to_the_end(connection) == b""
    assert server.control()["requests"] == 0


@pytest.mark.parametrize(
    "start",
    [
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: ",
        b"GET /",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["header", "target", "trailer", "chunk extension"],
)
def test_a_head_or_trailer_without_end_ends_the_connection(connect: Connect, start: bytes) -> None:
    connection = connect()
    connection.sendall(start)

    def is_closed() -> bool:
        try:
            connection.sendall(b"a" * 1000)
        except ConnectionError:
            return True
        return False

    wait_until(is_closed)


def test_a_request_that_comes_byte_by_byte_is_answered(connect: Connect) -> None:
    connection = connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in question(more=b"X-Empty:\r\n"):
        connection.sendall(bytes([byte]))
    assert statuses(read_until(connection, b"service_tier")) == [200]


def test_a_body_in_chunks_is_put_together_and_its_trailer_left_out(server: RunningServer, connect: Connect) -> None:
    connection = connect()
    connection.sendall(chunked(BODY[:7], BODY[7:20], BODY[20:], trailer=b"Authorization: Bearer wrong\r\nX: y\r\n"))
    assert statuses(read_until(connection, b"service_tier")) == [200]
    (kept,) = server.control(path="/requests")["requests"]
    assert kept["body"] == BODY.decode()
    assert "x" not in kept["headers"]


def test_chunks_beyond_the_limit_are_413_and_the_end(connect: Connect) -> None:
    connection = connect()
    connection.sendall(chunked(*[b"x" * 50_000] * 20, b"x"))
    got = read_to_the_end(connection)
    assert statuses(got) == [413]
    assert b"connection: close" in got


def test_a_body_of_the_limit_is_read(connect: Connect) -> None:
    connection = connect()
    connection.sendall(question(BODY + b" " * (1_000_000 - len(BODY))))
    assert statuses(read_until(connection, b"service_tier")) == [200]


def test_pipelined_requests_are_answered_one_after_the_other(server: RunningServer, connect: Connect) -> None:
    server.set(latency_ms=20)
    connection = connect()
    connection.sendall(question() + LISTING + question() + question(more=b"Connection: close\r\n"))
    got = read_to_the_end(connection)
    assert statuses(got) == [200] * 4
    assert [b"chat.completion" in part for part in got.split(b"HTTP/1.1 200")[1:]] == [True, False, True, True]
    assert server.control()["most_in_flight"] == 1


def test_many_pipelined_requests_are_all_answered(connect: Connect) -> None:
    connection = connect()
    connection.sendall(LISTING * 5_000 + LISTING.replace(HEAD, HEAD + b"Connection: close\r\n"))
    assert statuses(read_to_the_end(connection)) == [200] * 5_001


@pytest.mark.parametrize("after", [b"nonsense\r\n\r\n", question(b"x" * 1_000_001)], ids=["nonsense", "too large"])
def test_a_request_before_one_that_cannot_be_read_is_still_answered(
    server: RunningServer, connect: Connect, after: bytes
) -> None:
    server.set(latency_ms=50)
    connection = connect()
    connection.sendall(question() + after[:10_000])
    connection.sendall(after[10_000:])
    assert statuses(read_to_the_end(connection)) == ([200, 413] if after.startswith(b"POST") else [200])


def test_an_expected_continue_is_sent(connect: Connect) -> None:
    connection = connect()
    asked = question(more=b"Expect: 100-continue\r\n")
    connection.sendall(asked.removesuffix(BODY))
    assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(BODY)
    assert statuses(read_until(connection, b"service_tier")) == [200]


def test_no_continue_is_sent_in_the_middle_of_an_earlier_answer(server: RunningServer, connect: Connect) -> None:
    server.set(latency_ms=50)
    connection = connect()
    connection.sendall(question() + question(more=b"Expect: 100-continue\r\n").removesuffix(BODY))
    got = read_until(connection, b"100 Continue\r\n\r\n")
    connection.sendall(BODY)
    assert statuses(got + read_until(connection, b"service_tier")) == [200, 100, 200]


def test_who_sends_the_body_at_once_waits_for_no_word_to_go_on(connect: Connect) -> None:
    connection = connect()
    connection.sendall(question(more=b"Expect: 100-continue\r\n"))
    assert statuses(read_until(connection, b"service_tier")) == [200]


def test_a_connection_is_kept_until_it_is_asked_to_close(connect: Connect) -> None:
    connection = connect()
    for _ in range(3):
        connection.sendall(question())
        assert b"connection:" not in read_until(connection, b"service_tier")
    connection.sendall(question(more=b"Connection: close\r\n"))
    assert b"connection: close\r\n" in read_to_the_end(connection)


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
def test_http_1_0_gets_one_answer_and_the_end(connect: Connect, more: bytes) -> None:
    connection = connect()
    connection.sendall(question(more=more, version=b"1.0"))
    got = read_to_the_end(connection)
    assert statuses(got) == [200]
    assert b"connection: close\r\n" in got


def test_a_head_alone_is_sent_for_head(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"HEAD /v1/models HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
    got = read_to_the_end(connection)
    assert statuses(got) == [405]
    assert got.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "asked",
    [
        question(more=b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["upgrade", "connect"],
)
def test_another_protocol_is_refused(connect: Connect, asked: bytes) -> None:
    connection = connect()
    connection.sendall(asked)
    got = read_to_the_end(connection)
    assert statuses(got) == [400]
    assert b"connection: close\r\n" in got


def test_half_an_answer_is_half_its_body_and_the_end(server: RunningServer, connect: Connect) -> None:
    server.set(plan=["half_answer"])
    connection = connect()
    connection.sendall(question())
    head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    promised = re.search(rb"content-length: (\d+)", head)
    assert promised is not None
    assert len(body) == int(promised[1]) - int(promised[1]) // 2 - 1


def test_after_a_slow_answer_the_connection_is_still_good(server: RunningServer, connect: Connect) -> None:
    server.set(plan=["trickle"], trickle_bytes=100, trickle_interval_ms=1)
    connection = connect()
    for _ in range(2):
        connection.sendall(question())
        assert statuses(read_until(connection, b"service_tier")) == [200]


def test_a_caller_that_leaves_before_the_answer_is_noted(server: RunningServer, connect: Connect) -> None:
    server.set(latency_ms=30_000)
    connection = connect()
    connection.sendall(question())
    wait_until(lambda: server.control()["in_flight"] == 1)
    connection.close()
    wait_until(lambda: server.control()["outcomes"] == {"client_left": 1})


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
