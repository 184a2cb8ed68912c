"""Analyses that are lost: counted, marked where something is made without them, and taken up again by another run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from planner.accounts import SUMS
from planner.closing import finish_run
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import FinishRequest, PlanRequest
from tests.fakes.chat_models import answer_of, obliging
from tests.fakes.object_store import FakeObjectStore
from tests.integration.agents.conftest import Office
from tests.integration.agents.test_planner import SETTINGS
from tests.integration.conftest import Bank
from vigie.errors import CountsDifferError, InvalidInputError
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import EgressBlockedError, ModelUnavailableError

Hire = Callable[..., list[UUID]]
names = count(1)


@pytest.fixture
def people(bank: Bank, hire: Hire) -> list[UUID]:
    """Six who are due: four who wrote, one who wrote nothing, one whose feedback may not be read."""
    bank.query("DELETE FROM customer_features")
    return [*hire(4), *hire(1, feedback=False), *hire(1, consents=("profiling", "retention_offers"))]


def unavailable(_request: ChatRequest) -> ChatAnswer:
    raise ModelUnavailableError("down")


def in_turn(*replies: Exception | ChatAnswer) -> Callable[[ChatRequest], ChatAnswer]:
    """A provider that raises or gives one reply after the other, and then answers properly from there on."""
    left = iter(replies)

    def reply(request: ChatRequest) -> ChatAnswer:
        given = next(left, None)
        if isinstance(given, Exception):
            raise given
        return given or obliging(request)

    return reply


def planned(office: Office, **asked: Any) -> dict[str, Any]:
    request = PlanRequest.parse({"run_id": office.run_id, "input": asked})
    manifests = Manifests("runs", FakeObjectStore())
    return plan_run(request, SETTINGS, office.database("planner"), manifests, office.request("planner"))


def finished(office: Office) -> dict[str, Any]:
    return finish_run(FinishRequest(office.run_id, {}), office.database("planner"), office.request("planner"))


def work(office: Office, analysing: Callable[[ChatRequest], ChatAnswer] = obliging) -> dict[str, Any]:
    """The run's only batch, with another model for the analysis, and its end."""
    office.model.reply = analysing
    office.analyse()
    office.model.reply = obliging
    office.predict()
    office.act()
    return finished(office)


def take_up(office: Office, **asked: Any) -> str:
    """Plan the run that takes up the office's; the office works on it from here on."""
    earlier = office.run_id
    office.run_id = f"redrive-{next(names)}"
    planned(office, redrive=earlier, **asked)
    return earlier


def members(office: Office) -> set[UUID]:
    return {
        row[0] for row in office.bank.query("SELECT customer_id FROM run_customers WHERE run_id = %s", office.run_id)
    }


def marked(office: Office, table: str, run_id: str | None = None) -> set[UUID]:
    sql = f"SELECT customer_id FROM {table} WHERE run_id = %s AND analysis_lost"
    return {row[0] for row in office.bank.query(sql, run_id or office.run_id)}


def waiting(office: Office, run_id: str) -> set[UUID]:
    return {row[0] for row in office.bank.query("SELECT customer_id FROM to_take_up WHERE run_id = %s", run_id)}


def assert_adds_up(counts: dict[str, int]) -> None:
    for step, names_of in SUMS.items():
        assert sum(counts[name] for name in names_of) == counts["planned"], step


