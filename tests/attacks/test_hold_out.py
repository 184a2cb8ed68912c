"""Attacks on a campaign's hold-out: by the action agent's own role, by the planner's, by an operator, by the owner."""

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from tests.integration.campaigning import OPERATOR, begin, open_campaign, seal, terms
from tests.integration.conftest import Bank, customer
from vigie_operations.campaigns import draw

ACTION = """
INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message)
SELECT %(run)s, %(customer)s, 'Medium', 'catalogue', 'ModelUnavailable', offer_id, 'en', ARRAY[offer_id], message_en
FROM offers WHERE offer_id = 'advisor_call'
"""
ARBITRATION = """
INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur)
VALUES (%(run)s, %(customer)s, 'proposed', 'advisor_call', %(channel)s, 10, %(cost)s)
"""
PROPOSAL = """
INSERT INTO proposals (campaign_id, run_id, customer_id, expires_at)
VALUES (%(campaign)s, %(run)s, %(customer)s, clock_timestamp() + interval '1 day')
"""
ARMS = "SELECT customer_id, held_out FROM holdout_arms(%s, %s::uuid[], %s::text[])"
CAMPAIGN, RUN = "test", "campaign-run"
NUMBERS = range(1, 41)


@pytest.fixture(scope="module", autouse=True)
def a_campaign_run(bank: Bank) -> None:
    bank.approve_model()
    for number in NUMBERS:
        bank.add_customer(number)
    begin(bank, CAMPAIGN, holdout_share=0.4)
    bank.plan(RUN, list(NUMBERS))
    bank.query("UPDATE runs SET campaign_id = %s WHERE run_id = %s", CAMPAIGN, RUN)


def arms(bank: Bank, numbers: Any = NUMBERS, run_id: str = RUN) -> dict[UUID, bool]:
    asked = [customer(number) for number in numbers]
    return dict(bank.query(ARMS, run_id, asked, ["Medium"] * len(asked), role="action_agent"))


def attempt(bank: Bank, sql: str, who: UUID, role: str = "action_agent", **more: Any) -> str | None:
    """Try a statement; return the code with which the database refuses it."""
    given = {"run": RUN, "campaign": CAMPAIGN, "customer": who, "channel": "phone", "cost": 25} | more
    connection = bank.connect(role)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
        return None
    except psycopg2.Error as error:
        return error.pgcode
    finally:
        connection.rollback()
        connection.close()


def test_skipping_the_draw_does_not_help(bank: Bank) -> None:
    """Nobody has an arm yet: neither an action nor an arbitration with an offer is taken."""
    if bank.query("SELECT 1 FROM campaign_members WHERE customer_id = %s", customer(40)):
        pytest.skip("drawn by another test of this module")
    assert attempt(bank, ACTION, customer(40)) == "VG009"
    assert attempt(bank, ARBITRATION, customer(40)) == "VG009"


@pytest.mark.parametrize("role", ["action_agent", "owner"])
def test_a_held_out_customer_gets_neither_action_nor_arbitration(bank: Bank, role: str) -> None:
    drawn = arms(bank)
    held = [who for who, is_held in drawn.items() if is_held]
    treated = [who for who, is_held in drawn.items() if not is_held]
    assert held
    assert {attempt(bank, ACTION, who, role) for who in held} == {"VG009"}
    assert {attempt(bank, ARBITRATION, who, role) for who in held} == {"VG009"}
    assert attempt(bank, ACTION, treated[0], role) is None
    assert attempt(bank, ARBITRATION, treated[0], role) is None


def test_nothing_is_proposed_to_who_is_held_out_whoever_asks(bank: Bank) -> None:
    for who, is_held in arms(bank).items():
        assert attempt(bank, PROPOSAL, who, "owner") == ("VG009" if is_held else None)


def test_no_agent_changes_an_arm_reads_the_key_or_writes_another_price(bank: Bank) -> None:
    who = next(who for who, is_held in arms(bank).items() if not is_held)
    for role in ("action_agent", "planner", "operator", "reviewer"):
        for sql in (
            "UPDATE campaign_members SET held_out = false",
            "DELETE FROM campaign_members",
            "INSERT INTO campaign_members VALUES (%(campaign)s, %(customer)s, 'High', 0.9, false)",
            "SELECT key FROM campaign_keys",
            "SELECT holdout_draws('a', 'b', '{}')",
            "UPDATE campaigns SET holdout_share = 0",
        ):
            assert attempt(bank, sql, who, role) == "42501", (role, sql)
    assert attempt(bank, "SELECT holdout_key(%(campaign)s)", who, "operator") == "VG009"
    assert attempt(bank, ARBITRATION, who, cost=1) == "VG009"
    assert attempt(bank, ARBITRATION, who, channel="letter") == "VG009"


