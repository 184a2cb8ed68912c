"""Measure how soon the dashboard shows its figures, with 100,000 customers and 1,000,000 audit events.

    PYTHONPATH=.:infra python -m tests.bench.dashboard_first_paint [--customers N] [--audit-rows N] [--json PATH]

Makes a PostgreSQL of its own, fills it (about a minute), starts the dashboard and opens its pages in Chromium. "First
paint" is the time from the request to the page's own content being in the document and the script at rest; "shell" is
the browser's own first-contentful-paint. Each page is opened in a browser without cache, so that scripts and data are
fetched afresh; the first opening of the first page also makes the dashboard's first connection.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.browser import browser_or_reason, wait_at_rest
from tests.e2e.dashboard_bank import bank_server, fill_bank, running_dashboard, secret_of, secret_store

PAGES = {
    "overview": "",
    "customers": "customers",
    "search": "customers?search=lefevre",
    "audit": "audit",
    "runs": "runs",
    "governance": "governance",
}
ROUNDS = 5


def measure_page(browser: Browser, address: str) -> tuple[float, float, float]:
    """Seconds until the browser paints anything, until the page's content shows, and until it is complete."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".v .card .figure, .v tbody tr", timeout=60_000)
    content = time.perf_counter() - start
    wait_at_rest(page)
    complete = time.perf_counter() - start
    shell = float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")) / 1000
    context.close()
    return shell, content, complete


def measure(browser: Browser, address: str, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Figures of every page: the very first opening, and the median of the following ones, in seconds."""
    figures: dict[str, dict[str, float]] = {}
    say(f"{'page':<12}{'first opening':>15}{'then: shell':>13}{'content':>9}{'complete':>10}   seconds")
    for name, path in PAGES.items():
        rounds = [measure_page(browser, f"{address}/{path}") for _ in range(ROUNDS)]
        shell, content, complete = (statistics.median(values) for values in zip(*rounds[1:], strict=True))
        figures[name] = {
            "first_content_s": round(rounds[0][1], 3),
            "shell_s": round(shell, 3),
            "content_s": round(content, 3),
            "complete_s": round(complete, 3),
        }
        say(f"{name:<12}{rounds[0][1]:>15.2f}{shell:>13.2f}{content:>9.2f}{complete:>10.2f}")
    return figures


def main() -> None:
    """Fill, start, measure, report."""
    parser = argparse.ArgumentParser(description="Time from request to figures, in a browser.")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--audit-rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    asked = parser.parse_args()
    with browser_or_reason() as browser, bank_server() as server:
        if isinstance(browser, str):
            raise SystemExit(browser)
        print(f"filling {asked.customers:,} customers and {asked.audit_rows:,} audit events …", flush=True)
        fill_bank(server, customers=asked.customers, audit_rows=asked.audit_rows)
        secrets = {"vigie/database/dashboard": secret_of(server, "vigie")}
        with secret_store(secrets) as store, running_dashboard(store) as address:
            figures = measure(browser, address, print)
    if asked.json:
        written = {"customers": asked.customers, "audit_rows": asked.audit_rows, "pages": figures}
        asked.json.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