def test_with_the_provider_down_the_run_is_partial_its_counts_add_up_and_say_why(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    ended = work(office, unavailable)
    counts = ended["customers"]
    assert ended["status"] == "partial"
    assert_adds_up(counts)
    assert (counts["planned"], counts["analysed"], counts["analysis_failed"], counts["failed"]) == (6, 0, 4, 0)
    assert (counts["without_consent"], counts["without_feedback"], counts["without_lost_analysis"]) == (1, 1, 4)
    assert ended["reasons"]["analyse"] == {"ModelUnavailable": 4, "NoConsent": 1, "NoFeedback": 1}
    [(_, _, told)] = office.bank.events(office.run_id, "RUN_FINISHED")
    assert told == {"status": "partial", "counts": counts, **ended["reasons"]}
    assert finished(office) == ended


def test_what_is_made_without_a_lost_analysis_says_so_in_row_and_event_and_nothing_else_does(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    work(office, in_turn(answer_of({})))
    [lost] = marked(office, "predictions")
    assert office.bank.steps(office.run_id, "analyse")[lost] == ("failed", "AnswerRejected")
    assert marked(office, "actions") == {lost}
    for event_type in ("PREDICTION_SAVED", "ACTION_SAVED"):
        told = {who for who, _, details in office.bank.events(office.run_id, event_type) if details["analysis_lost"]}
        assert told == {lost}


def test_few_losses_are_counted_and_the_run_succeeds_by_the_share_it_was_planned_with(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    office.bank.query("UPDATE runs SET most_lost_analyses = 0.25 WHERE run_id = %s", office.run_id)
    ended = work(office, in_turn(answer_of({})))
    assert (ended["status"], ended["customers"]["analysis_failed"]) == ("succeeded", 1)
    assert_adds_up(ended["customers"])


def test_an_analysis_that_no_agent_ended_is_lost_too_under_its_own_name(office: Office, people: list[UUID]) -> None:
    planned(office)
    office.predict()
    office.act()
    ended = finished(office)
    assert ended["reasons"]["analyse"] == {"AnalysisGivenUp": 6}
    assert (ended["status"], ended["customers"]["analysis_failed"]) == ("partial", 6)
    assert_adds_up(ended["customers"])
    assert marked(office, "predictions") == marked(office, "actions") == set(people)


def test_lost_customers_are_taken_up_by_another_run_and_made_anew_while_the_earlier_stays(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    work(office, unavailable)
    lost = marked(office, "predictions")
    before = office.bank.query("SELECT md5(string_agg(p::text, '|' ORDER BY customer_id)) FROM predictions p")
    first = take_up(office)
    assert members(office) == lost == set(people[:4])
    [(_, _, plan)] = office.bank.events(office.run_id, "RUN_PLANNED")
    assert (plan["redrives"], plan["planned"]) == (first, 4)
    ended = work(office)
    assert (ended["status"], ended["customers"]["analysed"], ended["reasons"]["analyse"]) == ("succeeded", 4, {})
    assert marked(office, "predictions") == marked(office, "actions") == set()
    assert marked(office, "predictions", first) == lost
    assert before == office.bank.query(
        "SELECT md5(string_agg(p::text, '|' ORDER BY customer_id)) FROM predictions p WHERE run_id <> %s", office.run_id
    )
    assert office.bank.query("SELECT redriven_as FROM redrives WHERE run_id = %s", first) == [(office.run_id,)]


def test_taken_up_twice_a_run_has_no_one_left_and_what_is_lost_again_is_taken_up_from_the_newer_run(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    work(office, unavailable)
    first = take_up(office)
    with pytest.raises(InvalidInputError, match=f"redrive={first}: no customer is left to process"):
        plan_another(office, first)
    work(office, in_turn(ModelUnavailableError("down")))
    [still] = marked(office, "predictions")
    assert waiting(office, first) == set()
    assert waiting(office, office.run_id) == {still}
    take_up(office)
    assert members(office) == {still}


def plan_another(office: Office, run_id: str) -> dict[str, Any]:
    """Plan yet another run that takes up this one."""
    request = PlanRequest.parse({"run_id": f"again-{next(names)}", "input": {"redrive": run_id}})
    manifests = Manifests("runs", FakeObjectStore())
    return plan_run(request, SETTINGS, office.database("planner"), manifests, office.request("planner"))


def test_a_limit_takes_up_some_and_leaves_the_others_to_the_next(office: Office, people: list[UUID]) -> None:
    planned(office)
    work(office, unavailable)
    first = take_up(office, limit=3)
    work(office)
    rest = waiting(office, first)
    assert len(rest) == 1
    office.run_id = first
    take_up(office)
    assert members(office) == rest
    parts = office.bank.query("SELECT part FROM redrives WHERE run_id = %s ORDER BY part", first)
    assert parts == [(1,), (2,)]


def test_what_the_egress_guard_blocked_is_counted_and_marked_and_not_taken_up(
    office: Office, people: list[UUID]
) -> None:
    planned(office)
    ended = work(office, in_turn(EgressBlockedError(["EMAIL"]), ModelUnavailableError("down")))
    reasons = ended["reasons"]["analyse"]
    assert (reasons["EgressBlocked"], reasons["ModelUnavailable"]) == (1, 1)
    assert len(marked(office, "predictions")) == 2
    steps = office.bank.steps(office.run_id, "analyse")
    assert waiting(office, office.run_id) == {who for who, end in steps.items() if end[1] == "ModelUnavailable"}


def test_an_analysis_that_comes_after_its_prediction_is_taken_up(office: Office, people: list[UUID]) -> None:
    planned(office)
    office.predict()
    office.analyse()
    office.act()
    ended = finished(office)
    assert ended["customers"]["analysed"] == 4
    assert ended["customers"]["without_lost_analysis"] == 6
    assert waiting(office, office.run_id) == set(people[:4])


def test_who_is_in_a_newer_run_that_is_not_closed_waits_for_it(office: Office, people: list[UUID]) -> None:
    planned(office)
    work(office, unavailable)
    first, office.run_id = office.run_id, f"redrive-{next(names)}"
    planned(office, customer_ids=[str(people[0])])
    assert waiting(office, first) == set(people[1:4])
    work(office)
    assert waiting(office, first) == set(people[1:4])


def test_a_benchmark_does_not_take_up_nor_hide_what_a_retention_run_lost(office: Office, people: list[UUID]) -> None:
    planned(office)
    work(office, unavailable)
    first, office.run_id = office.run_id, f"redrive-{next(names)}"
    planned(office, purpose="benchmark")
    assert waiting(office, first) == set(people[:4])
    work(office, unavailable)
    assert waiting(office, first) == set(people[:4])
    take_up(office)
    purpose = office.bank.query("SELECT purpose FROM runs WHERE run_id = %s", office.run_id)
    assert purpose == [("benchmark",)]


def test_who_no_longer_consents_to_profiling_is_left_alone(office: Office, people: list[UUID]) -> None:
    planned(office)
    work(office, unavailable)
    for customer_id in people[:4]:
        office.bank.record_consent(customer_id, "profiling", False)
    assert waiting(office, office.run_id) == set()
    with pytest.raises(InvalidInputError, match="no customer is left to process"):
        plan_another(office, office.run_id)
    assert office.bank.query("SELECT count(*) FROM redrives WHERE run_id = %s", office.run_id) == [(0,)]


@pytest.mark.parametrize("run_id", ["unheard-of", "open"])
def test_only_a_closed_run_can_be_taken_up(office: Office, people: list[UUID], run_id: str) -> None:
    planned(office)
    named = office.run_id if run_id == "open" else run_id
    problem = "is not closed: complete it first" if run_id == "open" else "was never planned"
    with pytest.raises(InvalidInputError, match=f"redrive={named} {problem}"):
        plan_another(office, named)


def test_counts_that_do_not_add_up_are_refused_and_the_run_stays_open(office: Office, people: list[UUID]) -> None:
    planned(office)
    work_on = (office.analyse, office.predict, office.act)
    for step in work_on:
        step()
    office.bank.query("UPDATE runs SET planned = planned + 1 WHERE run_id = %s", office.run_id)
    with pytest.raises(CountsDifferError, match=r"step analyse: analysed 4 \+ .* = 6, but 7 customers were planned"):
        finished(office)
    assert office.bank.query("SELECT status, counts FROM runs WHERE run_id = %s", office.run_id) == [("running", None)]


def test_twelve_thousand_customers_are_taken_up_in_one_run(office: Office, bank: Bank) -> None:
    bank.query("DELETE FROM customer_features")
    many = 12_000
    bank.query(
        "INSERT INTO customers (customer_id) SELECT ('00000000-0000-4000-9000-' || lpad(i::text, 12, '0'))::uuid"
        " FROM generate_series(1, %s) AS i",
        many,
    )
    new = "FROM customers WHERE customer_id::text LIKE '00000000-0000-4000-9000-%%'"
    bank.query(
        "INSERT INTO customer_features (customer_id, contract, as_of, features)"
        f" SELECT customer_id, 'tiny', '2026-01-01', '{{}}' {new}"
    )
    bank.query(
        "INSERT INTO consents (customer_id, purpose, granted, source, policy_version)"
        f" SELECT customer_id, 'profiling', true, 'test', '1' {new}"
    )
    assert planned(office)["planned"] == many
    assert finished(office)["customers"]["failed"] == many
    take_up(office)
    assert len(members(office)) == many
    bank.query("DELETE FROM customer_features")
