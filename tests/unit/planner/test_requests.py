"""What an execution may ask for, and how everything else is refused: by field, value and remedy."""

import json
from typing import Any
from uuid import UUID

import pytest

from planner.requests import ID_BYTES, MOST_CUSTOMER_IDS_BYTES, SHOWN, FinishRequest, PlanRequest
from vigie.errors import InvalidInputError
from vigie.runs import MOST_INPUT_BYTES
from vigie.vocabulary import RunKind

ID = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
MOST_IDS = MOST_CUSTOMER_IDS_BYTES // ID_BYTES


def parse(given: Any, run_id: Any = "run-1") -> PlanRequest:
    return PlanRequest.parse({"do": "plan", "run_id": run_id, "input": given})


def test_an_empty_input_means_everybody_due() -> None:
    assert parse({}) == PlanRequest("run-1", (), None, None, RunKind.RETENTION)


def test_every_field_is_taken_over() -> None:
    assert parse({"campaign": "spring-2027"}) == PlanRequest("run-1", campaign="spring-2027")
    given = {"customer_ids": [ID, OTHER], "limit": 5, "batch_size": 2, "purpose": "test"}
    assert parse(given) == PlanRequest("run-1", (UUID(ID), UUID(OTHER)), 5, 2, RunKind.TEST)


def test_a_customer_named_twice_is_planned_once() -> None:
    assert parse({"customer_ids": [ID, OTHER, ID.upper()]}).customer_ids == (UUID(ID), UUID(OTHER))


@pytest.mark.parametrize("given", [None, [], "all", 3])
def test_an_input_that_is_no_object_is_refused_with_what_to_give(given: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"not a JSON object: give \{\} to run everybody due"):
        parse(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"costumer_ids": []}, "costumer_ids is unknown: use customer_ids, limit, batch_size, purpose, redrive"),
        ({"limit": 0}, "limit=0 is not a whole number from 1 to 10000000"),
        ({"limit": -1}, "limit=-1 is not a whole number from 1 to 10000000"),
        ({"limit": 10_000_001}, "limit=10000001 is not a whole number"),
        ({"limit": 1.5}, "limit=1.5 is not a whole number"),
        ({"limit": True}, "limit=true is not a whole number"),
        ({"limit": "ten"}, 'limit="ten" is not a whole number'),
        ({"batch_size": 1001}, "batch_size=1001 is not a whole number from 1 to 1000"),
        ({"batch_size": 0}, "batch_size=0 is not a whole number from 1 to 1000"),
        ({"purpose": "fun"}, 'purpose="fun" is unknown: use retention, test, benchmark'),
        ({"purpose": None}, "purpose=null is unknown: use retention"),
        ({"purpose": ["test"]}, 'purpose=["test"] is unknown'),
        ({"customer_ids": []}, "customer_ids must be a list of customer ids, at least one"),
        ({"campaign": "Marie Durand"}, 'campaign="Marie Durand" is no campaign\'s id: vigie campaigns list'),
        ({"campaign": 7}, "campaign=7 is no campaign's id"),
        ({"campaign": "spring", "purpose": "test"}, 'campaign cannot be given with purpose="test"'),
        ({"customer_ids": ID}, "customer_ids must be a list"),
        ({"customer_ids": [ID] * (MOST_IDS + 1)}, f"{MOST_IDS + 1} ids of 260131 bytes together"),
        ({"customer_ids": [ID] * 12_000}, "Leave customer_ids out to run everybody due, use limit, or start several"),
        ({"redrive": 7}, "redrive=7 is no run id: name a closed run"),
        ({"redrive": "a b"}, 'redrive="a b" is no run id'),
        ({"redrive": "run-1", "customer_ids": [ID]}, "customer_ids cannot be given with redrive"),
        ({"redrive": "run-1", "purpose": "test"}, "purpose cannot be given with redrive"),
        ({"customer_ids": [ID, "x", 7]}, "customer_ids at position 1, 2 are no UUIDs: use customer_id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_value_that_cannot_be_is_refused_by_name_value_and_remedy(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(given)
    assert message in str(caught.value)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse({"limit": 0, "batch_size": "x", "purpose": "fun", "customer_ids": "all", "surprise": 1})
    for field in ("limit=0", 'batch_size="x"', 'purpose="fun"', "customer_ids must", "surprise is unknown"):
        assert field in str(caught.value)


def test_a_customer_id_that_is_none_is_not_repeated_for_it_may_be_a_name() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse({"customer_ids": ["Ada Lovelace"]})
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize("run_id", [None, "", "a" * 81, "with space", "a/b", "nächster", 7, "line\n"])
def test_an_execution_name_that_cannot_be_a_run_id_is_refused(run_id: Any) -> None:
    for parse_it in (lambda: parse({}, run_id), lambda: FinishRequest.parse({"run_id": run_id})):
        with pytest.raises(InvalidInputError, match="use letters, digits, - and _, at most 80"):
            parse_it()


@pytest.mark.parametrize("audit", [None, "Timeout", ["x"]])
def test_an_audit_that_failed_is_an_empty_one(audit: Any) -> None:
    assert FinishRequest.parse({"run_id": "run-1", "audit": audit}) == FinishRequest("run-1", {})


def test_the_audit_s_answer_is_taken_over() -> None:
    answer = {"tree_size": 5, "root_hash": "ab", "gaps": 0}
    assert FinishRequest.parse({"run_id": "run-1", "audit": answer}).audit == answer


def test_as_many_ids_are_taken_as_an_execution_s_input_holds() -> None:
    given = {"customer_ids": [ID] * MOST_IDS, "limit": 10_000_000, "batch_size": 1000, "purpose": "retention"}
    assert parse(given).customer_ids == (UUID(ID),)
    call = {"do": "plan", "run_id": "r" * 80, "input": given}
    assert len(json.dumps(call, separators=(",", ":"))) <= MOST_INPUT_BYTES


def test_a_run_to_take_up_may_be_limited() -> None:
    assert parse({"redrive": "run-0", "limit": 5}) == PlanRequest("run-1", limit=5, redrive="run-0")


def test_of_an_input_full_of_unknown_fields_little_is_repeated() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse({f"{number}-{'x' * 1000}": 1 for number in range(200)})
    assert len(str(caught.value)) < 2000
    assert "190 more are unknown" in str(caught.value)


@pytest.mark.parametrize("number", [2, 13])
def test_an_execution_that_continues_names_its_run(number: int) -> None:
    assert parse({}, f"run-1--resume-{number}") == PlanRequest("run-1", resumes=True)
    assert not parse({}, "run-1--resume-").resumes


def test_one_customer_is_enough_of_a_limit() -> None:
    assert parse({"limit": 1}).limit == 1


@pytest.mark.parametrize(("more", "is_said"), [(0, False), (1, True)])
def test_unknown_fields_beyond_those_shown_are_counted(more: int, is_said: bool) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse({f"field{number}": 1 for number in range(SHOWN + more)})
    assert (f"{more} more are unknown" in str(refused.value)) == is_said
