"""Take the README's pictures of a running dashboard.

    python -m tests.e2e.take_screenshots --url http://localhost:8501 --out docs/images [--language en] [--all]

Writes overview.png, customer.png (the customer most at risk to whom a message was composed), review.png (the first case
of the queue, which is given back afterwards) and audit.png; `--all` writes every page whole.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page

from tests.e2e.browser import browser_or_reason, wait_at_rest

WIDTH, HEIGHT = 1400, 900
PAGES = (
    "overview", "customers", "campaigns", "offers", "audit", "runs", "governance", "claims", "model",
)  # fmt: skip
# As many stories are opened in search of one with a message; held-out customers have none.
TRIES = 12


def open_page(page: Page, url: str, path: str, language: str) -> None:
    """Open a page and wait until it is drawn."""
    page.goto(f"{url}/{path}{'&' if '?' in path else '?'}lang={language}")
    wait_at_rest(page)


def find_customer(page: Page, url: str, language: str) -> str:
    """The path of the story to show: most at risk among those with feedback and a message, or simply most at risk."""
    found: list[str] = []
    for path in ("customers?sentiment=negative&consent=retention_offers:yes", "customers"):
        open_page(page, url, path, language)
        links = page.locator("tbody a").all()[:TRIES]
        found += [(link.get_attribute("href") or "customer").split("&lang=")[0] for link in links]
    for path in found:
        open_page(page, url, path, language)
        if page.locator("blockquote").count():
            return path
    if not found:
        raise SystemExit("The dashboard lists no customer: start a run first (make run).")
    return found[0]


def take_review(page: Page, url: str, file: Path, language: str, whole: bool) -> None:
    """The first case of the queue as a reviewer has it before them, or what the page says instead of one."""
    open_page(page, url, "review", language)
    following = page.locator("[class*='st-key-next-'] button")
    if following.count():
        following.click()
        page.locator(".v blockquote, .v .empty").first.wait_for()
        wait_at_rest(page)
    take(page, file, whole)
    back = page.locator(".st-key-release button")
    if back.count():
        back.click()
        wait_at_rest(page)


def take(page: Page, file: Path, whole: bool) -> None:
    """Write what a window shows, or the page from top to bottom."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    if whole:
        # Streamlit scrolls an inner element, so the window itself has to grow.
        main = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
        page.set_viewport_size({"width": WIDTH, "height": max(HEIGHT, int(page.evaluate(main)))})
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)
    page.screenshot(path=file)
    print(f"{file}  {file.stat().st_size // 1024} kB")


def take_all(browser: Browser, url: str, out: Path, language: str, whole: bool) -> None:
    """All pictures, one window."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="Europe/Paris")
    page.set_default_timeout(60_000)
    paths = {name: "" if name == "overview" else name for name in (PAGES if whole else ("overview", "audit"))}
    paths["customer"] = find_customer(page, url, language)
    for name, path in paths.items():
        open_page(page, url, path, language)
        take(page, out / (f"{name}-{language}.png" if whole else f"{name}.png"), whole)
    take_review(page, url, out / (f"review-{language}.png" if whole else "review.png"), language, whole)


def main() -> None:
    """Read the arguments, take the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of a running dashboard.")
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--language", choices=("en", "fr"), default="en")
    parser.add_argument("--all", action="store_true", help="every page, whole, named by page and language")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with browser_or_reason() as browser:
        if isinstance(browser, str):
            raise SystemExit(browser)
        take_all(browser, urljoin(asked.url, ".").rstrip("/"), asked.out, asked.language, asked.all)


if __name__ == "__main__":
    main()