def test_asking_for_another_segment_or_again_moves_nobody(bank: Bank) -> None:
    before = arms(bank)
    asked = [customer(number) for number in NUMBERS]
    assert dict(bank.query(ARMS, RUN, asked, ["High"] * len(asked), role="action_agent")) == before


def test_a_run_of_no_campaign_and_a_stranger_get_no_arm(bank: Bank) -> None:
    bank.plan("plain", [1])
    with pytest.raises(psycopg2.Error, match="belongs to no campaign"):
        arms(bank, [1], "plain")
    bank.add_customer(99)
    assert arms(bank, [99]) == {}


def test_the_draw_is_an_hmac_of_the_key_that_was_committed_to(bank: Bank) -> None:
    arms(bank)
    [(key, commitment, event)] = bank.query(
        "SELECT key, holdout_commitment, opened_event FROM campaigns JOIN campaign_keys USING (campaign_id)"
        " WHERE campaign_id = %s", CAMPAIGN,
    )  # fmt: skip
    [(said,)] = bank.query("SELECT details FROM audit_log WHERE event_id = %s", event)
    assert said["holdout_commitment"] == commitment == hashlib.sha256(key).hexdigest()
    for who, drawn in bank.query("SELECT customer_id, draw FROM campaign_members WHERE campaign_id = %s", CAMPAIGN):
        digest = hmac.new(bytes(key), b"test\0" + str(who).encode(), "sha256").digest()
        assert drawn == draw(bytes(key), CAMPAIGN, str(who)) == (int.from_bytes(digest[:8]) >> 11) / 2**53


def test_the_terms_are_those_of_the_event(bank: Bank) -> None:
    """Anybody who is given the terms' text can hash it."""
    [(text, kept, said)] = bank.query(
        "SELECT campaign_terms(c, k.sha256), c.terms_sha256, l.details FROM campaigns c"
        " JOIN catalogues k ON k.version = c.catalogue_version JOIN audit_log l ON l.event_id = c.opened_event"
        " WHERE campaign_id = %s", CAMPAIGN,
    )  # fmt: skip
    assert said["terms_sha256"] == kept == hashlib.sha256(text.encode()).hexdigest()
    assert "holdout_share: 0.4" in text.splitlines()


@pytest.mark.parametrize(
    "change",
    ["budget_eur = 1", "contract = 'other'", "ends_on = '2100-01-01'", "name = 'Other'", "catalogue_version = 'other'",
     "holdout_commitment = repeat('a', 64)", "second_above_eur = 9", "planted_share = 0", "opened_at = now()"],
)  # fmt: skip
def test_not_even_the_owner_changes_what_is_frozen(bank: Bank, change: str) -> None:
    assert (
        attempt(bank, f"UPDATE campaigns SET {change} WHERE campaign_id = %(campaign)s", customer(1), "owner")
        == "42501"
    )
    for gone in ("DELETE FROM campaigns", "TRUNCATE campaigns CASCADE", "UPDATE campaign_keys SET key = key"):
        assert attempt(bank, gone, customer(1), "owner") == "42501"


def test_a_run_in_an_unsealed_or_another_s_campaign_is_refused(bank: Bank) -> None:
    begin(bank, "other")
    bank.query("SELECT close_campaign(%s, 'other')", OPERATOR, role="operator")
    open_campaign(bank, terms("fresh", "v-other"))
    bank.plan("of-nobody", [1])
    into = "UPDATE runs SET campaign_id = %(name)s WHERE run_id = 'of-nobody'"
    for name in ("other", "fresh"):
        assert attempt(bank, into, customer(1), "owner", name=name) == "VG009"
    seal(bank)
    assert attempt(bank, into, customer(1), "owner", name="fresh") is None


