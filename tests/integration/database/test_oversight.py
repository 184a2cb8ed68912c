"""Planted proposals, what reviewers make of them, and the pace of those who let them pass."""

import hashlib
from collections.abc import Callable
from uuid import UUID

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.oversight_bank import OFFICER, OPERATOR, OversightBank
from tests.review_bank import CAMPAIGN, FIRST, OTHER, SECOND
from vigie_scoring.groups import wilson

KINDS = {"wrong_offer", "wrong_price", "wrong_customer"}
COLUMNS = (
    "person", "decisions", "planted", "caught", "catch_low", "catch_high", "under_5s", "overrides", "second_seen",
    "second_agreed",
)  # fmt: skip


@pytest.fixture(scope="module")
def planted(make_bank: Callable[[], Bank]) -> tuple[OversightBank, str]:
    """A run of forty customers, about half of whose proposals are planted; nothing decided."""
    oversight = OversightBank(make_bank(), key=b"k" * 32)
    return oversight, oversight.run_with(40)


@pytest.fixture
def fresh(make_bank: Callable[[], Bank]) -> OversightBank:
    """Every proposal is planted that can be: for counting what a person made of them."""
    oversight = OversightBank(make_bank(), share=0.5, key=b"k" * 32)
    oversight.bank.query("ALTER TABLE campaigns DROP CONSTRAINT campaigns_planted_share_check")
    oversight.reopen("planted_share = 1")
    return oversight


def figures(oversight: OversightBank) -> dict[str, dict[str, float]]:
    rows = oversight.bank.query("SELECT * FROM oversight(%s)", CAMPAIGN, role="officer")
    return {row[0]: dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in rows}


def test_about_the_share_is_planted_and_nothing_else_is_added(planted: tuple[OversightBank, str]) -> None:
    oversight, run = planted
    found = oversight.planted(run)
    assert 8 <= len(found) <= 32
    assert set(found.values()) == KINDS
    assert len(oversight.proposals(run)) == 40
    assert oversight.propose(run) == (40, 0)
    assert oversight.planted(run) == found


def test_each_is_wrong_in_the_way_that_is_noted(planted: tuple[OversightBank, str]) -> None:
    oversight, run = planted
    query = oversight.bank.query
    sentences = {text for (text,) in query("SELECT text_en FROM sentences")}
    told = next(text for (text,) in query("SELECT text_en FROM sentences WHERE phrase_id = 'fees_regret'"))
    for proposal, kind in oversight.planted(run).items():
        content = oversight.content(proposal)
        [(message,)] = query(
            "SELECT a.message FROM actions a JOIN proposals USING (run_id, customer_id) WHERE proposal_id = %s",
            proposal,
        )
        if kind == "wrong_price":
            assert (content["offer"], content["message"]) == ("fee_review", message)
            assert content["price"] > 30
        elif kind == "wrong_offer":
            [(topics,)] = query("SELECT topics FROM offers WHERE offer_id = %s", content["offer"])
            assert "fees" not in topics
            assert told in content["message"] != message
        else:
            assert (content["offer"], content["price"]) == ("fee_review", 30)
            assert told not in content["message"]
            assert content["message"].startswith("Hello")
        rest = content["message"]
        for sentence in sorted(sentences, key=len, reverse=True):
            rest = rest.replace(sentence, "")
        assert rest.strip() == "", "made of reviewed sentences only"


def test_what_is_not_planted_is_what_the_agent_made(planted: tuple[OversightBank, str]) -> None:
    oversight, run = planted
    for proposal in set(oversight.proposals(run)) - set(oversight.planted(run)):
        assert oversight.content(proposal)["offer"] == "fee_review"
        assert oversight.content(proposal)["price"] == 30


