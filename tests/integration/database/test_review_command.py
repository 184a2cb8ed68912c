"""`vigie review`: a person's decisions from the command line, against a real database."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.integration.conftest import Bank
from tests.review_bank import CAMPAIGN, FIRST, OTHER, SECOND, ReviewBank
from vigie_operations.campaign_cli import people
from vigie_operations.review_cli import review as command
from vigie_operations.targets import LOCAL, Target


@pytest.fixture(scope="module")
def review(make_bank: Callable[[], Bank]) -> ReviewBank:
    return ReviewBank(make_bank())


@pytest.fixture(scope="module")
def vigie(review: ReviewBank) -> Callable[..., Result]:
    target = Target(LOCAL, None, Path(), connector=review.bank.connect)
    return lambda *words: CliRunner().invoke(command, [str(word) for word in words], obj=(lambda: target, True))


def test_a_case_goes_from_the_queue_to_two_approvals_and_back(review: ReviewBank, vigie: Callable[..., Result]) -> None:
    proposal = review.proposal("loan_review")
    [waiting] = json.loads(vigie("queue", CAMPAIGN).output)
    assert (waiting["proposal_id"], waiting["state"]) == (str(proposal), "open")
    case = json.loads(vigie("next", CAMPAIGN, "--as", FIRST).output)
    assert case["proposal_id"] == str(proposal)
    content = ("--content", case["content_sha256"])
    first = vigie("approve", proposal, *content, "--as", FIRST)
    assert json.loads(first.output)["state"] == "awaiting_second"
    vigie("next", CAMPAIGN, "--as", SECOND)
    second = vigie("second", proposal, *content, "--as", SECOND)
    assert (json.loads(second.output)["state"], second.exit_code) == ("approved", 0)
    undone = vigie("undo", proposal, "--as", FIRST)
    assert json.loads(undone.output)["state"] == "open"


def test_an_edit_a_rejection_and_a_bulk(review: ReviewBank, vigie: Callable[..., Result]) -> None:
    proposal, plain = review.proposal(value=900), review.proposal("savings_review")
    assert json.loads(vigie("next", CAMPAIGN, "--as", OTHER).output)["proposal_id"] == str(proposal)
    edited = vigie("edit", proposal, "--offer", "fee_review", "--message", "Let us talk.", "--as", OTHER)
    content = json.loads(edited.output)["content_sha256"]
    rejected = vigie("reject", proposal, "--content", content, "--reason", "wrong_offer", "--as", OTHER)
    assert json.loads(rejected.output)["state"] == "rejected"
    bulk = json.loads(vigie("bulk", f"{plain}={review.hash(plain)}", "--as", FIRST).output)
    assert bulk["approved"] == 1
    assert json.loads(vigie("undo", bulk["bulk_id"], "--bulk", "--as", FIRST).output)["undone"] == 1


def test_a_refusal_is_the_database_s_words_and_its_remedy(review: ReviewBank, vigie: Callable[..., Result]) -> None:
    proposal = review.proposal()
    refused = vigie("approve", proposal, "--content", "0" * 64, "--as", FIRST)
    assert refused.exit_code == 2
    assert "is not claimed by ada" in refused.output
    assert "Claim it: a claim lasts ten minutes." in refused.output
    unknown = vigie("next", CAMPAIGN, "--as", "nobody")
    assert (unknown.exit_code, unknown.output.strip()) == (
        2, "nobody is not named as a reviewer: vigie people add nobody reviewer."
    )  # fmt: skip
    assert "takes a reviewer" in vigie("next", CAMPAIGN, "--as", SECOND, "--duty", "reviewer").output


def test_a_name_that_no_person_can_have_is_refused_without_being_quoted(review: ReviewBank) -> None:
    target = Target(LOCAL, None, Path(), connector=review.bank.connect)
    refused = CliRunner().invoke(people, ["add", "Ada Lovelace", "reviewer"], obj=(lambda: target, False))
    assert refused.exit_code == 2
    assert refused.output.strip() == "Refused: people breaks the rule people_person_check. Nothing was changed."
    assert review.bank.query("SELECT 1 FROM people WHERE person = 'Ada Lovelace'") == []