def test_raising_the_share_adds_and_lowering_frees_in_the_order_of_draws(bank: Bank) -> None:
    begin(bank, "moved", holdout_share=0.2)
    bank.plan("moved-run", list(NUMBERS))
    bank.query("UPDATE runs SET campaign_id = 'moved' WHERE run_id = 'moved-run'")
    held = {share: held_at(bank, share) for share in (None, 0.4, 0.5, 0.3, 0.1, 0)}
    assert held[0.4] >= held[None]
    assert held[0.5] >= held[0.4] >= held[0.3] >= held[0.1]
    assert held[0] == set()
    for share, found in held.items():
        drawn = bank.query(
            "SELECT customer_id FROM campaign_members WHERE campaign_id = 'moved' AND draw < %s", share or 0
        )
        assert share is None or found == {row[0] for row in drawn}


def held_at(bank: Bank, share: float | None) -> set[UUID]:
    if share is None:
        return {who for who, is_held in arms(bank, run_id="moved-run").items() if is_held}
    changes = json.dumps({"holdout_share": share})
    bank.query("SELECT change_campaign(%s, 'moved', %s)", OPERATOR, changes, role="operator")
    return {who for who, is_held in arms(bank, run_id="moved-run").items() if is_held}


def test_who_was_contacted_is_not_moved_and_marked(bank: Bank) -> None:
    begin(bank, "kept", holdout_share=0)
    bank.plan("kept-run", list(NUMBERS))
    bank.query("UPDATE runs SET campaign_id = 'kept' WHERE run_id = 'kept-run'")
    arms(bank, run_id="kept-run")
    contacted, waiting = (row[0] for row in bank.query(
        "SELECT customer_id FROM campaign_members WHERE campaign_id = 'kept' ORDER BY draw LIMIT 2"
    ))  # fmt: skip
    for who in (contacted, waiting):
        bank.query(
            PROPOSAL.replace("%(campaign)s", "'kept'")
            .replace("%(run)s", "'kept-run'")
            .replace("%(customer)s", f"'{who}'")
        )
    bank.query(
        "WITH p AS (SELECT proposal_id, recipient_ref FROM proposals"
        " WHERE campaign_id = 'kept' AND customer_id = %s), v AS ("
        " INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur,"
        " wording, author, nonce, content_sha256)"
        " SELECT proposal_id, 1, 'fee_review', 'email', 'en', 'x', 1, 'catalogue', 'x',"
        " nonce, content_sha256(proposal_id, nonce, recipient_ref, 'fee_review', 'email', 1, 'x')"
        " FROM p, (SELECT uuid_send(gen_random_uuid()) AS nonce OFFSET 0) AS n), h AS ("
        " INSERT INTO hand_overs (campaign_id, person, items, items_sha256, event_id)"
        " SELECT 'kept', %s, 1, repeat('a', 64), opened_event FROM campaigns WHERE campaign_id = 'kept' RETURNING *)"
        " INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
        " SELECT proposal_id, hand_over_id, 1, repeat('a', 64), (SELECT max(consent_id) FROM consents) FROM p, h",
        contacted, OPERATOR,
    )  # fmt: skip
    bank.query("SELECT change_campaign(%s, 'kept', '{\"holdout_share\": 0.5}')", OPERATOR, role="operator")
    state = {row[0]: row[1:] for row in bank.query(
        "SELECT customer_id, held_out, kept_in, moved_at IS NOT NULL FROM campaign_members WHERE campaign_id = 'kept'"
    )}  # fmt: skip
    assert state[contacted] == (False, True, False)
    assert state[waiting] == (True, False, True)
    superseded = dict(
        bank.query("SELECT customer_id, superseded_at IS NOT NULL FROM proposals WHERE campaign_id = 'kept'")
    )
    assert superseded == {contacted: False, waiting: True}
    # Lowered again: whoever was left out of the comparison stays out of it, in both arms.
    bank.query("SELECT change_campaign(%s, 'kept', '{\"holdout_share\": 0}')", OPERATOR, role="operator")
    lowered = {row[0]: row[1:] for row in bank.query(
        "SELECT customer_id, held_out, kept_in, moved_at IS NOT NULL FROM campaign_members WHERE campaign_id = 'kept'"
    )}  # fmt: skip
    assert lowered[contacted] == (False, True, False)
    assert lowered[waiting] == (False, False, True)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"budget_eur": 0}, "budget_eur: 0"),
        ({"budget_eur": -5}, "budget_eur: -5"),
        ({"holdout_share": 1}, "holdout_share: 1 would hold out more than half"),
        ({"holdout_share": 0.51}, "holdout_share: 0.51"),
        ({"holdout_share": -0.1}, "holdout_share: -0.1"),
        ({"holdout_shares": {"High": 1}}, "holdout_shares"),
        ({"holdout_shares": {"Highest": 0.1}}, "holdout_shares"),
        ({"budget_lines": {"advice": 5}}, "budget_lines: advice stands"),
        ({"catalogue_version": "nothing"}, "catalogue_version: nothing is not loaded"),
        ({"contract": "nothing"}, "contract: no customer is loaded under nothing"),
        ({"ends_on": "2020-01-01"}, "is before starts_on"),
        ({"name": "Two\nlines"}, "name: "),
        ({"secret": 1}, "terms: secret unknown"),
        ({"campaign_id": CAMPAIGN}, "campaign_id: test is taken"),
    ],
)
def test_terms_that_cannot_be_are_refused_and_nothing_is_half_done(bank: Bank, given: dict[str, Any], why: str) -> None:
    if bank.query("SELECT 1 FROM campaigns WHERE closed_at IS NULL"):
        begin(bank, "last") if not bank.query("SELECT 1 FROM campaigns WHERE campaign_id = 'last'") else None
    before = bank.query("SELECT count(*) FROM audit_log")
    with pytest.raises(psycopg2.Error, match=why):
        open_campaign(bank, terms("refused", f"v-{CAMPAIGN}") | given)
    assert bank.query("SELECT count(*) FROM audit_log") == before
    assert bank.query("SELECT 1 FROM campaigns WHERE campaign_id = 'refused'") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"budget_eur": 1}, "only grow"),
        ({"holdout_share": 0.9}, "holdout_share: 0.9"),
        ({"ends_on": "2100-01-01"}, "changes: ends_on cannot change"),
        ({"catalogue_version": "other"}, "changes: catalogue_version cannot change"),
    ],
)
def test_an_open_campaign_changes_in_budget_and_share_only(bank: Bank, changes: dict[str, Any], why: str) -> None:
    if not bank.query("SELECT 1 FROM campaigns WHERE campaign_id = 'steady'"):
        begin(bank, "steady")
    with pytest.raises(psycopg2.Error, match=why):
        bank.query("SELECT change_campaign(%s, 'steady', %s)", OPERATOR, json.dumps(changes), role="operator")


