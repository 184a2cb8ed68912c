"""Reconciliation: each kind of gap is made to happen in a finished run, and found under its name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aws_lambda_powertools import Metrics

from audit_agent.closing import Closer
from audit_agent.execution_history import Executions
from audit_agent.gaps import Gap
from audit_agent.log_comparison import EventOrigin, LogComparison, StoredEvents, read_origins, since_ms
from audit_agent.log_reading import Logs
from audit_agent.reconciling import Reconciled, Reconciler
from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.audit.finished_run import GROUPS, RUN, FinishedRun
from vigie.ids import uuid7
from vigie.vocabulary import EventType, GapName

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:vigie-retention-run"


@pytest.fixture
def run(environment: AuditEnvironment) -> Iterator[FinishedRun]:
    """A finished run whose records agree."""
    finished = FinishedRun(environment)
    finished.write()
    yield finished
    finished.close()


def reconciler(run: FinishedRun, seconds: float = 0.0) -> Reconciler:
    """A reconciler over the run's stand-ins for logs and history."""
    logs = Logs(GROUPS, run.logs)
    return Reconciler(run.environment.database("audit_agent"), logs, Executions(MACHINE, run.steps), seconds)


def reconcile(run: FinishedRun) -> Reconciled:
    return reconciler(run).reconcile(RUN, request(run_id=RUN))


@pytest.mark.parametrize("spaced", [False, True])
def test_a_run_whose_records_agree_has_no_gap(run: FinishedRun, spaced: bool) -> None:
    run.logs.spaced = spaced
    found = reconcile(run)
    assert found.gaps == []
    assert found.expected == []
    assert found.events == len(run.logs.lines)


def test_a_sealed_run_whose_records_agree_has_no_gap(run: FinishedRun) -> None:
    run.environment.sealer().seal(request())
    assert reconcile(run).gaps == []


type Break = Callable[[FinishedRun], None]


def sql(statement: str, customer: int) -> Break:
    """Break a run by a statement, as superuser with triggers off."""
    return lambda run: run.environment.tamper(statement, str(run.customers[customer]))


def event_gone(event_type: str, customer: int | None = 0, agent: str | None = None) -> Break:
    """Break a run by taking an audit row and its log line away: as if it had never been written."""

    def break_it(run: FinishedRun) -> None:
        event_id = run.event_id(event_type, customer, agent)
        run.environment.tamper("DELETE FROM audit_log WHERE event_id = %s", str(event_id))
        run.logs.lines = [line for line in run.logs.lines if line["event_id"] != str(event_id)]

    return break_it


