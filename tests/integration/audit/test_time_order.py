"""Closing a run compares the order in which events were sealed with the times that they give themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from audit_agent import time_checks
from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.audit.finished_run import RUN, FinishedRun
from tests.integration.audit.test_reconciliation import reconcile
from vigie.vocabulary import GapName

EVENTS = "SELECT event_id::text FROM audit_leaf JOIN audit_log USING (event_id) WHERE run_id = %s ORDER BY leaf_index"


@pytest.fixture
def run(environment: AuditEnvironment) -> Iterator[FinishedRun]:
    """A finished run, sealed between two checkpoints, and what follows it."""
    environment.write(3, run_id="before")
    environment.sealer().seal(request())
    finished = FinishedRun(environment)
    finished.write()
    environment.sealer().seal(request())
    environment.write(3, run_id="after")
    environment.sealer().seal(request())
    yield finished
    finished.close()


def time_gaps(run: FinishedRun) -> list[tuple[str, str | None]]:
    names = (GapName.EVENT_TIME_OUT_OF_ORDER, GapName.CHECKPOINT_TIMES_OUT_OF_ORDER)
    return [
        (gap.problem, str(gap.event_id) if gap.event_id else None)
        for gap in reconcile(run).gaps
        if gap.problem in names
    ]


def move(run: FinishedRun, event_id: str, seconds: float) -> None:
    """Give an event another time: the writer's, whose clock is wrong, so that seal and log line agree with it."""
    run.environment.tamper(
        "UPDATE audit_log SET occurred_at = occurred_at + make_interval(secs => %s) WHERE event_id = %s",
        seconds,
        event_id,
    )


@pytest.mark.parametrize("place", [0, 7, -1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_an_event_whose_time_does_not_fit_when_it_was_sealed_is_named(run: FinishedRun, place: int, sign: int) -> None:
    [event_id] = run.environment.fetch(EVENTS, RUN)[place]
    assert time_gaps(run) == []
    move(run, event_id, sign * (time_checks.BOUND_SECONDS - 30))
    assert time_gaps(run) == []
    move(run, event_id, sign * 60)
    assert time_gaps(run) == [("EventTimeOutOfOrder", event_id)]


def test_an_event_newer_than_every_checkpoint_has_no_upper_bound_yet(run: FinishedRun) -> None:
    run.environment.tamper("DELETE FROM audit_publication")
    [(last,)] = run.environment.fetch("SELECT max(tree_size) FROM audit_checkpoint")
    run.environment.tamper("DELETE FROM audit_checkpoint")
    [event_id] = run.environment.fetch(EVENTS, RUN)[0]
    move(run, event_id, 5 * 3600)
    assert last
    assert time_gaps(run) == []


def test_checkpoints_that_go_back_in_time_are_named(run: FinishedRun) -> None:
    [(first,), (second,), _] = run.environment.fetch("SELECT tree_size FROM audit_checkpoint ORDER BY 1")
    swap = "UPDATE audit_checkpoint SET signed_at = (SELECT signed_at FROM audit_checkpoint WHERE tree_size = %s)"
    run.environment.tamper(f"{swap} - interval '1 second' WHERE tree_size = %s", first, second)
    assert time_gaps(run) == [("CheckpointTimesOutOfOrder", None)]


def test_what_went_wrong_long_before_a_run_is_not_laid_at_its_door(run: FinishedRun) -> None:
    run.environment.tamper(
        "INSERT INTO audit_checkpoint (tree_size, root_hash, note, signed_at)"
        " SELECT 1, root_hash, '', signed_at + interval '1 hour' FROM audit_checkpoint ORDER BY tree_size LIMIT 1"
    )
    assert time_gaps(run) == []
