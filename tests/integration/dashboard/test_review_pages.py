"""Review, Campaigns and Offers on a real database, without a browser: every state, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import acting, review_session
from dashboard.errors import DatabaseUnreachableError, OutcomeUnknownError, RefusedError, SecretMissingError
from dashboard.role_calls import RoleCalls
from tests.e2e.dashboard_bank import (
    ROOT,
    SecretStore,
    bank_server,
    dashboard_environment,
    fill_bank,
    fill_campaign,
    prepare_database,
    reviewing_secrets,
    secret_of,
    secret_store,
)
from tests.integration.dashboard.test_pages import html, rows, text
from vigie.secrets import DatabaseSecret
from vigie_local.postgres import PostgresServer

PAGES = ("review", "campaigns", "offers")
REVIEWER, OTHER, SECOND = "demo-reviewer", "other-reviewer", "demo-second"
DOOR = "vigie/database/reviewer"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with bank_server() as server:
        fill_bank(server, customers=300)
        fill_campaign(server)
        prepare_database(server, "nothing_yet")
        yield server


@pytest.fixture
def store(server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SecretStore]:
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setattr(review_session, "LEAST_SECONDS", 0)
    # As dashboard/.streamlit/config.toml says when Streamlit is started on dashboard/server.py.
    monkeypatch.setattr(acting, "is_on_this_machine", lambda: True)
    query(server, "DELETE FROM review_claims RETURNING 1")
    with secret_store(reviewing_secrets(server)) as store:
        for name, value in dashboard_environment(store, tmp_path).items():
            if name.startswith(("AWS_", "VIGIE_")):
                monkeypatch.setenv(name, value)
        yield store


def query(server: PostgresServer, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    connection = server.connect("vigie")
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        found = cursor.fetchall()
    connection.close()
    return found


def open_page(name: str, **parameters: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard" / "streamlit_app.py"), default_timeout=60)
    app.query_params["lang"] = parameters.get("lang", "en")
    app.run()
    app.switch_page(f"app_pages/{name}.py")
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def act_as(app: AppTest, person: str) -> AppTest:
    app.selectbox(key="acting_as").select(person).run()
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    """Click the button whose key begins so, as its shortcut does."""
    next(button for button in app.button if (button.key or "").startswith(key)).click().run()
    assert not app.exception
    return app


def shown(app: AppTest) -> UUID:
    proposal = app.session_state["sitting"].proposal
    assert isinstance(proposal, UUID)
    return proposal


def state(server: PostgresServer, proposal: UUID) -> str:
    return str(query(server, "SELECT state FROM proposal_states WHERE proposal_id = %s", str(proposal))[0][0])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_opens_in_both_languages(store: SecretStore, page: str, language: str) -> None:
    told = html(open_page(page, lang=language))
    assert "<h1>" in told
    assert "panel error" not in told


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_says_what_to_do_when_there_is_no_data(
    store: SecretStore, server: PostgresServer, page: str, language: str
) -> None:
    store.secrets["vigie/database/dashboard"] = secret_of(server, "nothing_yet")
    app = open_page(page, lang=language)
    assert "panel error" not in html(app)
    assert ("make load-offers" if page == "offers" else "vigie campaigns open") in text(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_database_that_does_not_answer_is_named_with_its_remedy(
    store: SecretStore, server: PostgresServer, page: str
) -> None:
    store.secrets["vigie/database/dashboard"] = secret_of(server, "vigie", password="wrong-password")
    app = open_page(page, lang="en")
    assert f"127.0.0.1:{server.port}" in text(app)
    assert "wrong-password" not in text(app)


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("What would be sent", "Expected value", "Budget left", "used 40 days ago", "Why this customer",
                "“Products held” does not meet its condition", "Yours until")),
        ("fr", ("Ce qui serait envoyé", "Valeur attendue", "Budget restant", "offre utilisée il y a 40 jours",
                "Pourquoi ce client", "« Produits détenus » ne remplit pas sa condition", "À vous jusqu’au")),
    ],
)  # fmt: skip
def test_a_case_shows_what_there_is_to_decide_on_and_no_name(
    store: SecretStore, language: str, parts: tuple[str, ...]
) -> None:
    app = press(open_page("review", lang=language), "next-")
    told = text(app).replace("\u00a0", " ")
    assert [part for part in parts if part not in told] == []
    assert "Lefèvre" not in told
    assert "@example.org" not in told


def test_an_approval_binds_the_bytes_that_were_shown(store: SecretStore, server: PostgresServer) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    [(before,)] = query(server, "SELECT content_sha256 FROM proposal_states WHERE proposal_id = %s", str(proposal))
    assert before in html(app)
    press(app, "approve-")
    assert shown(app) != proposal
    [(decision, person, signed)] = query(
        server, "SELECT decision, person, content_sha256 FROM decisions WHERE proposal_id = %s", str(proposal)
    )
    assert (decision, person, signed) == ("approve", REVIEWER, before)
    assert state(server, proposal) in ("approved", "awaiting_second")


def test_a_rejection_asks_for_its_reason(store: SecretStore, server: PostgresServer) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    press(app, "reject-")
    assert all(button.disabled for button in app.button if (button.key or "").startswith(("approve-", "edit-")))
    press(app, "reason-vulnerable_customer")
    assert state(server, proposal) == "rejected"
    [(reason,)] = query(server, "SELECT reason FROM decisions WHERE proposal_id = %s", str(proposal))
    assert reason == "vulnerable_customer"


def test_an_undone_decision_comes_back(store: SecretStore, server: PostgresServer) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    press(app, "approve-")
    press(app, "undo-")
    assert state(server, proposal) == "open"
    assert "Your last decision is cancelled" in text(app)


def test_next_passes_a_case_over_and_keeps_the_claim(store: SecretStore, server: PostgresServer) -> None:
    app = press(open_page("review"), "next-")
    first = shown(app)
    press(app, "next-")
    assert shown(app) != first
    [(held,)] = query(server, "SELECT count(*) FROM review_claims WHERE proposal_id = %s", str(first))
    assert held == 1


def test_two_people_never_see_the_same_case(store: SecretStore) -> None:
    first = press(open_page("review"), "next-")
    second = press(act_as(open_page("review"), OTHER), "next-")
    assert shown(first) != shown(second)


def test_when_others_hold_everything_the_page_says_until_when(store: SecretStore, server: PostgresServer) -> None:
    query(
        server,
        "INSERT INTO review_claims (proposal_id, person, expires_at) SELECT proposal_id, %s, now() + interval '5 min'"
        " FROM proposal_states WHERE state IN ('open', 'awaiting_second') RETURNING 1",
        OTHER,
    )
    app = press(open_page("review"), "next-")
    assert "Others hold all that is left" in text(app)
    assert "D’autres tiennent tout ce qui reste" in text(open_page("review", lang="fr"))


def test_bytes_that_changed_void_the_approval_and_the_new_version_is_shown(
    store: SecretStore, server: PostgresServer
) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    change(server, proposal, "Hello, this is another message than the one that was read.")
    press(app, "approve-")
    told = text(app)
    assert "Offer, message or price changed since you opened the case" in told
    assert "another message than the one that was read" in told
    assert state(server, proposal) == "open"


def change(server: PostgresServer, proposal: UUID, message: str) -> None:
    """Write another version, as the owner could."""
    query(
        server,
        "INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording,"
        " author, nonce, content_sha256) SELECT v.proposal_id, v.version + 1, v.offer_id, v.channel, v.language, %s,"
        " v.price_eur, 'composed', 'action_agent', v.nonce, content_sha256(v.proposal_id, v.nonce, p.recipient_ref,"
        " v.offer_id, v.channel, v.price_eur, %s) FROM proposal_versions v JOIN proposals p USING (proposal_id)"
        " WHERE v.proposal_id = %s ORDER BY version DESC LIMIT 1 RETURNING 1",
        message, message, str(proposal),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Your claim on the case ended"), ("fr", "Votre réservation a pris fin et le cas est retourné")],
)
def test_a_claim_that_ended_is_said_and_nothing_is_decided(
    store: SecretStore, server: PostgresServer, language: str, said: str
) -> None:
    app = press(open_page("review", lang=language), "next-")
    proposal = shown(app)
    query(server, "UPDATE review_claims SET expires_at = now() - interval '1 s' RETURNING 1")
    press(app, "approve-")
    assert said in text(app)
    assert state(server, proposal) == "open"
    assert app.session_state["sitting"].case is None


def test_a_connection_lost_after_the_commit_counts_once(
    store: SecretStore, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    counted = "SELECT count(*) FROM decisions WHERE proposal_id = %s"
    [(before,)] = query(server, counted, str(proposal))
    call = RoleCalls.call

    def lose(calls: RoleCalls, sql: str, parameters: Any = None) -> Any:
        answer = call(calls, sql, parameters)
        if "decide(" in sql:
            raise OutcomeUnknownError
        return answer

    monkeypatch.setattr(RoleCalls, "call", lose)
    press(app, "approve-")
    assert "but your decision is on record" in text(app)
    assert query(server, counted, str(proposal)) == [(before + 1,)]
    assert shown(app) != proposal


def test_a_connection_lost_before_the_commit_is_said_and_not_tried_again(
    store: SecretStore, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(open_page("review"), "next-")
    proposal = shown(app)
    asked: list[str] = []
    call = RoleCalls.call

    def lose(calls: RoleCalls, sql: str, parameters: Any = None) -> Any:
        if "decide(" in sql:
            asked.append(sql)
            raise OutcomeUnknownError
        return call(calls, sql, parameters)

    monkeypatch.setattr(RoleCalls, "call", lose)
    press(app, "approve-")
    assert len(asked) == 1
    assert "your decision is not on record" in text(app)
    assert state(server, proposal) == "open"
    assert shown(app) == proposal


def test_a_first_approver_does_not_get_the_second_approval(store: SecretStore, server: PostgresServer) -> None:
    app = press(act_as(open_page("review"), SECOND), "next-")
    while (
        app.session_state["sitting"].state["state"] != "open" or not app.session_state["sitting"].state["needs_second"]
    ):
        press(app, "next-")
    proposal = shown(app)
    press(app, "approve-")
    assert state(server, proposal) == "awaiting_second"
    held = query(server, "SELECT 1 FROM review_claims WHERE proposal_id = %s", str(proposal))
    assert held == []
    with pytest.raises(RefusedError):
        RoleCalls("second_reviewer").call("SELECT open_case(%(who)s, %(id)s)", {"who": SECOND, "id": proposal})


def test_plain_cases_are_approved_in_bulk_and_taken_back(store: SecretStore, server: PostgresServer) -> None:
    app = press(open_page("review"), "next-")
    app.segmented_control(key="review_way").select("tab_bulk").run()
    assert "marked as approved in bulk" in text(app)
    boxes = [box for box in app.checkbox if (box.key or "").startswith("tick-")]
    assert len(boxes) >= 2
    for box in boxes[:2]:
        box.check()
    app.run()
    press(app, "bulk_approve")
    counted = (
        "SELECT count(*), count(DISTINCT bulk_id) FROM decisions WHERE bulk_id IS NOT NULL AND decision = 'approve'"
    )
    assert query(server, counted) == [(2, 1)]
    assert "2 approved in bulk" in text(app)
    press(app, "bulk_undo")
    assert query(server, "SELECT count(*) FROM decisions WHERE bulk_id IS NOT NULL AND decision = 'undo'") == [(2,)]


def test_a_slow_pace_is_said_and_reasons_come_before_the_score(store: SecretStore, server: PostgresServer) -> None:
    plain = "CREATE OR REPLACE FUNCTION review_pace(who text) RETURNS TABLE (slow boolean, reason text, most integer)"
    plain += " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS"
    connection = server.connect("vigie")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"{plain} $$ SELECT true, 'catch_rate'::text, 3 $$")
    try:
        app = press(open_page("review"), "next-")
        told = text(app)
        assert "Slower, please" in told
        assert told.index("Why this customer") < told.index("probability of leaving")
        assert query(server, "SELECT count(*) FROM review_claims WHERE person = %s", REVIEWER) == [(3,)]
        assert "Plus lentement" in text(open_page("review", lang="fr"))
    finally:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"{plain} $$ SELECT false, NULL::text, 20 $$")
        connection.close()


@pytest.mark.parametrize(("language", "said"), [("en", "Read only"), ("fr", "Lecture seule")])
def test_without_the_duty_s_secret_the_queue_is_read_only_and_says_why(
    store: SecretStore, language: str, said: str
) -> None:
    del store.secrets[DOOR]
    app = open_page("review", lang=language)
    assert said in text(app)
    assert DOOR in text(app)
    assert not [button for button in app.button if (button.key or "").startswith(("next-", "approve-"))]
    assert len(rows(app)) > 10


def test_a_dashboard_for_other_machines_that_signs_nobody_in_is_read_only(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "is_on_this_machine", lambda: False)
    app = open_page("review")
    assert "signs nobody in" in text(app)
    assert not [button for button in app.button if (button.key or "").startswith("next-")]


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "Sign in to decide"), ("stranger@example.org", "stranger@example.org is not among"),
     (SECOND, "Signed in as demo-second, second reviewer")],
)  # fmt: skip
def test_who_signs_in_acts_as_themselves_only(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setattr(acting, "signs_people_in", lambda: True)
    monkeypatch.setattr(acting, "signed_in_name", lambda: name)
    app = open_page("review")
    assert said in text(app)
    assert not [box for box in app.selectbox if box.key == "acting_as"]
    assert bool([b for b in app.button if (b.key or "").startswith("next-")]) is (name == SECOND)


def test_a_reviewer_s_door_refuses_a_second_reviewer_s_name(store: SecretStore) -> None:
    with pytest.raises(RefusedError) as caught:
        RoleCalls("reviewer").call("SELECT * FROM claim_proposals(%(who)s, 5, 'winter-keep')", {"who": SECOND})
    assert caught.value.values["code"] == "VG008"


def test_a_rotated_password_is_read_again_and_a_wrong_one_is_named(store: SecretStore, server: PostgresServer) -> None:
    secrets = [secret_of(server, "vigie", "old-password", "reviewer"), secret_of(server, "vigie", role="reviewer")]
    calls = RoleCalls(
        "reviewer", lambda name: DatabaseSecret.parse(name, secrets[0] if len(secrets) == 1 else secrets.pop(0))
    )
    assert calls.call("SELECT session_user AS who") == [{"who": "reviewer"}]
    wrong = RoleCalls("reviewer", lambda name: DatabaseSecret.parse(name, secret_of(server, "vigie", "no", "reviewer")))
    with pytest.raises(DatabaseUnreachableError):
        wrong.call("SELECT 1")


def test_a_server_that_goes_away_meanwhile_leaves_the_outcome_unknown(store: SecretStore) -> None:
    with pytest.raises(OutcomeUnknownError):
        RoleCalls("reviewer").call("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_missing_secret_is_named(store: SecretStore) -> None:
    store.secrets.clear()
    with pytest.raises(SecretMissingError):
        RoleCalls("reviewer").require_secret()


def test_the_dashboards_role_does_not_decide(store: SecretStore, server: PostgresServer) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, dbname="vigie", user="dashboard", password="for-this-test-only"
    )
    with connection, connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("SELECT * FROM claim_proposals(%s, 5, 'winter-keep')", (REVIEWER,))
    connection.close()


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("Winter 2026", "€2,500", "Expiring within 3 days", "Held out", "High 20.0%", "budget too short",
                "would have brought €1.37 of expected value", "Cannot tell yet", "Autumn 2026")),
        ("fr", ("Winter 2026", "2 500 €", "Expirent d’ici 3 jours", "Gardés pour comparaison", "Élevé 20,0 %",
                "budget insuffisant", "aurait rapporté 1,37 € de valeur attendue", "On ne peut pas encore le dire")),
    ],
)  # fmt: skip
def test_a_campaign_shows_budget_hold_out_and_what_waits(
    store: SecretStore, language: str, parts: tuple[str, ...]
) -> None:
    told = re.sub("[\u00a0\u202f]", " ", text(open_page("campaigns", lang=language)))
    assert [part for part in parts if part not in told] == []


def test_a_chart_of_the_hold_out_stands_beside_a_table(store: SecretStore) -> None:
    told = html(open_page("campaigns"))
    assert re.search(r"<caption>Who gets no offer", told)
    assert re.search(r'<th scope="col"[^>]*>Held out</th>|<th class="right" scope="col">Held out</th>', told)


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("A review of your loan terms", "second approval", "Products held: at least 2", "90 days", "measured",
                "assumed", "not today", "line: fees", "2026-10")),
        ("fr", ("Un réexamen de vos conditions de prêt", "seconde approbation", "Produits détenus : au moins 2",
                "90 jours", "mesuré", "supposé", "pas aujourd’hui", "ligne : fees", "2026-10")),
    ],
)  # fmt: skip
def test_offers_say_what_they_cost_and_to_whom_they_may_be_made(
    store: SecretStore, language: str, parts: tuple[str, ...]
) -> None:
    told = text(open_page("offers", lang=language)).replace("\u00a0", " ")
    assert [part for part in parts if part not in told] == []
