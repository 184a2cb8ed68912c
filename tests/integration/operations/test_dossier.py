"""The dossier of a contested decision: whole, in both languages, of one customer, and honest about what is gone."""

from __future__ import annotations

import datetime
import json
import re
import stat
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.integration.conftest import Bank
from tests.oversight_bank import OFFICER, OPERATOR, OversightBank
from tests.review_bank import FIRST, OTHER
from vigie_operations import cli, objections
from vigie_operations.dossier import LANGUAGES, SPOKEN, texts, write_dossier
from vigie_operations.dossier_facts import UnknownObjectionError, read_facts
from vigie_operations.errors import OperationError
from vigie_operations.targets import Target
from vigie_scoring import Scorer

TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest.fixture(scope="module")
def review(make_bank: Callable[[], Bank]) -> OversightBank:
    return OversightBank(make_bank(), share=0)


@pytest.fixture
def target(review: OversightBank, tmp_path: Path) -> Target:
    return Target("local", None, tmp_path, connector=review.bank.connect)


@pytest.fixture
def contested(review: OversightBank, target: Target) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """An objection, its proposal and customer: who complained three times and about fees."""
    run, _ = review.plan(0)
    customer_id = review.complaint(run)
    review.complaint(run)
    query = review.bank.query
    query("UPDATE customer_features SET features = '{\"complaints\": 3}' WHERE customer_id = %s", customer_id)
    [(scorer,)] = query("SELECT scorer FROM model_registry")
    score = Scorer.from_json(bytes(scorer)).score([{"complaints": 3, "sentiment_score": -0.5}])
    query("ALTER TABLE predictions DISABLE TRIGGER USER")
    query(
        "UPDATE predictions SET probability = %s, sentiment_score = -0.5, drivers = %s WHERE customer_id = %s",
        float(score.probability[0]),
        json.dumps(
            [{"feature": "complaints", "words_en": "Three complaints: raises", "words_fr": "Trois réclamations"}]
        ),
        customer_id,
    )
    query("ALTER TABLE predictions ENABLE TRIGGER USER")
    query("ALTER TABLE egress_ledger DISABLE TRIGGER USER")
    sent = "customer_id = %s AND purpose = 'feedback_analysis'"
    query(f"UPDATE egress_ledger SET claims = 1, claimed_at = sent_at WHERE {sent}", customer_id)
    query("ALTER TABLE egress_ledger ENABLE TRIGGER USER")
    review.propose(run)
    [(proposal,)] = query("SELECT proposal_id FROM proposals WHERE customer_id = %s", customer_id)
    review.decide(FIRST, proposal)
    objection = uuid.UUID(objections.record(target, proposal, TODAY, OPERATOR))
    return objection, proposal, customer_id


def dossier(target: Target, objection: uuid.UUID, language: str) -> str:
    made = objections.write(target, objection, language)
    for path in made.files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return made.files[0].read_text()


def test_it_tells_what_was_used_why_what_left_who_decided_and_how_to_contest(
    review: OversightBank, target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    objection, proposal, customer_id = contested
    text = dossier(target, objection, "en")
    [(person_id,)] = review.bank.query("SELECT person_id::text FROM people WHERE person = %s", FIRST)
    for told in (
        str(objection), str(proposal), "Three complaints: raises", "Three complaints\n", "negative; topics: fees",
        "With one fewer complaint, Medium instead of High.", "to model.example (FR), model m-1",
        "2 passages were masked", "never sent", "not handed over",
        f"approved by a reviewer, reference {person_id}", "CNIL", "Not answered yet",
        "A review of your fees (€30)", "by email",
    ):  # fmt: skip
        assert told in text, told
    for private in (FIRST, OPERATOR, "Byron", "fits", "example.org"):
        assert private not in text
    others = {
        str(row[0])
        for row in review.bank.query("SELECT customer_id FROM customers WHERE customer_id <> %s", customer_id)
    }
    numbers = {
        row[0]
        for row in review.bank.query("SELECT customer_number FROM customers WHERE customer_id <> %s", customer_id)
    }
    assert not any(name in text for name in others | numbers)


def test_it_is_said_in_french(target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]) -> None:
    text = dossier(target, contested[0], "fr")
    assert "Avec une réclamation de moins, Moyen au lieu d’Élevé." in text
    assert "Trois réclamations" in text
    assert re.search(r"Probabilité de départ\u00a0: \d\d(,\d+)?\u00a0%", text)
    assert "30\u00a0€" in text
    assert "'" not in text