@pytest.mark.parametrize("role", ["reviewer", "second_reviewer", "officer", "action_agent", "planner", "dashboard"])
def test_only_an_operator_opens_changes_and_closes(bank: Bank, role: str) -> None:
    for sql in (
        "SELECT open_campaign('olga.operator', '{}')",
        "SELECT change_campaign('olga.operator', 'test', '{}')",
        "SELECT close_campaign('olga.operator', 'test')",
        "SELECT load_catalogue('olga.operator', 'v', '', '{}', '[]')",
        "SELECT name_person('olga.operator', 'mallory', 'reviewer', true)",
    ):
        assert attempt(bank, sql, customer(1), role) == "42501"
    for sql in ("SELECT open_campaign('some.reviewer', '{}')", "SELECT close_campaign('nobody', 'test')"):
        assert attempt(bank, sql, customer(1), "operator") == "VG008"


def test_nobody_names_themselves_and_who_was_released_does_nothing(bank: Bank) -> None:
    own = "SELECT name_person('olga.operator', 'olga.operator', 'reviewer', true)"
    assert attempt(bank, own, customer(1), "operator") == "VG008"
    bank.query("SELECT name_person(%s, 'short.lived', 'operator', true)", OPERATOR, role="operator")
    bank.query("SELECT name_person(%s, 'short.lived', 'operator', false)", OPERATOR, role="operator")
    assert attempt(bank, "SELECT close_campaign('short.lived', 'test')", customer(1), "operator") == "VG008"
    told = [
        row[0]
        for row in bank.query(
            "SELECT details FROM audit_log WHERE event_type = 'PERSON_CHANGED' AND agent = 'operator'"
        )
    ]
    assert [one["active"] for one in told[-2:]] == [True, False]
