"""The dashboard below a path, behind a proxy that speaks TLS: in a browser, as people open it."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import sync_playwright

from tests.e2e.browser import FLAGS, REMEDY, find_chromium
from vigie_local.ports import free_port
from vigie_local.services import WebService, dashboard
from vigie_local.settings import LOOPBACK, LocalSettings, load_settings

HOST = "vigie.test"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[socket.socket]:
    """The listening end of the TLS proxy; what it accepts goes to the port in `target`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path_factory.mktemp("tls")))
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield context.wrap_socket(listener, server_side=True)


@pytest.fixture(scope="module")
def settings(proxy: socket.socket, tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    return load_settings(
        {
            "VIGIE_HOME": str(tmp_path_factory.mktemp("home")),
            "DASHBOARD_PORT": str(free_port()),
            "LOCALSTACK_PORT": str(free_port()),
            "DASHBOARD_URL": f"https://{HOST}:{proxy.getsockname()[1]}/risk/vigie",
        }
    )


@pytest.fixture(scope="module")
def served(settings: LocalSettings, proxy: socket.socket) -> Iterator[WebService]:
    service = dashboard(settings)
    service.start()
    threading.Thread(target=forward_all, args=(proxy, settings.dashboard_port), daemon=True).start()
    yield service
    service.stop()


def test_pages_and_links_work_in_a_browser(served: WebService, settings: LocalSettings) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(REMEDY)
    flags = [*FLAGS, f"--host-resolver-rules=MAP {HOST} {LOOPBACK}", "--ignore-certificate-errors"]
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium, args=flags).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(settings.dashboard_url)
        # There is no database here, which only a page whose WebSocket works can say.
        page.wait_for_selector('section[role="alert"]', timeout=60_000)
        links = page.eval_on_selector_all('[data-testid="stSidebarNavLink"]', "links => links.map(link => link.href)")
        relative = page.evaluate("new URL('customers?segment=High', document.baseURI).href")
        page.goto(f"{settings.dashboard_url}customers")
        page.wait_for_selector('section[role="alert"]', timeout=60_000)
    assert len(links) > 5
    assert all(link.startswith(settings.dashboard_url.rstrip("/")) for link in links), links
    assert relative == f"{settings.dashboard_url}customers?segment=High"
    assert not [url for url in asked if not url.startswith((settings.dashboard_url.rstrip("/"), "data:", "blob:"))]


@pytest.mark.parametrize(("origin", "answer"), [(f"https://{HOST}", 101), ("https://elsewhere.test", 403)])
def test_only_pages_of_this_address_may_open_its_websocket(
    served: WebService, settings: LocalSettings, origin: str, answer: int
) -> None:
    with socket.create_connection((LOOPBACK, settings.dashboard_port), timeout=20) as connection:
        connection.sendall(
            f"GET /{settings.dashboard_path}/_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{settings.dashboard_port}\r\n"
            f"Origin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert connection.recv(64).split()[1] == str(answer).encode()


def certificate(folder: Path) -> Path:
    """A key and a certificate that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "proxy.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


def forward_all(listener: socket.socket, port: int) -> None:
    """Pass each connection on to a port of this machine, until the listener is closed."""
    while listener.fileno() >= 0:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            server = socket.create_connection((LOOPBACK, port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=forward, args=(source, sink), daemon=True).start()


def forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
