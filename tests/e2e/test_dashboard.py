"""The dashboard as a person sees it, in a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import browser_or_reason, wait_at_rest
from tests.e2e.dashboard_bank import (
    bank_server,
    fill_bank,
    prepare_database,
    running_dashboard,
    secret_of,
    secret_store,
)

PATIENCE_MS = 60_000
PATHS = ("", "customers", "review", "campaigns", "offers", "audit", "runs", "governance", "claims", "model")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_or_reason() as browser:
        if isinstance(browser, str):
            if os.environ.get("CI") == "true":
                pytest.fail(browser)
            pytest.skip(browser)
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with bank_server() as server:
        fill_bank(server, customers=160)
        prepare_database(server, "nothing_yet")
        secrets = {
            "vigie/database/dashboard": secret_of(server, "vigie"),
            "nothing": secret_of(server, "nothing_yet"),
        }
        with secret_store(secrets) as store, running_dashboard(store) as address:
            yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", timezone_id="Europe/Paris", viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield context.new_page()
    context.close()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_french_browser_gets_french_and_can_switch_to_english(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(".v h1")).to_have_text("Vue d’ensemble")
    expect(page.get_by_text("Risque élevé de départ")).to_be_visible()
    page.get_by_text("English", exact=True).click()
    expect(page.locator(".v h1")).to_have_text("Overview")
    expect(page).to_have_url(re.compile("lang=en"))


def test_filters_narrow_the_list_and_stay_in_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}/customers")
    expect(page.locator("tbody tr")).to_have_count(25)
    choose(page, "Risque", "Moyen")
    expect(page.locator("tbody tr .pill", has_text="Élevé")).to_have_count(0)
    expect(page.locator("tbody tr .pill", has_text="Moyen").first).to_be_visible()
    expect(page).to_have_url(re.compile("segment=Medium"))
    listed = page.locator("tbody tr").count()
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(listed)


def test_a_search_without_accents_finds_the_name_and_opens_the_whole_story(page: Page, address: str) -> None:
    page.goto(f"{address}/customers")
    page.get_by_label("Rechercher").fill("helene lefevre")
    page.get_by_label("Rechercher").press("Enter")
    found = page.locator("tbody a").first
    expect(found).to_have_text("Hélène Lefèvre")
    found.click()
    expect(page.locator(".v h1")).to_have_text("Hélène Lefèvre")
    expect(page.get_by_role("heading", name="Tout ce qui s’est passé, dans l’ordre")).to_be_visible()
    expect(page.locator("ol.time")).to_contain_text("Prédiction enregistrée")


def test_a_call_is_shown_by_its_hash_and_counts_and_without_what_was_sent(page: Page, address: str) -> None:
    page.goto(f"{address}/customers?sentiment=negative&lang=en")
    page.locator("tbody a").first.click()
    call = page.locator("details", has_text="SHA-256").first
    call.locator("summary").click()
    expect(call.locator("code").first).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("<NAME_1>")
    expect(page.get_by_text("Read what was sent").first).to_be_visible()


def test_the_audit_log_is_paged_filtered_and_downloaded(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/audit?lang=en&status=refused")
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("refused")
    newest = first.inner_text()
    page.get_by_role("button", name="Older").click()
    expect(page.get_by_text("page 2")).to_be_visible()
    assert page.locator("tbody tr").first.inner_text() != newest
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "audit.csv")
    lines = (tmp_path / "audit.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("event_id,occurred_at,run_id")
    assert all(",refused," in line for line in lines[1:])


def test_no_page_asks_anything_of_another_machine(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    for path in PATHS:
        page.goto(f"{address}/{path}")
        wait_at_rest(page)
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
    assert any("_stcore/stream" in url for url in asked)


def test_the_dashboard_listens_on_this_machine_only_and_offers_no_developer_menu(page: Page, address: str) -> None:
    page.goto(address)
    wait_at_rest(page)
    expect(page.get_by_text("Deploy", exact=True)).to_have_count(0)
    expect(page.get_by_test_id("stMainMenu")).to_have_count(0)


def test_a_narrow_window_cuts_nothing_off(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    for path in PATHS:
        page.goto(f"{address}/{path}")
        wait_at_rest(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, path
