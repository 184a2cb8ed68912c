"""Chromium for tests: found, started without network chatter, and a page's coming to rest."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
REMEDY = "No Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH to a Chromium or Chrome."


def find_chromium() -> str | None:
    """CHROMIUM_PATH, else the first browser of this family on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    named = os.environ.get("CHROMIUM_PATH")
    return named or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def browser_or_reason() -> Iterator[Browser | str]:
    """A running browser, or why there is none and what to do."""
    executable = find_chromium()
    if executable is None:
        yield REMEDY
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def wait_at_rest(page: Page) -> None:
    """Return when Streamlit has run the page's script and drawn what it said."""
    page.wait_for_selector(".v h1")
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
