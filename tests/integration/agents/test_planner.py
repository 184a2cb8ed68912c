"""The planner against the real database: planned once, counted exactly, closed once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

import planner.store
from planner.closing import finish_run
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import FinishRequest, PlanRequest
from planner.settings import PlannerSettings
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scorers import SCORER_SHA256
from tests.integration.agents.conftest import Office
from tests.integration.conftest import Bank
from vigie.errors import InvalidInputError, ModelNotApprovedError, SettingsError, UnknownRunError

Hire = Callable[..., list[UUID]]
SETTINGS = PlannerSettings("vigie/database/planner", "runs", "analysis-2", "action-3", 100, 6, 0.70, 0.35, 2, 16)


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def everybody(bank: Bank, hire: Hire) -> Iterator[list[UUID]]:
    """Seven who are due, and one each without consent to profiling, with it withdrawn, and without features."""
    bank.query("DELETE FROM customer_features")
    due = hire(7, feedback=False)
    hire(1, feedback=False, consents=("feedback_analysis", "retention_offers"))
    [withdrawn] = hire(1, feedback=False)
    bank.record_consent(withdrawn, "profiling", False)
    [unknown] = hire(1, feedback=False)
    bank.query("DELETE FROM customer_features WHERE customer_id = %s", unknown)
    yield due
    bank.query("DELETE FROM customer_features")


def plan(office: Office, store: FakeObjectStore, settings: PlannerSettings = SETTINGS, **asked: Any) -> dict[str, Any]:
    request = PlanRequest.parse({"run_id": office.run_id, "input": asked})
    manifests = Manifests("runs", store)
    return plan_run(request, settings, office.database("planner"), manifests, office.request("planner"))


def finish(office: Office, audit: dict[str, Any] | None = None, run_id: str | None = None) -> dict[str, Any]:
    asked = FinishRequest(run_id or office.run_id, audit or {})
    return finish_run(asked, office.database("planner"), office.request("planner"))


def members(office: Office) -> dict[UUID, int]:
    rows = office.bank.query("SELECT customer_id, batch_no FROM run_customers WHERE run_id = %s", office.run_id)
    return {row[0]: row[1] for row in rows}


def sizes(office: Office) -> list[int]:
    """How many customers each batch has, in the batches' order."""
    return [size for _, size in sorted(Counter(members(office).values()).items())]


