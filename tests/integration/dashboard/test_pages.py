"""The dashboard's pages on a real database, without a browser."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg2
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.audit_queries import AuditFilter, list_events
from dashboard.connection import Database
from dashboard.csv_export import write_csv
from dashboard.errors import SchemaMissingError
from tests.e2e.dashboard_bank import (
    ROOT,
    SecretStore,
    bank_server,
    dashboard_environment,
    fill_bank,
    prepare_database,
    secret_of,
    secret_store,
)
from vigie_local.postgres import PostgresServer

NAME = "vigie/database/dashboard"
OFFICER = "vigie/database/officer"
PAGES = ("overview", "customers", "customer", "audit", "runs", "governance", "claims", "model")
CUSTOMERS = 200


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with bank_server() as server:
        fill_bank(server, customers=CUSTOMERS)
        prepare_database(server, "nothing_yet")
        yield server


@pytest.fixture
def store(server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SecretStore]:
    st.cache_data.clear()
    st.cache_resource.clear()
    with secret_store({NAME: secret_of(server, "vigie")}) as store:
        for name, value in dashboard_environment(store, tmp_path).items():
            if name.startswith(("AWS_", "VIGIE_")):
                monkeypatch.setenv(name, value)
        yield store


def customer_id(number: int) -> str:
    return str(UUID(hashlib.md5(f"customer {number}".encode()).hexdigest()))


def open_page(name: str, **parameters: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard" / "streamlit_app.py"), default_timeout=60)
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    if name != "overview":
        app.switch_page(f"app_pages/{name}.py")
        for key, value in parameters.items():
            app.query_params[key] = value
        app.run()
    assert not app.exception
    return app


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def text(app: AppTest) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html(app)))


def rows(app: AppTest) -> list[str]:
    body = html(app).split("<tbody>", 1)[-1]
    return [re.sub(r"<[^>]+>", " ", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_opens_in_both_languages(store: SecretStore, page: str, language: str) -> None:
    app = open_page(page, lang=language, id=customer_id(124))
    assert "<h1>" in html(app)
    assert "panel error" not in html(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_to_do_when_there_is_no_data(
    store: SecretStore, server: PostgresServer, page: str
) -> None:
    store.secrets[NAME] = secret_of(server, "nothing_yet")
    app = open_page(page, lang="en")
    assert "panel error" not in html(app)
    if page in ("overview", "customers", "runs"):
        assert "make run" in text(app)


def test_the_overview_counts_who_was_left_out_for_want_of_consent(store: SecretStore) -> None:
    told = text(open_page("overview", lang="en"))
    assert "Customers in the run 200 12 left out: no consent to profiling" in told
    assert "Feedback analysed 152 30 not read: no consent" in told
    assert "Predicted 196" in told


def test_drivers_are_named_as_the_contract_names_them(store: SecretStore) -> None:
    assert "Réclamations en 90 jours" in text(open_page("overview", lang="fr"))


def test_customers_are_listed_by_risk_and_filters_narrow_the_list(store: SecretStore) -> None:
    app = open_page("customers", lang="en")
    shares = [int(found) for found in re.findall(r"(\d+)%", " ".join(rows(app)))]
    assert shares == sorted(shares, reverse=True)
    assert len(rows(app)) == 25
    app.selectbox("segment").select("Medium").run()
    app.selectbox("language").select("fr").run()
    assert rows(app)
    assert all("Medium" in row and "French" in row and "High" not in row for row in rows(app))
    assert dict(app.query_params)["segment"] == "Medium"


def test_a_consent_filter_lists_only_those_without_it(store: SecretStore) -> None:
    app = open_page("customers", lang="en", consent="feedback_analysis:no", run="weekly-2026-47")
    assert len(rows(app)) == 25
    assert not any(re.search(r"\bfeedback\b", row) for row in rows(app))


@pytest.mark.parametrize("search", ["lefevre", "LEFÈVRE", "Hélène Lefevre", "lefèvre hel"])
def test_a_search_ignores_accents_case_and_order(store: SecretStore, search: str) -> None:
    found = rows(open_page("customers", lang="en", search=search))
    assert found
    assert all("Lefèvre" in row for row in found)


@pytest.mark.parametrize("search", ["C000123", customer_id(123), customer_id(123).upper()])
def test_a_search_finds_a_number_or_an_id(store: SecretStore, search: str) -> None:
    found = rows(open_page("customers", lang="en", search=search))
    assert ["C000123" in row for row in found] == [True]


def test_signs_of_a_pattern_are_searched_as_they_are(store: SecretStore) -> None:
    assert "Nothing matches" in text(open_page("customers", lang="en", search="%"))


def test_pages_follow_each_other_without_gap_or_repetition(store: SecretStore) -> None:
    app = open_page("customers", lang="en")
    seen = rows(app)
    while not app.button[1].disabled:
        app.button[1].click().run()
        seen += rows(app)
    assert (len(seen), len(set(seen))) == (196, 196)


def test_a_customers_story_shows_all_that_happened_and_hides_the_feedbacks_words(store: SecretStore) -> None:
    app = open_page("customer", lang="fr", id=customer_id(124))
    told = text(app)
    parts = (
        "Linh", "Solde en baisse de 42 % sur six mois", "réduit modérément", "SHA-256",
        "Consentement donné : Profilage", "Action enregistrée", "règles locales, sur cette machine",
    )  # fmt: skip
    assert [part for part in parts if part not in told] == []
    assert "CANARY" not in told
    assert "@example.org" not in told
    assert "NAME_1" not in told


def readings(server: PostgresServer) -> list[tuple[str, str]]:
    with server.connect("vigie") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT agent, details ->> 'reason' FROM audit_log WHERE event_type = 'PROMPT_READ'")
        found = cursor.fetchall()
    connection.close()
    return found


def test_what_was_sent_is_shown_for_a_reason_that_the_trail_keeps(store: SecretStore, server: PostgresServer) -> None:
    store.secrets[OFFICER] = secret_of(server, "vigie", role="officer")
    app = open_page("customer", lang="en", id=customer_id(124))
    app.button(key="FormSubmitter:reading-Record the reading and show the text").click().run()
    assert "NAME_1" not in text(app)  # no reason was chosen
    assert readings(server) == []
    next(box for box in app.selectbox if box.label == "Reason").select("complaint")
    app.button(key="FormSubmitter:reading-Record the reading and show the text").click().run()
    assert not app.exception
    assert "&lt;NAME_1&gt;" in text(app)
    assert readings(server) == [("officer", "complaint")]


def test_who_has_no_officer_s_secret_reads_nothing(store: SecretStore, server: PostgresServer) -> None:
    before = readings(server)
    app = open_page("customer", lang="en", id=customer_id(124))
    next(box for box in app.selectbox if box.label == "Reason").select("incident")
    app.button(key="FormSubmitter:reading-Record the reading and show the text").click().run()
    assert "NAME_1" not in text(app)
    assert OFFICER in text(app)
    assert readings(server) == before


def test_the_story_runs_from_the_oldest_event_to_the_newest(store: SecretStore) -> None:
    told = html(open_page("customer", lang="en", id=customer_id(124)))
    told = told[told.index('<ol class="time">') :]
    order = ("Consent given: Profiling", "Feedback received", "weekly-2026-45", "weekly-2026-46", "weekly-2026-47")
    places = [told.index(what) for what in order]
    assert places == sorted(places)
    assert told.rindex("Action stored") > told.rindex("Prediction stored") > told.rindex("Analysis stored")


def test_the_story_can_be_narrowed_to_one_run(store: SecretStore) -> None:
    app = open_page("customer", lang="en", id=customer_id(124), scope="weekly-2026-46")
    told = html(app)[html(app).index('<ol class="time">') :]
    assert "weekly-2026-46" in told
    assert "weekly-2026-47" not in told


def test_a_withheld_consent_is_shown_as_the_reason(store: SecretStore) -> None:
    told = text(open_page("customer", lang="en", id=customer_id(105)))
    assert "No analysis in this run: no consent" in told


def test_an_unknown_customer_leads_back_to_the_list(store: SecretStore) -> None:
    assert "No such customer" in text(open_page("customer", lang="en", id=str(UUID(int=1))))


def test_the_audit_log_is_filtered_by_event_status_and_customer(store: SecretStore) -> None:
    app = open_page("audit", lang="en", event="CONSENT_CHECK", status="refused")
    assert rows(app)
    assert all("Consent checked" in row and "refused" in row for row in rows(app))
    app = open_page("audit", lang="en", customer="C000124", run="weekly-2026-47")
    assert len(rows(app)) == 10
    assert "Nothing matches" in text(open_page("audit", lang="en", customer="C999999"))


def test_audit_pages_follow_each_other_without_gap_or_repetition(store: SecretStore) -> None:
    app = open_page("audit", lang="en", event="ACTION_SAVED", run="weekly-2026-47")
    ids = re.findall(r"Event id</dt><dd><code>([^<]+)", html(app))
    while not app.button[1].disabled:
        app.button[1].click().run()
        ids += re.findall(r"Event id</dt><dd><code>([^<]+)", html(app))
    assert (len(ids), len(set(ids))) == (196, 196)


def test_the_download_holds_the_filtered_events(store: SecretStore) -> None:
    events = list_events(Database(), AuditFilter(run_id="weekly-2026-47", status="refused"), 1000)
    written = list(csv.DictReader(write_csv(events).decode("utf-8-sig").splitlines()))
    assert len(written) == len(events) > 30
    assert {row["status"] for row in written} == {"refused"}


def test_a_runs_accounts_add_up_and_its_gaps_are_named(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-46"))
    assert told.count("adds up") == 3
    assert told.count("log line missing") == 2
    assert "no consent × 30" in told


def test_a_run_says_where_its_calls_go(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-46"))
    groq = "Groq Address https://api.groq.com/openai/v1 Language model openai/gpt-oss-20b"
    assert f"Recipient of the calls {groq}" in told
    told = text(open_page("runs", lang="fr", run="weekly-2026-45"))
    rules = "règles locales, sur cette machine Adresse http://127.0.0.1:4570/openai/v1"
    assert f"Destinataire des appels {rules} Modèle de langage vigie-local-rules" in told
    # Planned before it was frozen.
    assert "Recipient of the calls" not in text(open_page("runs", lang="en", run="weekly-2026-47"))


def test_messages_that_were_given_up_are_listed_with_their_run(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-46"))
    assert re.search(r"vigie-action-dlq Decide on an action 3 every delivery failed weekly-2026-46--again", told)
    assert "vigie-nlp-dlq Analyse feedback – cannot be read –" in told
    assert "vigie-action-dlq" not in text(open_page("runs", lang="en", run="weekly-2026-47"))
    assert "Messages abandonnés" in text(open_page("runs", lang="fr", run="weekly-2026-46"))


def test_what_was_made_without_a_lost_analysis_is_marked_on_every_page_that_shows_it(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-46"))
    assert "language model unavailable × 2" in told
    assert re.search(r"Risk found without the analysis (High|Medium|Low) \d.* Customers to take up again 0", told)
    assert "Taken up again by weekly-2026-46--again" in told
    assert "Lost analyses" not in text(open_page("runs", lang="en", run="weekly-2026-47"))
    assert "2 analyses lost" in text(open_page("overview", lang="en", run="weekly-2026-46"))
    assert "analyses perdues" in text(open_page("overview", lang="fr", run="weekly-2026-46"))
    listed = rows(open_page("customers", lang="en", run="weekly-2026-46", sentiment="lost"))
    assert len(listed) == 2
    assert all("Analysis lost" in row for row in listed)


def test_a_customer_s_page_says_why_the_analysis_is_missing_and_which_run_made_it_anew(store: SecretStore) -> None:
    told = text(open_page("customer", lang="en", id=customer_id(50), run="weekly-2026-46"))
    assert "Made without the feedback analysis" in told
    assert "(language model unavailable): the probability is that of a customer who wrote nothing" in told
    assert "Made anew in weekly-2026-47" in told
    assert "Made without" not in text(open_page("customer", lang="en", id=customer_id(50), run="weekly-2026-47"))
    assert "Refait dans" in text(open_page("customer", lang="fr", id=customer_id(50), run="weekly-2026-46"))


def test_drift_alarms_come_first(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-47"))
    assert told.index("0.287 alarm") < told.index("0.132 warning") < told.index("0.041 ok")


def test_rates_by_group_have_a_panel_of_their_own_in_the_managers_words(store: SecretStore) -> None:
    told = text(open_page("runs", lang="en", run="weekly-2026-47"))
    assert "Products held: three Share at medium or high risk 0.612 warning" in told
    assert told.index("Across declared groups") < told.index("Products held: three")


def test_governance_shows_consents_egress_and_seal(store: SecretStore) -> None:
    told = text(open_page("governance", lang="en"))
    assert re.search(r"Feedback analysis 85% +170 +14 +16", told)
    assert "local rules on this machine" in told
    assert re.search(r"Events sealed [\d,]+", told)


def test_a_missing_secret_is_reported_with_its_remedy(store: SecretStore) -> None:
    store.secrets.clear()
    told = text(open_page("overview", lang="en"))
    assert NAME in told
    assert "make deploy-local" in told


def test_an_unreachable_database_is_reported_with_its_address_and_never_its_password(
    store: SecretStore, server: PostgresServer
) -> None:
    store.secrets[NAME] = secret_of(server, "vigie", password="wrong-password")
    told = text(open_page("overview", lang="fr"))
    assert f"127.0.0.1:{server.port}" in told
    assert "wrong-password" not in told


def test_the_dashboards_role_cannot_write_nor_read_feedback(store: SecretStore) -> None:
    for sql in ("SELECT text FROM feedback", "SELECT scorer FROM model_registry"):
        with pytest.raises(SchemaMissingError):
            Database().fetch(sql)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        Database().fetch("DELETE FROM actions")


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("fr", ("sujets : ", "phrases relues, choisies par le modèle de langage",
                "Le facteur qui pèse le plus dans la prévision a guidé le choix.")),
        ("en", ("about: ", "reviewed sentences, chosen by the language model",
                "The factor that weighs most in the prediction guided the choice.")),
    ],
)  # fmt: skip
def test_analysis_and_reason_are_told_in_the_reader_s_language(
    store: SecretStore, language: str, parts: tuple[str, ...]
) -> None:
    told = text(open_page("customer", lang=language, id=customer_id(124))).replace("\u00a0", " ")
    assert [part for part in parts if part not in told] == []


def test_a_draft_is_shown_as_what_it_is(store: SecretStore, server: PostgresServer) -> None:
    connection = server.connect("vigie")
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE runs SET wording = 'drafted' WHERE run_id = 'weekly-2026-47'")
        draft = "INSERT INTO drafts (run_id, customer_id, message, findings) VALUES ('weekly-2026-47', %s, %s, %s)"
        cursor.execute(draft, (customer_id(124), "A <b>draft</b> of mine", []))
    connection.close()
    told = html(open_page("customer", lang="en", id=customer_id(124), run="weekly-2026-47"))
    shown = told[told.index("Draft by the language model, not reviewed") :]
    assert "A &lt;b&gt;draft&lt;/b&gt; of mine" in shown