# What is broken; then step, store and problem of the one gap, and the customer it is about.
BREAKS: dict[str, tuple[Break, tuple[str, str, str], int | None]] = {
    "a step that nobody ended": (
        sql("DELETE FROM run_steps WHERE step = 'predict' AND customer_id = %s", 1),
        ("predict", "run_steps", "StepNotDone"),
        1,
    ),
    "a prediction without its event": (
        event_gone("PREDICTION_SAVED", 2),
        ("predict", "audit_log", "ResultWithoutEvent"),
        2,
    ),
    "an analysis without its event": (
        event_gone("ANALYSIS_SAVED", 1),
        ("analyse", "audit_log", "ResultWithoutEvent"),
        1,
    ),
    "an action without its segmentation": (
        event_gone("SEGMENTATION", 0),
        ("decide", "audit_log", "SegmentWithoutEvent"),
        0,
    ),
    "a result without a consent check": (
        event_gone("CONSENT_CHECK", 0, "prediction_agent"),
        ("predict", "audit_log", "ConsentNotChecked"),
        0,
    ),
    "a skipped step without its event": (event_gone("STEP_ENDED", 3), ("analyse", "audit_log", "StepWithoutEvent"), 3),
    "a call without an outcome": (
        sql("UPDATE egress_ledger SET outcome = NULL WHERE agent = 'action_agent' AND customer_id = %s", 2),
        ("decide", "egress_ledger", "CallWithoutOutcome"),
        2,
    ),
    "a call whose start was not told": (
        event_gone("LLM_CALL_START", 1, "nlp_agent"),
        ("analyse", "audit_log", "CallStartWithoutEvent"),
        1,
    ),
    "a call whose end was not told": (
        event_gone("LLM_CALL_END", 1, "action_agent"),
        ("decide", "audit_log", "CallEndWithoutEvent"),
        1,
    ),
    "a pseudonymisation that was not told": (
        event_gone("PSEUDONYMISATION", 2),
        ("analyse", "audit_log", "PseudonymisationNotTold"),
        2,
    ),
    "a step that came to something else than was told": (
        sql("UPDATE run_steps SET reason = 'NoFeedback' WHERE outcome = 'skipped' AND customer_id = %s", 3),
        ("analyse", "audit_log", "StepWithoutEvent"),
        3,
    ),
    "a skipped step without a consent check": (
        event_gone("CONSENT_CHECK", 3, "nlp_agent"),
        ("analyse", "audit_log", "ConsentNotChecked"),
        3,
    ),
    "a call that was blocked, and nobody told": (
        sql("UPDATE egress_ledger SET outcome = 'blocked' WHERE agent = 'nlp_agent' AND customer_id = %s", 0),
        ("analyse", "audit_log", "RefusalNotTold"),
        0,
    ),
    "an answer that was rejected, and nobody told": (
        sql("UPDATE egress_ledger SET outcome = 'rejected' WHERE agent = 'action_agent' AND customer_id = %s", 1),
        ("decide", "audit_log", "RefusalNotTold"),
        1,
    ),
    "a result from a call that was not answered": (
        sql("UPDATE egress_ledger SET outcome = 'refused' WHERE agent = 'nlp_agent' AND customer_id = %s", 1),
        ("analyse", "egress_ledger", "ResultWithoutAnswer"),
        1,
    ),
    "an action in the name of a consent that was refused": (
        sql("UPDATE audit_log SET status = 'refused' WHERE event_type = 'CONSENT_CHECK' AND customer_id = %s", 2),
        ("decide", "audit_log", "ConsentNotChecked"),
        2,
    ),
    "a prediction made without an analysis that failed, and not marked": (
        sql(
            "UPDATE run_steps SET outcome = 'failed', reason = 'ModelRefused'"
            " WHERE step = 'analyse' AND customer_id = %s",
            0,
        ),
        ("predict", "predictions", "LossNotMarked"),
        0,
    ),
    "an action made without an analysis that nobody ended, and not marked": (
        sql("DELETE FROM run_steps WHERE step = 'analyse' AND customer_id = %s", 1),
        ("decide", "actions", "LossNotMarked"),
        1,
    ),
    "a mark that was set later": (
        sql("UPDATE actions SET analysis_lost = true WHERE customer_id = %s", 2),
        ("decide", "audit_log", "LossToldOtherwise"),
        2,
    ),
    "a plan that was not told": (event_gone("RUN_PLANNED", None), ("run", "run_customers", "PlanDiffers"), None),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_gap_is_found_and_named(name: str, run: FinishedRun) -> None:
    break_it, (step, store, problem), customer = BREAKS[name]
    break_it(run)
    expected = Gap(step, store, GapName(problem), None if customer is None else run.customers[customer])
    found = reconcile(run).gaps
    assert expected in [replace(gap, event_id=None) if problem == "LossToldOtherwise" else gap for gap in found]


def test_a_missing_log_line_is_found(run: FinishedRun) -> None:
    event_id = run.event_id("ACTION_SAVED", 1)
    run.logs.lines = [line for line in run.logs.lines if line["event_id"] != str(event_id)]
    assert reconcile(run).gaps == [Gap("decide", "cloudwatch", GapName.EVENT_NOT_LOGGED, run.customers[1], event_id)]


def test_a_log_line_that_differs_is_found(run: FinishedRun) -> None:
    event_id = run.event_id("PREDICTION_SAVED", 0)
    for line in run.logs.lines:
        if line["event_id"] == str(event_id):
            line["details"] = {"probability": 0.51}
    assert reconcile(run).gaps == [Gap("predict", "cloudwatch", GapName.LOG_LINE_DIFFERS, run.customers[0], event_id)]


def test_an_audit_row_that_was_taken_away_is_found_by_its_log_line(run: FinishedRun) -> None:
    event_id = run.event_id("BATCH_START", agent="nlp_agent")
    run.environment.tamper("DELETE FROM audit_log WHERE event_id = %s", str(event_id))
    assert reconcile(run).gaps == [Gap("analyse", "audit_log", GapName.LOGGED_WITHOUT_ROW, None, event_id)]


def test_an_event_without_its_result_is_found(run: FinishedRun) -> None:
    run.environment.tamper("DELETE FROM predictions WHERE customer_id = %s", str(run.customers[0]))
    event_id = run.event_id("PREDICTION_SAVED", 0)
    assert set(reconcile(run).gaps) == {
        Gap("predict", "predictions", GapName.RESULT_MISSING, run.customers[0]),
        Gap("predict", "predictions", GapName.EVENT_WITHOUT_RESULT, run.customers[0], event_id),
    }


def test_a_logged_step_end_without_a_record_is_found(run: FinishedRun) -> None:
    run.environment.tamper("DELETE FROM run_steps WHERE outcome = 'skipped'")
    event_id = run.event_id("STEP_ENDED", 3)
    assert set(reconcile(run).gaps) == {
        Gap("analyse", "run_steps", GapName.STEP_NOT_ENDED, run.customers[3], batch_no=1),
        Gap("analyse", "run_steps", GapName.EVENT_WITHOUT_STEP, run.customers[3], event_id),
        Gap("predict", "predictions", GapName.LOSS_NOT_MARKED, run.customers[3]),
        Gap("decide", "actions", GapName.LOSS_NOT_MARKED, run.customers[3]),
    }


def test_a_second_event_of_one_result_is_found(run: FinishedRun) -> None:
    from vigie.audit import Event

    again = Event(EventType.PREDICTION_SAVED, customer_id=run.customers[0])
    run._told("prediction_agent", again)
    assert reconcile(run).gaps == [
        Gap("predict", "predictions", GapName.EVENT_WITHOUT_RESULT, run.customers[0], again.event_id)
    ]


def test_an_event_about_a_call_that_the_ledger_does_not_know_is_found(run: FinishedRun) -> None:
    run.environment.tamper(
        "DELETE FROM egress_ledger WHERE agent = 'action_agent' AND customer_id = %s", str(run.customers[0])
    )
    problems = {(gap.store, gap.problem) for gap in reconcile(run).gaps}
    assert problems == {("egress_ledger", "EventWithoutCall"), ("egress_ledger", "ResultWithoutAnswer")}


def test_a_row_that_was_changed_after_it_was_sealed_is_found(run: FinishedRun) -> None:
    run.environment.sealer().seal(request())
    event_id = run.event_id("PREDICTION_SAVED", 2)
    run.environment.tamper("UPDATE audit_log SET status = 'failed' WHERE event_id = %s", str(event_id))
    stores = {(gap.store, gap.problem, gap.event_id) for gap in reconcile(run).gaps}
    assert stores == {("audit_leaf", "LeafDiffers", event_id), ("cloudwatch", "LogLineDiffers", event_id)}


def test_a_row_that_the_sealer_was_made_to_pass_over_is_found(run: FinishedRun) -> None:
    run.environment.sealer().seal(request())
    event_id = run.event_id("ACTION_SAVED", 0)
    run.environment.tamper("DELETE FROM audit_leaf WHERE event_id = %s", str(event_id))
    assert reconcile(run).gaps == [Gap("decide", "audit_leaf", GapName.NOT_SEALED, run.customers[0], event_id)]


def batch_failed(run: FinishedRun) -> None:
    """Batch 1 got as far as its analysis: nothing is stored or told of its prediction and decision."""
    for step, agent in (("predict", "prediction_agent"), ("decide", "action_agent")):
        for number in (2, 3):
            customer = str(run.customers[number])
            for table in ("actions", "egress_ledger", "predictions"):
                if table != "predictions" or step == "predict":
                    condition = "AND agent = 'action_agent'" if table == "egress_ledger" else ""
                    run.environment.tamper(f"DELETE FROM {table} WHERE customer_id = %s {condition}", customer)
            run.environment.tamper(f"DELETE FROM run_steps WHERE step = '{step}' AND customer_id = %s", customer)
        gone: list[str] = [
            line["event_id"]
            for line in run.logs.lines
            if line["agent"] == agent
            and (line["customer_id"] in map(str, run.customers[2:]) or line["details"].get("batch_no") == 1)
        ]
        run.environment.tamper("DELETE FROM audit_log WHERE event_id = ANY(%s::uuid[])", gone)
        run.logs.lines = [line for line in run.logs.lines if line["event_id"] not in gone]


@pytest.mark.parametrize("listed", [[1], None])
def test_steps_of_a_batch_that_failed_are_expected_failures_not_gaps(
    run: FinishedRun, listed: list[int] | None
) -> None:
    batch_failed(run)
    run.steps.failed, run.steps.failed_batches = 1, listed
    found = reconcile(run)
    assert found.gaps == []
    assert {(gap.step, gap.customer_id) for gap in found.expected} == {
        (step, run.customers[number]) for step in ("predict", "decide") for number in (2, 3)
    }


def test_steps_of_a_batch_that_step_functions_calls_succeeded_are_gaps(run: FinishedRun) -> None:
    batch_failed(run)
    gaps = reconcile(run).gaps
    assert Gap("run", "audit_log", GapName.BATCH_END_NOT_TOLD, batch_no=1) in gaps
    assert {gap.customer_id for gap in gaps if gap.problem == "StepNotEnded"} == set(run.customers[2:])


@pytest.mark.parametrize(
    ("total", "problem"),
    [(0, GapName.NO_BATCH_STARTED), (1, GapName.BATCHES_NOT_STARTED), (3, GapName.BATCHES_NOT_STARTED)],
)
def test_batches_that_step_functions_did_not_start_are_found(run: FinishedRun, total: int, problem: GapName) -> None:
    run.steps.total = total
    assert reconcile(run).gaps == [Gap("run", "step_functions", problem)]


@pytest.mark.parametrize(
    ("listed", "gap"),
    [
        ([0], Gap("run", "step_functions", GapName.BATCH_FAILED_THOUGH_ENDED, batch_no=0)),
        (None, Gap("run", "step_functions", GapName.BATCHES_FAILED_THOUGH_ENDED)),
    ],
)
def test_a_batch_that_failed_though_its_agents_ended_it_is_found(
    run: FinishedRun, listed: list[int] | None, gap: Gap
) -> None:
    run.steps.failed, run.steps.failed_batches = 1, listed
    assert reconcile(run).gaps == [gap]


def test_batches_that_are_still_under_way_when_the_run_is_closed_are_found(run: FinishedRun) -> None:
    run.steps.pending = 1
    assert reconcile(run).gaps == [Gap("run", "step_functions", GapName.BATCHES_NOT_ENDED)]


@pytest.mark.parametrize("writer", ["action_agent", "audit_agent", "planner"])
def test_a_line_in_another_agent_s_log_group_stands_for_no_event(run: FinishedRun, writer: str) -> None:
    """Who may write its own group writes there what another agent's line would say, and that line is taken away."""
    event_id = run.event_id("PREDICTION_SAVED", 0)
    [line] = [line for line in run.logs.lines if line["event_id"] == str(event_id)]
    run.logs.lines.remove(line)
    run.logs.elsewhere.append((writer, line))
    found = {(gap.step, gap.problem, gap.event_id) for gap in reconcile(run).gaps}
    by = {"action_agent": "decide"}.get(writer, "run")
    assert found == {
        ("predict", GapName.EVENT_NOT_LOGGED, event_id),
        (by, GapName.LOGGED_BY_ANOTHER, event_id),
    }


def test_an_invented_line_in_another_agent_s_log_group_is_named(run: FinishedRun) -> None:
    [line, *_] = [line for line in run.logs.lines if line["event_type"] == "PREDICTION_SAVED"]
    run.logs.elsewhere.append(("nlp_agent", line | {"event_id": str(uuid7())}))
    assert [(gap.step, gap.problem) for gap in reconcile(run).gaps] == [("analyse", GapName.LOGGED_BY_ANOTHER)]


def test_every_gap_has_a_test_here() -> None:
    here = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [gap for gap in GapName if f'"{gap}"' not in here and f"GapName.{gap.name}" not in here] == []


def test_an_event_that_vanishes_while_it_is_compared_is_a_gap_all_the_same(run: FinishedRun) -> None:
    """Its row was read, its log line is not there, and then its row is not there either."""
    event_id = run.event_id("PREDICTION_SAVED", 0)
    database, origin = run.environment.database("audit_agent"), request(run_id=RUN).origin
    with database.transaction(origin) as transaction:
        stored = StoredEvents(transaction, RUN)
    run.environment.tamper("DELETE FROM audit_log WHERE event_id = %s", str(event_id))

    def origins(event_ids: list[UUID]) -> dict[UUID, EventOrigin]:
        with database.transaction(origin) as transaction:
            return read_origins(transaction, event_ids)

    run.logs.lines = [line for line in run.logs.lines if line["event_id"] != str(event_id)]
    logs = Logs(GROUPS, run.logs)
    comparison = LogComparison(logs, stored, origins)
    comparison.read(RUN, logs.pages(RUN, since_ms(datetime.now(UTC))), 5.0, lambda: 5.0)
    assert comparison.gaps() == [Gap("run", "cloudwatch", GapName.EVENT_NOT_LOGGED, None, event_id)]


def test_a_store_that_cannot_be_read_is_one_gap_not_thousands(run: FinishedRun) -> None:
    run.logs.down = run.steps.down = True
    assert {(gap.store, gap.problem) for gap in reconcile(run).gaps} >= {
        ("cloudwatch", "StoreUnavailable"),
        ("step_functions", "StoreUnavailable"),
    }
    assert len(reconcile(run).gaps) == 2


def test_log_lines_that_arrive_late_are_waited_for(run: FinishedRun) -> None:
    run.logs.late = 5
    assert reconciler(run, seconds=20).reconcile(RUN, request(run_id=RUN)).gaps == []
    assert set(run.logs.looks.values()) == {2}


def close(run: FinishedRun) -> dict[str, Any]:
    closer = Closer(run.environment.database("audit_agent"), reconciler(run), run.environment.sealer())
    return closer.close(RUN, request(run_id=RUN), Metrics(namespace="Vigie", service="test"))


def test_closing_stores_counts_audits_and_seals_the_gaps(run: FinishedRun) -> None:
    run.logs.lines.pop()
    output = close(run)
    assert output["gaps"] == 1
    assert run.environment.fetch("SELECT store, problem FROM run_gaps WHERE run_id = %s", RUN) == [
        ("cloudwatch", "EventNotLogged")
    ]
    told = run.environment.fetch(
        "SELECT status, details->>'gaps', leaf_index < %s FROM audit_log JOIN audit_leaf USING (event_id)"
        " WHERE event_type = 'RUN_RECONCILED'",
        output["tree_size"],
    )
    assert told == [("failed", "1", True)]
    assert run.environment.verify().valid


def test_closing_again_names_each_gap_once(run: FinishedRun) -> None:
    run.logs.lines.pop()
    close(run)
    run.environment.tamper("DELETE FROM audit_log WHERE event_type IN ('RUN_RECONCILED', 'CHECKPOINT_SIGNED')")
    close(run)
    assert run.environment.fetch("SELECT count(*) FROM run_gaps") == [(1,)]


@pytest.mark.parametrize("fault", ["kms", "s3"])
def test_closing_without_key_or_store_answers_at_once_that_nothing_was_sealed(run: FinishedRun, fault: str) -> None:
    run.environment.kms.down = fault == "kms"
    run.environment.s3.down = {"list_objects_v2"} if fault == "s3" else set()
    assert close(run) == {"tree_size": None, "root_hash": None, "gaps": 0}
    run.environment.kms.down, run.environment.s3.down = False, set()
    signed = run.environment.sealer().seal(request())
    assert signed is not None
    assert run.environment.fetch(
        "SELECT count(*) FROM audit_log l WHERE run_id = %s AND NOT EXISTS"
        " (SELECT FROM audit_leaf f WHERE f.event_id = l.event_id)",
        RUN,
    ) == [(0,)]
