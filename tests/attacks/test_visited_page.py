"""A web page that the developer visits, against the servers on the developer's machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from tests.e2e.browser import FLAGS, find_chromium
from tests.integration.model_server.conftest import RunningServer, server_process  # noqa: F401 - a fixture
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_localstack.executor.runtime_api import Invocation, RuntimeApi
from vigie_loopback.browser_requests import is_of_another_site

OTHER_SITE = "attacker.example"
CROSS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://attacker.example"},
    {"Origin": "null"},
    {"Host": "attacker.example:4566"},
    {"Host": "127.0.0.1.attacker.example"},
    {"Host": "localhost.attacker.example"},
    {"Host": "0.0.0.0:4566"},
    {"Host": "[::]:4566"},
    {"Host": "192.168.1.7:4566"},
    {"Host": "@attacker.example"},
    {"Host": "localhost@attacker.example"},
    # An image without a referrer from a name that a browser does not take for this machine's: it says nothing else.
    {"User-Agent": "Mozilla/5.0", "Host": "localhost.localstack.cloud:4566"},
    {"User-Agent": "Mozilla/5.0", "Host": "host.docker.internal:4566"},
    {"User-Agent": "Mozilla/5.0", "Host": "[::ffff:127.0.0.1]:4566"},
    {"User-Agent": "mozilla/5.0 (an old browser)", "Host": "localhost"},
    {"Sec-Fetch-Site": "cross-site", "Host": "[::1]:4566"},
    {"Origin": "null", "Host": "[::1]:4566"},
    {"Origin": "http://localhost:3000", "Host": "localhost:4566"},
    {"Origin": "https://app.localstack.cloud", "Host": "localhost:4566"},
]
# Those that only `Host` shows; the model server may stand for a provider under any name.
REBOUND = [headers for headers in CROSS if set(headers) == {"Host"}]


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalStack]:
    with temporary_localstack() as running:
        yield running


def status(url: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None) -> int:
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_localstack_refuses_what_another_site_s_page_sends(cloud: LocalStack, headers: dict[str, str]) -> None:
    """The queue is still there, the bucket is not read: both by addresses alone, as an image would ask for them."""
    queue = cloud.client("sqs").create_queue(QueueName="vigie-nlp")["QueueUrl"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="customers")
    s3.put_object(Bucket="customers", Key="file", Body=b"x")
    assert status(f"{cloud.endpoint}/?Action=DeleteQueue&QueueUrl={quote(queue)}", headers) == 403
    assert status(f"{cloud.endpoint}/customers/file", headers) == 403
    assert status(f"{cloud.endpoint}/_localstack/health", headers) == 403
    assert cloud.client("sqs").get_queue_url(QueueName="vigie-nlp")["QueueUrl"] == queue


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_the_model_server_refuses_what_another_site_s_page_sends(
    server_process: RunningServer,  # noqa: F811 - the fixture
    headers: dict[str, str],
) -> None:
    url = f"{server_process.url}/_control"
    assert status(url, headers) == 403
    settings = json.dumps({"latency_ms": 9000}).encode()
    assert status(url, headers, "PUT", settings) == 403
    if headers not in REBOUND:  # it may stand for a provider under any name; nothing of anybody's is read there
        assert status(f"{server_process.url}/v1/models", headers) == 403
    assert server_process.control()["settings"]["latency_ms"] != 9000


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "none"}, {"Host": "localhost:4566"}, {"Host": "cloud:4566"}, {"Host": "[::1]:4566"},
     {"Host": "customers.s3.localhost.localstack.cloud:4566"}, {"Host": "host.docker.internal"},
     {"Host": "localhost.", "User-Agent": "Boto3/1.40"}, {"Host": "127.0.0.1", "Sec-Fetch-Site": "none",
     "User-Agent": "Mozilla/5.0"}],
    ids=str,
)  # fmt: skip
def test_programs_and_the_developer_s_own_addresses_pass(cloud: LocalStack, headers: dict[str, str]) -> None:
    assert status(f"{cloud.endpoint}/_localstack/health", headers) == 200


def test_a_page_of_the_server_s_own_may_ask_it() -> None:
    assert not is_of_another_site("localhost:4566", "http://localhost:4566", "same-origin")
    assert is_of_another_site("localhost:4566", "http://localhost:3000", "")


@pytest.mark.parametrize("headers", [*CROSS, {"Origin": "http://x.example", "Host": "x.example"}], ids=str)
def test_no_web_socket_of_another_site_s_page_is_opened(cloud: LocalStack, headers: dict[str, str]) -> None:
    asked = {"Host": "localhost"} | headers | {
        "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "==",
    }  # fmt: skip
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=10) as connection:
        lines = [f"{name}: {value}" for name, value in asked.items()]
        connection.sendall("\r\n".join(["GET /_aws/lambda/runtimes HTTP/1.1", *lines, "", ""]).encode())
        assert connection.recv(100).split()[1] == b"403"


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_no_page_takes_a_function_s_invocation_or_fails_its_start(headers: dict[str, str]) -> None:
    """Each function's process asks a port of its own for work: an image that found it took the work, and its token."""

    async def attack() -> tuple[list[int], bytes | None, int]:
        api = RuntimeApi()
        address = f"http://{await api.start()}/2018-06-01/runtime"
        api.offer(Invocation("request-1", "arn", b"{}", "", 0))
        refused = [
            await asyncio.to_thread(status, f"{address}/invocation/next", headers),
            await asyncio.to_thread(status, f"{address}/init/error", headers, "POST", b"{}"),
            await asyncio.to_thread(status, f"{address}/invocation/request-1/response", headers, "POST", b"{}"),
        ]
        taken = await asyncio.to_thread(status, f"{address}/invocation/next", {})
        api.close()
        return refused, api.init_error, taken

    assert asyncio.run(attack()) == ([403, 403, 403], None, 200)