def test_everybody_due_is_planned_in_batches_and_no_one_without_consent(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    planned = plan(office, store, batch_size=3)
    key = f"runs/{office.run_id}/batches.json"
    assert planned == {
        "run_id": office.run_id, "planned": 7, "batches": 3, "max_concurrency": 6,
        "manifest": {"bucket": "runs", "key": key},
    }  # fmt: skip
    assert json.loads(store.objects[key]) == [{"batch_no": 0}, {"batch_no": 1}, {"batch_no": 2}]
    assert members(office) == {customer_id: place // 3 for place, customer_id in enumerate(sorted(everybody))}


def test_batches_shrink_towards_the_runs_end_from_the_setting_to_the_least_size(
    office: Office, store: FakeObjectStore, everybody: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LEAST_BATCH_SIZE": 1, "SHARE": 2}.items():
        monkeypatch.setattr(planner.store, name, value)
    # Half of seven customers are four; half of the three that are left are two.
    one_call = replace(SETTINGS, nlp_environments=1, llm_concurrency=1)
    assert plan(office, store, settings=one_call)["batches"] == 3
    assert sizes(office) == [4, 2, 1]
    assert office.bank.query("SELECT batch_size FROM runs WHERE run_id = %s", office.run_id) == [(4,)]
    again = Office(office.bank, f"{office.run_id}-again")
    assert plan(again, store, settings=replace(one_call, batch_size=3))["batches"] == 4
    assert sizes(again) == [3, 2, 1, 1]
    rounds = Office(office.bank, f"{office.run_id}-rounds")
    plan(rounds, store, settings=replace(SETTINGS, nlp_environments=2, llm_concurrency=2))
    assert sizes(rounds) == [4, 3]


def test_what_a_run_is_made_with_is_frozen_and_audited(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    plan(office, store, purpose="test")
    [row] = office.bank.query(
        "SELECT purpose, status, contract, model_version, scorer_sha256, prompt_versions, thresholds, batch_size"
        " FROM runs WHERE run_id = %s",
        office.run_id,
    )
    prompts, thresholds = {"analysis": "analysis-2", "action": "action-3"}, {"high": 0.7, "medium": 0.35}
    assert row == ("test", "running", "tiny", "tiny-1", SCORER_SHA256, prompts, thresholds, 64)
    [(_, status, details)] = office.bank.events(office.run_id, "RUN_PLANNED")
    assert status == "ok"
    assert details["left_out_without_profiling_consent"] == 2
    assert (details["planned"], details["batches"], details["model_version"]) == (7, 1, "tiny-1")
    assert details["contract"] == "tiny"


def test_whether_drafts_are_kept_is_frozen_with_the_run(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    drafted = Office(office.bank, f"{office.run_id}-drafted")
    plan(office, store)
    plan(drafted, store, settings=replace(SETTINGS, wording="drafted"))
    sql = "SELECT wording, length(phrases_sha256) FROM runs WHERE run_id = %s"
    assert [office.bank.query(sql, each.run_id) for each in (office, drafted)] == [
        [("composed", 64)],
        [("drafted", 64)],
    ]
    with pytest.raises(SettingsError, match="WORDING=prose is not known: set composed or drafted"):
        plan(Office(office.bank, f"{office.run_id}-odd"), store, settings=replace(SETTINGS, wording="prose"))


def test_planned_again_the_answer_is_the_same_and_nothing_is_added(
    office: Office, store: FakeObjectStore, everybody: list[UUID], hire: Hire
) -> None:
    first = plan(office, store, batch_size=3)
    before = members(office)
    hire(2, feedback=False)
    assert plan(office, store, batch_size=3) == first
    assert members(office) == before
    assert len(office.bank.events(office.run_id, "RUN_PLANNED")) == 1


def test_two_planners_at_once_plan_once(office: Office, store: FakeObjectStore, everybody: list[UUID]) -> None:
    asked = PlanRequest.parse({"run_id": office.run_id, "input": {}})
    databases = [office.bank.database("planner") for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as threads:
            plans = list(
                threads.map(
                    lambda database: plan_run(
                        asked, SETTINGS, database, Manifests("runs", store), office.request("planner")
                    ),
                    databases,
                )
            )
    finally:
        for database in databases:
            database.close()
    assert plans == [plans[0]] * 4
    assert len(office.bank.events(office.run_id, "RUN_PLANNED")) == 1


def test_a_limit_takes_so_many_of_those_who_consented(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    assert plan(office, store, limit=5, batch_size=2)["planned"] == 5
    assert sorted(members(office)) == sorted(everybody)[:5]
    assert sorted(members(office).values()) == [0, 0, 1, 1, 2]


def test_customers_chosen_by_id_are_planned_and_no_one_else(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    chosen = everybody[2:4]
    assert plan(office, store, customer_ids=[str(customer_id) for customer_id in chosen])["planned"] == 2
    assert set(members(office)) == set(chosen)


def test_unknown_customers_are_refused_by_id_and_nothing_is_planned(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    unknown = uuid4()
    with pytest.raises(InvalidInputError, match=rf"1 have no features under contract tiny: {unknown}.*make load"):
        plan(office, store, customer_ids=[str(everybody[0]), str(unknown)])
    assert office.bank.query("SELECT count(*) FROM runs WHERE run_id = %s", office.run_id) == [(0,)]
    assert store.objects == {}


def test_with_no_one_due_there_are_no_batches_and_the_run_succeeds(
    office: Office, store: FakeObjectStore, bank: Bank
) -> None:
    bank.query("DELETE FROM customer_features")
    assert plan(office, store)["batches"] == 0
    assert list(store.objects.values()) == [b"[]"]
    assert finish(office)["status"] == "succeeded"


def test_without_an_approved_model_nothing_is_planned(office: Office, store: FakeObjectStore, bank: Bank) -> None:
    with pytest.raises(ModelNotApprovedError, match="train one with make train, approve it with make promote"):
        plan(office, store, replace(SETTINGS, contract="another"))
    assert office.bank.query("SELECT count(*) FROM runs WHERE run_id = %s", office.run_id) == [(0,)]


def test_a_model_for_other_features_than_those_loaded_plans_nothing(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    load = "INSERT INTO loaded_contracts (name, fingerprint, content) VALUES ('tiny', %s, '{}')"
    office.bank.query(load, "a" * 64)
    try:
        for fingerprint, refused in (("b" * 64, True), ("a" * 64, False)):
            office.bank.query("UPDATE model_registry SET content_fingerprint = %s WHERE contract = 'tiny'", fingerprint)
            if refused:
                with pytest.raises(ModelNotApprovedError, match="other features than the customers of contract tiny"):
                    plan(office, store)
            else:
                assert plan(office, store)["planned"] == 7
    finally:
        office.bank.query("DELETE FROM loaded_contracts WHERE name = 'tiny'")
        office.bank.query("UPDATE model_registry SET content_fingerprint = NULL WHERE contract = 'tiny'")


def test_a_finished_run_s_counts_add_up(
    office: Office, store: FakeObjectStore, everybody: list[UUID], bank: Bank
) -> None:
    for customer_id in everybody[:3]:
        bank.add_feedback(customer_id.int >> 96)
    bank.record_consent(everybody[0], "feedback_analysis", False)
    plan(office, store, batch_size=4)
    for batch_no in (0, 1):
        office.analyse(batch_no)
        office.predict(batch_no)
        office.act(batch_no)
    audit = {"tree_size": 9, "root_hash": "ab", "gaps": 0, "anything": "else"}
    assert finish(office, audit) == {
        "run_id": office.run_id,
        "status": "succeeded",
        "customers": {
            "planned": 7, "analysed": 2, "without_consent": 1, "without_feedback": 4, "analysis_failed": 0,
            "predicted": 7, "prediction_withdrawn": 0, "prediction_failed": 0,
            "actions": 7, "action_withdrawn": 0, "action_failed": 0, "failed": 0, "without_lost_analysis": 0,
        },
        "reasons": {"analyse": {"NoConsent": 1, "NoFeedback": 4}, "predict": {}, "decide": {}},
        "audit": {"tree_size": 9, "root_hash": "ab", "gaps": 0},
    }  # fmt: skip


def test_after_a_batch_that_failed_everyone_is_still_accounted_for(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    plan(office, store, batch_size=4)
    office.analyse(0)
    office.predict(0)
    office.act(0)
    office.analyse(1)
    finished = finish(office)
    assert finished["status"] == "partial"
    counts = finished["customers"]
    assert (counts["planned"], counts["predicted"], counts["actions"], counts["failed"]) == (7, 4, 4, 3)
    assert (counts["prediction_failed"], counts["action_failed"]) == (3, 3)
    assert office.counts()["run_steps"] == 3 * 7
    ended = [details for _, _, details in office.bank.events(office.run_id, "STEP_ENDED")]
    failed = {"outcome": "failed", "reason": "BatchFailed"}
    assert [one for one in ended if one["outcome"] == "failed"].count({"step": "predict", **failed}) == 3
    assert ended.count({"step": "decide", **failed}) == 3


def test_a_run_of_which_nothing_was_predicted_failed(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    plan(office, store)
    finished = finish(office)
    assert (finished["status"], finished["customers"]["failed"]) == ("failed", 7)
    assert finished["audit"] == {"tree_size": None, "root_hash": None, "gaps": None}


def test_a_run_is_closed_once_whoever_closes_it_again(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    plan(office, store)
    databases = [office.bank.database("planner") for _ in range(4)]
    asked = FinishRequest(office.run_id, {})
    try:
        with ThreadPoolExecutor(4) as threads:
            ends = list(threads.map(lambda database: finish_run(asked, database, office.request("planner")), databases))
    finally:
        for database in databases:
            database.close()
    assert ends == [ends[0]] * 4
    assert finish(office) == ends[0]
    assert len(office.bank.events(office.run_id, "RUN_FINISHED")) == 1
    assert len(office.bank.events(office.run_id, "STEP_ENDED")) == 21


def test_an_agent_that_comes_after_the_end_changes_nothing(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    plan(office, store)
    finish(office)
    before = office.counts()
    office.analyse()
    office.predict()
    office.act()
    assert office.counts() == before


def test_a_run_that_was_never_planned_cannot_be_closed(office: Office) -> None:
    with pytest.raises(UnknownRunError, match="run nobody was never planned"):
        finish(office, run_id="nobody")


def resume(office: Office, store: FakeObjectStore, run_id: str | None = None) -> dict[str, Any]:
    request = PlanRequest.parse({"run_id": f"{run_id or office.run_id}--resume-2", "input": {}})
    return plan_run(request, SETTINGS, office.database("planner"), Manifests("runs", store), office.request("planner"))


def test_an_execution_that_continues_gets_the_plan_that_there_is(
    office: Office, store: FakeObjectStore, everybody: list[UUID]
) -> None:
    planned = plan(office, store, batch_size=3)
    assert resume(office, store) == planned
    assert office.bank.query("SELECT count(*) FROM runs WHERE run_id LIKE '%resume%'") == [(0,)]


def test_an_unplanned_run_cannot_go_on(office: Office, store: FakeObjectStore) -> None:
    with pytest.raises(InvalidInputError, match=r"run unheard-of was never planned.* start one with make run"):
        resume(office, store, "unheard-of")


def test_a_closed_run_is_not_reopened(office: Office, store: FakeObjectStore, everybody: list[UUID]) -> None:
    plan(office, store)
    finish(office)
    with pytest.raises(InvalidInputError, match="is closed and stays as it is: make redrive"):
        resume(office, store)