def test_the_campaign_s_key_draws_them(planted: tuple[OversightBank, str]) -> None:
    oversight, run = planted
    choose = (
        "SELECT count(*) FROM run_customers WHERE planted_draw(%s, run_id || ' ' || customer_id) < 0.5 AND run_id = %s"
    )
    [(first,)] = oversight.bank.query(choose, b"k" * 32, run)
    assert first == len(oversight.planted(run))
    drawn = [
        oversight.bank.query("SELECT planted_draw(%s, 'x')", key)[0][0] for key in (b"a" * 32, b"a" * 32, b"b" * 32)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_campaign_without_a_key_plants_nothing_silently(make_bank: Callable[[], Bank]) -> None:
    oversight = OversightBank(make_bank(), share=0.5)
    oversight.bank.query("ALTER TABLE campaign_keys DISABLE TRIGGER append_only")
    oversight.bank.query("DELETE FROM campaign_keys")
    run, _ = oversight.plan(0)
    oversight.complaint(run)
    with pytest.raises(psycopg2.Error, match="has no key"):
        oversight.propose(run)
    oversight.reopen("planted_share = 0")
    assert oversight.propose(run) == (1, 0)
    assert oversight.planted(run) == {}


def test_words_of_the_catalogue_can_have_a_wrong_price_or_offer_only(make_bank: Callable[[], Bank]) -> None:
    oversight = OversightBank(make_bank(), share=0.5, key=b"k" * 32)
    run, _ = oversight.plan(30)
    oversight.propose(run)
    assert set(oversight.planted(run).values()) == {"wrong_price"}, (
        "nothing is known that an offer could fail to answer"
    )


def test_no_planted_one_is_handed_over_whoever_writes_it(fresh: OversightBank) -> None:
    run = fresh.run_with(1)
    [(proposal, _)] = fresh.planted(run).items()
    fresh.decide(FIRST, proposal)
    with pytest.raises(psycopg2.Error, match="is not handed over") as caught:
        fresh.bank.query(
            "WITH h AS (INSERT INTO hand_overs (campaign_id, person, items, items_sha256, event_id)"
            " SELECT %s, %s, 1, repeat('0', 64), event_id FROM audit_log LIMIT 1 RETURNING hand_over_id)"
            " INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
            " SELECT %s, hand_over_id, 1, '', 1 FROM h",
            CAMPAIGN, OPERATOR, proposal,
        )  # fmt: skip
    assert caught.value.pgcode == "VG009"


def test_an_approved_one_binds_money_and_looks_handed_over_like_the_others(planted: tuple[OversightBank, str]) -> None:
    oversight, run = planted
    wrong = next(p for p, kind in oversight.planted(run).items() if kind == "wrong_price")
    right = next(p for p in oversight.proposals(run) if p not in oversight.planted(run))
    [(before,)] = oversight.bank.query("SELECT budget_left(%s)", CAMPAIGN)
    for proposal in (wrong, right):
        assert oversight.decide(OTHER, proposal) == "approved"
    [(after,)] = oversight.bank.query("SELECT budget_left(%s)", CAMPAIGN)
    assert before - after == 30 + oversight.content(wrong)["price"]
    oversight.hand_over()
    assert [oversight.state(p) for p in (wrong, right)] == ["handed_over", "handed_over"]
    for proposal in (wrong, right):
        with pytest.raises(psycopg2.Error, match="is handed_over: no decision on it is undone"):
            oversight.ask(OTHER, "undo_decision", proposal)
    assert oversight.bank.query("SELECT budget_left(%s)", CAMPAIGN) == [(after,)]


def test_the_customer_of_a_rejected_one_gets_their_own_offer_from_the_next_run(fresh: OversightBank) -> None:
    run, _ = fresh.plan(0)
    customer_id = fresh.complaint(run)
    fresh.propose(run)
    [proposal] = fresh.planted(run)
    assert fresh.decide(FIRST, proposal, "reject", "wrong_offer") == "rejected"
    fresh.reopen("planted_share = 0")
    later, _ = fresh.plan(0)
    fresh.decide_offer(later, customer_id)
    assert fresh.propose(later) == (1, 0)
    assert fresh.planted(later) == {}


def decide_all(oversight: OversightBank, run: str, kinds: dict[str, str], person: str = FIRST) -> None:
    """Decide on the run's planted proposals by what is wrong with them."""
    for proposal, kind in oversight.planted(run).items():
        decision = kinds[kind]
        oversight.decide(person, proposal, decision, "fits" if decision == "approve" else "other")


def test_the_figures_of_a_reviewer(fresh: OversightBank) -> None:
    run = fresh.run_with(8)
    proposals = list(fresh.planted(run))
    assert len(proposals) == 8
    for proposal in proposals[:5]:
        fresh.decide(FIRST, proposal, "reject", "wrong_offer")
    for proposal in proposals[5:7]:
        fresh.decide(FIRST, proposal)
    fresh.decide(OTHER, proposals[7])
    fresh.ask(OTHER, "undo_decision", proposals[7])
    low, high = wilson(5, 7)
    found = figures(fresh)
    assert set(found) == {FIRST}, "what was undone counts for nobody"
    assert found[FIRST] == pytest.approx({
        "decisions": 7, "planted": 7, "caught": 5, "catch_low": low, "catch_high": high, "under_5s": 7, "overrides": 5,
        "second_seen": 0, "second_agreed": 0,
    }, abs=1e-6)  # fmt: skip


@pytest.mark.parametrize("counts", [(0, 0), (0, 5), (3, 5), (5, 5), (90, 100)])
def test_the_interval_is_wilson_s(planted: tuple[OversightBank, str], counts: tuple[int, int]) -> None:
    oversight, _ = planted
    assert oversight.bank.query("SELECT * FROM wilson(%s, %s)", *counts)[0] == pytest.approx(wilson(*counts), abs=1e-6)


def test_an_edit_catches_what_it_mends(fresh: OversightBank) -> None:
    run = fresh.run_with(14)
    found = fresh.planted(run)
    assert set(found.values()) == KINDS
    for proposal, kind in found.items():
        content = fresh.content(proposal)
        offer = "fee_review" if kind != "wrong_customer" else content["offer"]
        message = content["message"] if kind == "wrong_offer" else f"{content['message']} Thank you."
        fresh.edit(FIRST, proposal, message, offer)
    assert figures(fresh)[FIRST]["caught"] == len(found)
    assert figures(fresh)[FIRST]["overrides"] == len(found)


def test_an_edit_that_leaves_it_wrong_catches_nothing(fresh: OversightBank) -> None:
    run = fresh.run_with(14)
    wrong = [p for p, kind in fresh.planted(run).items() if kind == "wrong_offer"]
    for proposal in wrong:
        content = fresh.content(proposal)
        fresh.edit(FIRST, proposal, f"{content['message']} Thank you.", content["offer"])
    assert (figures(fresh)[FIRST]["planted"], figures(fresh)[FIRST]["caught"]) == (len(wrong), 0)


def test_two_approvals_agree_or_not(fresh: OversightBank) -> None:
    fresh.reopen("second_above_eur = 1, planted_share = 0")
    run = fresh.run_with(3)
    for proposal in fresh.proposals(run):
        assert fresh.decide(FIRST, proposal) == "awaiting_second"
    for proposal, decision in zip(fresh.proposals(run), ("second_approve", "second_approve", "reject"), strict=True):
        fresh.decide(SECOND, proposal, decision, "fits" if decision != "reject" else "other")
    for person in (FIRST, SECOND):
        assert (figures(fresh)[person]["second_seen"], figures(fresh)[person]["second_agreed"]) == (3, 2)


def pace(oversight: OversightBank, person: str) -> tuple[bool, str | None, int]:
    [row] = oversight.bank.query("SELECT * FROM review_pace(%s)", person, role="reviewer")
    return row


def test_who_lets_too_many_pass_is_slowed_down_from_the_next_day(fresh: OversightBank) -> None:
    run = fresh.run_with(12)
    for proposal in list(fresh.planted(run))[:5]:
        fresh.decide(FIRST, proposal)
    assert pace(fresh, FIRST) == (False, None, 20), "a change within the day would tell which one was planted"
    fresh.yesterday()
    assert pace(fresh, FIRST) == (True, "catch_rate", 3)
    assert pace(fresh, OTHER) == (False, None, 20)
    claimed = fresh.bank.query("SELECT * FROM claim_proposals(%s, 20, %s)", FIRST, CAMPAIGN, role="reviewer")
    assert len(claimed) == 3
    waiting = [p for p in fresh.proposals(run) if fresh.state(p) == "open"]
    with pytest.raises(psycopg2.Error, match="slowed down"):
        fresh.ask(FIRST, "approve_in_bulk", waiting[:1], [fresh.hash(waiting[0])])


def test_four_are_not_enough_to_slow_anybody_down_and_catching_lifts_it(fresh: OversightBank) -> None:
    run = fresh.run_with(17)
    proposals = list(fresh.planted(run))
    for proposal in proposals[:4]:
        fresh.decide(FIRST, proposal)
    fresh.yesterday()
    assert pace(fresh, FIRST)[0] is False
    fresh.decide(FIRST, proposals[4])
    fresh.yesterday()
    assert pace(fresh, FIRST)[0] is True
    for proposal in proposals[5:17]:
        fresh.decide(FIRST, proposal, "reject", "wrong_offer")
    fresh.yesterday()
    assert pace(fresh, FIRST) == (False, None, 20)


def test_a_withdrawal_erases_what_was_planted_and_leaves_the_figures(fresh: OversightBank) -> None:
    run = fresh.run_with(2)
    wrong: list[UUID] = list(fresh.planted(run))
    for proposal in wrong:
        fresh.decide(FIRST, proposal, "reject", "wrong_offer")
    before = figures(fresh)
    [(customer_id,)] = fresh.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", wrong[0])
    fresh.bank.record_consent(customer_id, "profiling", False)
    assert fresh.content(wrong[0]) == {"offer": None, "message": None, "price": None}
    assert figures(fresh) == before


def test_a_report_s_hash_enters_the_trail(fresh: OversightBank) -> None:
    sha256 = hashlib.sha256(b"report").hexdigest()
    event = fresh.as_role(OFFICER, "record_oversight_report", CAMPAIGN, sha256)
    [(agent, event_type, details)] = fresh.bank.query(
        "SELECT agent, event_type, details FROM audit_log WHERE event_id = %s", event
    )
    [(person_id,)] = fresh.bank.query("SELECT person_id::text FROM people WHERE person = %s", OFFICER)
    assert (agent, event_type) == ("officer", "OVERSIGHT_REPORTED")
    assert details == {"campaign": CAMPAIGN, "person_id": person_id, "report_sha256": sha256}
    for campaign, wrong in (("autumn", sha256), (CAMPAIGN, "abc"), (CAMPAIGN, None)):
        with pytest.raises(psycopg2.Error) as caught:
            fresh.as_role(OFFICER, "record_oversight_report", campaign, wrong)
        assert caught.value.pgcode == "VG009"
    with pytest.raises(psycopg2.Error) as caught:
        fresh.bank.query("SELECT record_oversight_report(%s, %s, %s)", FIRST, CAMPAIGN, sha256, role="officer")
    assert caught.value.pgcode == "VG008"
