"""Attacks on oversight: a reviewer, or whoever has another role's password, wants to know which cases are planted."""

import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.oversight_bank import OversightBank
from tests.review_bank import CAMPAIGN, FIRST, OTHER
from vigie_local.migrations import FUNCTION_ROLES

MAY_ASK = ("officer",)
# What a proposal says: to judge whether it is right is what a reviewer is there for. Everything else has to be alike.
CONTENT = {"offer_id", "price_eur", "message", "content_sha256", "second_reasons", "needs_second", "seen", "title_fr",
           "title_en"}  # fmt: skip
# Names of one row alone: compared by their order instead.
OWN = {"proposal_id", "customer_id", "decision_id", "event_id", "request_id", "expected_value_eur", "proposed_at",
       "expires_at", "written_at", "decided_at", "seconds", "claim_expires_at", "occurred_at", "seq",
       "details"}  # fmt: skip
READABLE = """
SELECT c.relname, array_agg(a.attname::text) FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
  AND has_column_privilege(%s, c.oid, a.attnum, 'SELECT') GROUP BY c.relname
"""
SECRET = ("planted_proposals", "campaign_keys", "planted_findings", "standing_decisions", "proposal_marks")
CALLS = (
    "SELECT * FROM planted('spring-1')", "SELECT plant('spring-1')", "SELECT planted_draw('\\x00', 'x')",
    "SELECT planted_sentence('\\x00', 'x', 'closing', 'en', 'none', '{}')", "SELECT * FROM oversight('spring')",
    "SELECT * FROM wilson(1, 2)", "SELECT * FROM decided_around(uuidv7())",
)  # fmt: skip


@pytest.fixture(scope="module")
def attacked(make_bank: Callable[[], Bank]) -> tuple[OversightBank, str, set[UUID]]:
    """A run of thirty customers of whom about half got a planted proposal; a third of all are decided."""
    oversight = OversightBank(make_bank(), key=b"s" * 32)
    run = oversight.run_with(30)
    planted = set(oversight.planted(run))
    assert 5 < len(planted) < 25
    for number, proposal in enumerate(oversight.proposals(run)[:12]):
        oversight.decide(FIRST, proposal, *(("approve", "fits") if number % 2 else ("reject", "other")))
    return oversight, run, planted


def read(oversight: OversightBank, role: str, relation: str, columns: list[str]) -> list[dict[str, Any]]:
    listed = ", ".join(f'"{column}"' for column in columns)
    rows = oversight.bank.query(f'SELECT {listed} FROM "{relation}"', role=role)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def naming(row: dict[str, Any]) -> str:
    """The proposal that a row is about, also where it is named in an event's details."""
    return str(row.get("proposal_id") or (row.get("details") or {}).get("proposal_id") or "")


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_nothing_that_a_role_reads_sets_planted_proposals_apart(
    attacked: tuple[OversightBank, str, set[UUID]], role: str
) -> None:
    oversight, _, planted = attacked
    for relation, columns in oversight.bank.query(READABLE, role):
        rows = [row for row in read(oversight, role, relation, columns) if naming(row)]
        theirs = [row for row in rows if UUID(naming(row)) in planted]
        others = [row for row in rows if UUID(naming(row)) not in planted]
        assert bool(theirs) == bool(others), f"{relation} holds one kind only"
        for column in set(columns) - CONTENT - OWN:
            found, usual = ({str(row[column]) for row in group} for group in (theirs, others))
            assert not (found and usual) or found & usual, f"{relation}.{column} tells them apart for {role}"
        if rows and "details" in columns:
            assert {tuple(r["details"]) for r in theirs} <= {tuple(r["details"]) for r in others}


@pytest.mark.parametrize(
    "by", ["proposal_id", "proposed_at", "expires_at", "expected_value_eur", "written_at", "xmin::text"]
)
def test_no_order_puts_them_together(attacked: tuple[OversightBank, str, set[UUID]], by: str) -> None:
    """Ids are made of the time, so that those made last would stand last."""
    oversight, run, planted = attacked
    ordered = oversight.bank.query(
        f"SELECT proposal_id FROM proposals p JOIN proposal_versions v USING (proposal_id) WHERE run_id = %s"
        f" ORDER BY {'p.' if by == 'xmin::text' else ''}{by}, proposal_id", run,
    )  # fmt: skip
    flags = [proposal in planted for (proposal,) in ordered]
    changes = sum(a != b for a, b in itertools.pairwise(flags))
    assert changes >= 4, f"sorted by {by} they stand together: {flags}"


