"""A web page that somebody visits, against the dashboard in the same browser: reading it, framing it, running in it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.test_visited_page import OTHER_SITE, site, status
from tests.e2e.browser import FLAGS, REMEDY, find_chromium
from vigie_local.ports import free_port
from vigie_local.services import WebService, dashboard
from vigie_local.settings import LocalSettings, load_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    ports = {"DASHBOARD_PORT": str(free_port()), "LOCALSTACK_PORT": str(free_port())}
    return load_settings(ports | {"VIGIE_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def served(settings: LocalSettings) -> Iterator[WebService]:
    service = dashboard(settings)
    service.start()
    yield service
    service.stop()


def open_socket(port: int, **headers: str) -> int:
    """The answer to a WebSocket's opening."""
    asked = {"Host": f"localhost:{port}", "Upgrade": "websocket", "Connection": "Upgrade"} | headers
    asked |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    lines = ["GET /_stcore/stream HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(64).split()[1])


@pytest.mark.parametrize(
    "host",
    [OTHER_SITE, f"localhost.{OTHER_SITE}", "127.0.0.1.nip.example", "0.0.0.0", "192.168.1.7", "[::]", "wiki", ""],
)
def test_a_name_that_now_points_to_this_machine_reads_no_page_and_opens_no_socket(
    served: WebService, settings: LocalSettings, host: str
) -> None:
    """DNS rebinding: to the browser the dashboard is then the page's own server."""
    port = settings.dashboard_port
    assert status(f"http://127.0.0.1:{port}/", {"Host": f"{host}:{port}"}) in (400, 403)
    assert open_socket(port, Host=f"{host}:{port}", Origin=f"http://{host}:{port}") in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "null", f"http://{OTHER_SITE}", "https://localhost"]
)
def test_another_page_opens_no_socket(served: WebService, settings: LocalSettings, origin: str) -> None:
    """Another port of this machine is another program's, whatever its name."""
    assert open_socket(settings.dashboard_port, Origin=origin) == 403


def test_its_own_page_does(served: WebService, settings: LocalSettings) -> None:
    port = settings.dashboard_port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert open_socket(port, Host=host, Origin=f"http://{host}") == 101


def test_a_browser_shows_it_in_no_frame_and_runs_nothing_from_elsewhere(
    served: WebService, settings: LocalSettings, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        pytest.skip(REMEDY)
    address = f"http://localhost:{settings.dashboard_port}/"
    rules = f"--host-resolver-rules=MAP {OTHER_SITE} 127.0.0.1"
    with site(f'<iframe src="{address}"></iframe>') as port, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, rules]).new_page()
        blocked: list[str] = []
        page.on("console", lambda message: blocked.append(message.text))
        page.goto(f"http://{OTHER_SITE}:{port}/")
        assert page.frames[-1].locator('[data-testid="stApp"]').count() == 0
        assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in blocked), blocked
        blocked.clear()
        page.goto(address)
        page.wait_for_selector('section[role="alert"]', timeout=60_000)  # there is no database here
        assert [text for text in blocked if "Content Security Policy" in text] == []
        page.evaluate(
            f"document.head.append(Object.assign(document.createElement('script'), {{src: 'http://{OTHER_SITE}:{port}/x.js'}}))"
        )
        page.evaluate(f"fetch('http://{OTHER_SITE}:{port}/?names').catch(() => 0)")
        assert len([text for text in blocked if "Content Security Policy" in text]) >= 2, blocked