def test_the_answer_and_its_date_are_in_it(
    review: OversightBank, target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    objection, proposal, _ = contested
    review.decide(OTHER, proposal, "reject", "price_too_high")
    assert objections.answer(target, objection, "changed", OFFICER, "officer") == str(TODAY)
    text = dossier(target, objection, "en")
    assert "the decision was replaced" in text
    assert "data protection officer" in text
    assert "after the objection" in text
    receipt = objections.write(target, objection, "en").files[1].read_text()
    assert f"answered it on {TODAY}: the decision was replaced." in receipt


def test_the_receipt_holds_nothing_that_was_derived(
    target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    for language in LANGUAGES:
        receipt = objections.write(target, contested[0], language).files[1].read_text()
        assert str(contested[0]) in receipt
        receipt = receipt.replace(str(contested[0]), "")
        for derived in ("High", "Élevé", "complaint", "réclamations", "fees", "frais", "30"):
            assert derived not in re.sub(r"\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4}|réclamation auprès", "", receipt)


def test_after_a_withdrawal_it_says_so_and_holds_nothing_derived(
    review: OversightBank, target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    objection, _, customer_id = contested
    for purpose in ("profiling", "feedback_analysis"):
        review.bank.record_consent(customer_id, purpose, False)
    text = dossier(target, objection, "en")
    assert "Consent was withdrawn on" in text
    assert "No prediction is held." in text
    assert "cannot be worked out" in text
    for derived in ("Three complaints", "fewer complaint", "topics:", "A review of your fees", "negative"):
        assert derived not in text, derived
    assert "approved by a reviewer" in text


def test_figures_that_changed_since_are_not_passed_off_as_those_that_were_read(
    review: OversightBank, target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    review.bank.query(
        "UPDATE customer_features SET features = '{\"complaints\": 0}' WHERE customer_id = %s", contested[2]
    )
    text = dossier(target, contested[0], "en")
    assert "not held any more as they were then" in text
    assert "cannot be worked out" in text


def test_an_older_row_of_figures_is_found(
    review: OversightBank, target: Target, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    review.bank.query(
        "INSERT INTO customer_features (customer_id, contract, as_of, features)"
        " VALUES (%s, 'tiny', '2026-02-01', '{}')",
        contested[2],
    )
    assert "Figures as of 2026-01-01" in dossier(target, contested[0], "en")


def test_an_unknown_objection_names_the_remedy(target: Target) -> None:
    with pytest.raises(UnknownObjectionError, match="objections list"):
        objections.write(target, uuid.UUID(int=1))
    with pytest.raises(OperationError, match="Refused: there is no objection"):
        objections.answer(target, uuid.UUID(int=1), "upheld", OFFICER, "officer")


def test_the_commands(
    monkeypatch: pytest.MonkeyPatch,
    target: Target,
    review: OversightBank,
    contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID],
) -> None:
    monkeypatch.setattr(cli, "choose_target", lambda *_: target)
    run = CliRunner().invoke
    objection, proposal, _ = contested
    again = run(cli.vigie, ["objections", "record", str(proposal), "--as", OPERATOR])
    assert (again.exit_code, "contested already" in again.output) == (2, True)
    listed = run(cli.vigie, ["objections", "list", "--as", OPERATOR])
    assert f"{objection}  {review.campaign}" in listed.output
    assert "waits for another reviewer" in listed.output
    written = run(cli.vigie, ["--json", "objections", "dossier", str(objection)])
    assert [Path(name).exists() for name in json.loads(written.output)["files"]] == [True, True]
    refused = run(cli.vigie, ["objections", "answer", str(objection), "upheld", "--as", OPERATOR])
    assert (refused.exit_code, "another reviewer or the officer" in refused.output.lower()) == (2, True)
    done = run(cli.vigie, ["objections", "answer", str(objection), "withdrawn", "--as", OPERATOR])
    assert (done.exit_code, done.output) == (0, f"Answered on {TODAY}: withdrawn\n")


def test_every_word_is_there_in_both_languages() -> None:
    for key, said in texts().items():
        entries = said.values() if key in SPOKEN else [said]
        for entry in entries:
            assert set(entry) == set(LANGUAGES), key
            assert set(re.findall(r"\{\w+\}", entry["fr"])) == set(re.findall(r"\{\w+\}", entry["en"])), key
            assert "'" not in entry["fr"], key


def test_the_dossier_is_read_of_one_moment(
    review: OversightBank, contested: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    connection = review.bank.connect()
    facts = read_facts(connection, contested[0])
    connection.close()
    assert write_dossier(facts, "en", datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)).startswith(
        "# Dossier of objection"
    )