@contextlib.contextmanager
def site(body: str) -> Iterator[int]:
    """The attacker's site: one page, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_a_browser_that_visits_the_attacker_deletes_nothing_and_learns_nothing(cloud: LocalStack) -> None:
    """In a real browser: an image without a referrer, then a page under a name that now points to this machine."""
    from playwright.sync_api import sync_playwright

    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium")
    queue = cloud.client("sqs").create_queue(QueueName="visited")["QueueUrl"]
    image = f"{cloud.endpoint}/?Action=DeleteQueue&QueueUrl={quote(queue)}"
    nameless = image.replace("127.0.0.1", "localhost.localstack.cloud", 1)
    page_text = "".join(
        f'<img referrerpolicy="no-referrer" src="{address.replace("&", "&amp;")}">' for address in (image, nameless)
    )
    rules = f"--host-resolver-rules=MAP {OTHER_SITE} 127.0.0.1,MAP localhost.localstack.cloud 127.0.0.1"
    with site(page_text) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, rules])
        page = browser.new_page()
        asked: list[str] = []
        page.on("requestfailed", lambda request: asked.append(request.url))
        page.goto(f"http://{OTHER_SITE}:{port}/")  # until its images have come, or failed
        assert {image, nameless} <= set(asked)
        assert_exists(cloud, "visited")
        rebound = page.goto(f"http://{OTHER_SITE}:{cloud.port}/_localstack/health")
        assert rebound is not None
        assert rebound.status == 403
        own = page.goto(f"{cloud.endpoint}/_localstack/health")
        assert own is not None
        assert own.status == 200
        browser.close()
    assert_exists(cloud, "visited")


def assert_exists(cloud: LocalStack, name: str) -> None:
    """The queue is there, and stays: deletions take effect at once in LocalStack."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        assert cloud.client("sqs").get_queue_url(QueueName=name)
        time.sleep(0.2)