@pytest.mark.parametrize("role", FUNCTION_ROLES)
@pytest.mark.parametrize("relation", SECRET)
def test_no_role_reads_what_tells(attacked: tuple[OversightBank, str, set[UUID]], role: str, relation: str) -> None:
    of_a_table = (f"SELECT ctid FROM {relation}", f"COPY {relation} TO STDOUT")
    for statement in (f"SELECT count(*) FROM {relation}", *(of_a_table if relation in SECRET[:2] else ())):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            attacked[0].bank.query(statement, role=role)


@pytest.mark.parametrize("role", FUNCTION_ROLES)
@pytest.mark.parametrize("call", CALLS)
def test_no_role_calls_what_tells(attacked: tuple[OversightBank, str, set[UUID]], role: str, call: str) -> None:
    if "oversight(" in call and role in MAY_ASK:
        return
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        attacked[0].bank.query(call, role=role)


def test_the_officer_s_figures_name_no_case(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    oversight, _, planted = attacked
    said = str(oversight.bank.query("SELECT * FROM oversight(%s)", CAMPAIGN, role="officer"))
    assert FIRST in said
    assert not any(str(proposal) in said for proposal in planted)


def test_no_role_writes_what_would_unplant_or_plant(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    oversight, run, planted = attacked
    proposal = next(iter(planted))
    for role in FUNCTION_ROLES:
        for statement in (
            "DELETE FROM planted_proposals", f"INSERT INTO planted_proposals VALUES ('{proposal}', 'wrong_offer')",
            "UPDATE campaigns SET planted_share = 0", "TRUNCATE planted_proposals",
        ):  # fmt: skip
            with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
                oversight.bank.query(statement, role=role)
    assert set(oversight.planted(run)) == planted


def test_every_case_looks_the_same_to_whoever_opens_it(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    oversight, run, planted = attacked
    cases = {}
    for proposal in oversight.proposals(run)[12:]:
        oversight.claim(OTHER, proposal)
        cases[proposal] = oversight.ask(OTHER, "open_case", proposal)
    kinds: list[list[dict[str, Any]]] = [[], []]
    for proposal, case in cases.items():
        kinds[proposal in planted].append(case)
    usual, wrong = kinds
    assert {tuple(sorted(case)) for case in wrong} == {tuple(sorted(case)) for case in usual}
    for name in set(usual[0]) - CONTENT - {"proposal_id", "expected_value_eur", "expires_at", "budget_left_eur"}:
        assert {str(case[name]) for case in wrong} == {str(case[name]) for case in usual}, name
    values = [sorted(float(case["expected_value_eur"]) for case in group) for group in kinds]
    assert values[0][0] < values[1][-1]
    assert values[1][0] < values[0][-1]


def test_refusals_are_the_same(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    """Changed bytes, a case that is not claimed, a decision that does not fit: nothing in the words tells."""
    oversight, run, planted = attacked
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for proposal in oversight.proposals(run)[12:]:
        oversight.bank.query("DELETE FROM review_claims WHERE proposal_id = %s", proposal)
        for content, claimed in (("0" * 64, True), (oversight.hash(proposal), False)):
            if claimed:
                oversight.claim(OTHER, proposal)
            else:
                oversight.ask(OTHER, "release_claims")
            with pytest.raises(psycopg2.Error) as caught:
                oversight.ask(OTHER, "decide", proposal, "approve", content, "fits")
            said[proposal in planted].add(f"{caught.value.pgcode} {caught.value}".replace(str(proposal), "…"))
    assert said[True] == said[False]


def test_the_budget_shrinks_by_every_approval(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    oversight, run, planted = attacked
    for proposal in oversight.proposals(run)[12:20]:
        [(before,)] = oversight.bank.query("SELECT budget_left(%s)", CAMPAIGN, role="reviewer")
        oversight.decide(OTHER, proposal)
        [(after,)] = oversight.bank.query("SELECT budget_left(%s)", CAMPAIGN, role="reviewer")
        assert before - after == oversight.content(proposal)["price"], proposal in planted


def test_after_the_hand_over_they_look_handed_over(attacked: tuple[OversightBank, str, set[UUID]]) -> None:
    oversight, _, planted = attacked
    oversight.hand_over()
    states = oversight.bank.query("SELECT proposal_id, state FROM proposal_states", role="reviewer")
    assert {state for proposal, state in states if proposal in planted} >= {"handed_over", "rejected"}
    assert "approved" not in {state for _, state in states}
    [(left,)] = oversight.bank.query("SELECT count(*) FROM handed_over JOIN planted_proposals USING (proposal_id)")
    assert left == 0
