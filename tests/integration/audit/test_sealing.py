"""Sealing against a real PostgreSQL: one tree, whoever seals, whenever they die, in whatever order commits arrive."""

import contextlib
import threading
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from audit_agent import sealing
from audit_agent.errors import LogBrokenError, SigningUnavailableError, StoreUnavailableError
from tests.integration.audit.audit_environment import (
    OWN_EVENTS,
    AuditEnvironment,
    an_event,
    now,
    open_transaction,
    request,
)
from vigie.audit import Event, Origin, insert_events
from vigie.database import DatabaseCursor
from vigie.errors import VigieError
from vigie.vocabulary import EventType


def test_a_round_seals_signs_and_publishes_what_is_committed(environment: AuditEnvironment) -> None:
    written = environment.write(25)
    signed = environment.sealer().seal(request())
    assert signed is not None
    assert signed.size == 25
    assert environment.sealed_ids() == written
    assert list(environment.s3.objects) == ["checkpoints/00000000000000000025.txt"]
    verdict = environment.verify()
    assert verdict.valid
    assert verdict.sealed == 25


def test_the_signing_of_a_checkpoint_is_sealed_by_the_next_round(environment: AuditEnvironment) -> None:
    environment.write(3)
    environment.sealer().seal(request())
    environment.write(2)
    signed = environment.sealer().seal(request())
    assert signed is not None
    assert signed.size == 6
    types = environment.fetch("SELECT event_type FROM audit_leaf JOIN audit_log USING (event_id) ORDER BY leaf_index")
    assert [row[0] for row in types].count("CHECKPOINT_SIGNED") == 1
    assert environment.verify().valid


def test_an_idle_log_gets_no_new_checkpoints(environment: AuditEnvironment) -> None:
    environment.write(3)
    sealer = environment.sealer()
    sizes = {signed.size for _ in range(5) if (signed := sealer.seal(request()))}
    assert sizes == {3}
    assert len(environment.s3.objects) == 1


def test_an_empty_log_is_not_signed(environment: AuditEnvironment) -> None:
    assert environment.sealer().seal(request()) is None
    assert environment.s3.objects == {}


def test_rows_that_commit_late_or_out_of_order_are_sealed_by_a_later_round_and_no_writer_is_waited_for(
    environment: AuditEnvironment,
) -> None:
    sealer = environment.sealer()
    late = an_event()
    environment.plan()
    with open_transaction(environment) as cursor:
        insert_events(cursor, Origin("nlp_agent", "run-1"), [late])
        early = environment.write(4)
        # The transaction above is still open: this round must end all the same.
        sealer.seal(request())
        during = environment.sealed_ids()
        cursor.connection.commit()
    after = environment.write(2)
    sealer.seal(request())
    assert late.event_id not in during
    assert sorted(set(environment.sealed_ids()) & {late.event_id, *early, *after}) == sorted(
        [late.event_id, *early, *after]
    )
    assert len(environment.sealed_ids()) == len(set(environment.sealed_ids()))
    assert environment.verify().valid


def test_what_is_sealed_is_not_looked_through_again_and_what_a_writer_holds_is_not_passed_over(
    environment: AuditEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers of every age, at rounds of every kind, with chunks smaller than what waits."""
    monkeypatch.setattr(sealing, "CHUNK", 5)
    sealer, written = environment.sealer(), []
    with open_transaction(environment) as first, open_transaction(environment, "planner") as second:
        for number, cursor in enumerate((first, second, first)):
            role = "planner" if cursor is second else "nlp_agent"
            event = Event(OWN_EVENTS.get(role, EventType.BATCH_START))
            insert_events(cursor, Origin(role), [event])
            written += [event.event_id, *environment.write(4 + number)]
            sealer.seal(request())
        second.connection.commit()
        sealer.seal(request())
        written += environment.write(7)
        sealer.seal(request())
        first.connection.commit()
    for _ in range(2):
        written += environment.write(1)
        sealer.seal(request())
    assert {*written} <= {*environment.sealed_ids()}
    [(passed, newest)] = environment.fetch("SELECT last_seq, max(seq) FROM audit_frontier, audit_log GROUP BY 1")
    # The newest event is the last checkpoint's own, which waits.
    assert passed == newest - 1
    assert environment.verify().valid


def test_a_transaction_that_is_rolled_back_leaves_no_leaf(environment: AuditEnvironment) -> None:
    environment.plan()
    with open_transaction(environment) as cursor:
        insert_events(cursor, Origin("nlp_agent", "run-1"), [an_event()])
        cursor.connection.rollback()
    written = environment.write(1)
    environment.sealer().seal(request())
    assert environment.sealed_ids() == written


def test_more_rows_than_a_chunk_holds_are_sealed_in_one_round(
    environment: AuditEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "CHUNK", 7)
    written = environment.write(40)
    signed = environment.sealer().seal(request())
    assert signed is not None
    assert signed.size == 40
    assert environment.sealed_ids() == written
    assert environment.verify().valid


def test_several_sealers_and_writers_at_once_make_one_tree(
    environment: AuditEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "CHUNK", 20)
    failures: list[BaseException] = []
    writing = threading.Event()
    writing.set()

    def seal_repeatedly() -> None:
        sealer = environment.sealer()
        try:
            while writing.is_set():
                sealer.seal(request())
        except BaseException as error:
            failures.append(error)

    def write_repeatedly(role: str) -> None:
        try:
            for _ in range(25):
                environment.write(6, role)
        except BaseException as error:
            failures.append(error)

    sealers = [threading.Thread(target=seal_repeatedly) for _ in range(3)]
    writers = [threading.Thread(target=write_repeatedly, args=(role,)) for role in ("nlp_agent", "planner")]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in sealers:
        thread.join()
    environment.write(1)
    environment.sealer().seal(request())
    assert failures == []
    unsealed = environment.fetch(
        "SELECT event_type FROM audit_log l WHERE NOT EXISTS (SELECT FROM audit_leaf f WHERE f.event_id = l.event_id)"
    )
    assert set(unsealed) == {("CHECKPOINT_SIGNED",)}
    assert environment.verify().valid


def test_a_sealer_killed_at_any_statement_leaves_one_tree_from_which_the_next_continues(
    environment: AuditEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "CHUNK", 4)
    written: list[object] = []
    killed = 0
    for victim in range(100):
        written += environment.write(6)
        if not kill_at_statement(environment, victim, monkeypatch):
            break
        killed += 1
    environment.sealer().seal(request())
    sealed = environment.sealed_ids()
    assert killed > 15
    assert len(sealed) == len(set(sealed))
    assert set(written) <= set(sealed)
    unpublished = environment.fetch(
        "SELECT tree_size FROM audit_checkpoint EXCEPT SELECT tree_size FROM audit_publication"
    )
    assert unpublished == []
    assert environment.verify().valid


def kill_at_statement(environment: AuditEnvironment, number: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A round whose database session is ended just before its statement of this number; False when it has fewer."""
    count = 0

    class DyingCursor(DatabaseCursor):
        def execute(self, *arguments: Any) -> None:
            nonlocal count
            if count == number:
                environment.fetch("SELECT pg_terminate_backend(%s, 5000)", self.connection.info.backend_pid)
            count += 1
            super().execute(*arguments)

    connect = psycopg2.connect
    with monkeypatch.context() as patch:
        patch.setattr(psycopg2, "connect", lambda *a, **k: connect(*a, **{**k, "cursor_factory": DyingCursor}))
        sealer = environment.sealer()
        # AuditEnvironment.fetch, which kills, must not die itself.
        patch.setattr(AuditEnvironment, "connect", lambda self, role="postgres": connect_plainly(self, connect, role))
        with contextlib.suppress(VigieError):
            sealer.seal(request())
    return count > number


def connect_plainly(environment: AuditEnvironment, connect: Any, role: str) -> Any:
    """A superuser's connection with ordinary cursors."""
    return connect(
        host="127.0.0.1",
        port=environment.migrated.server.port,
        dbname=environment.name,
        user=role,
        password=environment.migrated.server.superuser_password(),
    )


def test_without_the_key_events_are_sealed_but_not_signed_and_the_next_round_signs(
    environment: AuditEnvironment,
) -> None:
    sealer = environment.sealer()
    written = environment.write(5)
    environment.kms.down = True
    with pytest.raises(SigningUnavailableError):
        sealer.seal(request())
    assert environment.sealed_ids() == written
    assert environment.fetch("SELECT count(*) FROM audit_checkpoint") == [(0,)]
    environment.kms.down = False
    signed = sealer.seal(request())
    assert signed is not None
    assert signed.size == 5
    assert environment.verify().valid


def test_a_checkpoint_that_could_not_be_published_is_published_by_the_next_round(environment: AuditEnvironment) -> None:
    sealer = environment.sealer()
    environment.write(5)
    environment.s3.down = {"put_object"}
    with pytest.raises(StoreUnavailableError):
        sealer.seal(request())
    assert environment.fetch("SELECT tree_size FROM audit_checkpoint") == [(5,)]
    assert environment.s3.objects == {}
    environment.s3.down = set()
    sealer.seal(request())
    assert list(environment.s3.objects) == ["checkpoints/00000000000000000005.txt"]
    assert environment.fetch("SELECT tree_size FROM audit_publication") == [(5,)]


def test_nothing_is_signed_while_the_store_cannot_be_asked_for_a_newer_log(environment: AuditEnvironment) -> None:
    sealer = environment.sealer()
    environment.write(5)
    environment.s3.down = {"list_objects_v2"}
    with pytest.raises(StoreUnavailableError):
        sealer.seal(request())
    assert environment.fetch("SELECT count(*) FROM audit_checkpoint") == [(0,)]
    environment.s3.down = set()
    assert sealer.seal(request()) is not None


def test_a_restored_backup_is_not_signed_as_another_history(environment: AuditEnvironment) -> None:
    environment.write(5)
    environment.sealer().seal(request())
    backup = AuditEnvironment(
        environment.migrated, environment.migrated.copy(environment.name), environment.kms, environment.s3
    )
    environment.write(3)
    environment.sealer().seal(request())
    backup.write(4)
    with pytest.raises(LogBrokenError, match="older state was restored"):
        backup.sealer().seal(request())
    assert backup.fetch("SELECT max(tree_size) FROM audit_checkpoint") == [(5,)]
    assert sorted(environment.s3.objects) == [f"checkpoints/{size:020d}.txt" for size in (5, 9)]


def test_a_frontier_that_was_altered_is_not_built_upon(environment: AuditEnvironment) -> None:
    environment.write(4)
    environment.sealer().seal(request())
    environment.tamper("UPDATE audit_frontier SET hashes = ARRAY[decode(repeat('ab', 32), 'hex')]")
    environment.write(1)
    with pytest.raises(LogBrokenError, match="another root"):
        environment.sealer().seal(request())
    assert environment.fetch("SELECT count(*) FROM audit_checkpoint") == [(1,)]


def test_a_clock_that_was_set_back_changes_nothing_in_the_order_of_the_tree(environment: AuditEnvironment) -> None:
    first = environment.write(2, occurred_at=now())
    environment.sealer().seal(request())
    second = environment.write(2, occurred_at=now() - timedelta(seconds=100))
    environment.sealer().seal(request())
    sealed = environment.sealed_ids()
    assert [event_id for event_id in sealed if event_id in {*first, *second}] == first + second
    assert environment.verify().valid


def test_a_time_that_cannot_be_written_down_is_refused_at_the_insert(environment: AuditEnvironment) -> None:
    with (
        contextlib.closing(environment.connect("nlp_agent")) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error, match="too far from the database's time"),
    ):
        cursor.execute(
            "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status)"
            " VALUES (uuidv7(), 'infinity', 'nlp_agent', 'BATCH_START', 'failed')"
        )


def test_a_restarted_database_is_gone_on_with(environment: AuditEnvironment) -> None:
    sealer = environment.sealer()
    first = environment.write(3)
    sealer.seal(request())
    second = environment.write(3)
    environment.migrated.server.stop()
    with pytest.raises(VigieError):
        sealer.seal(request())
    environment.migrated.server.start()
    sealer.seal(request())
    assert set(first + second) <= set(environment.sealed_ids())
    assert environment.verify().valid


def test_a_log_that_moved_to_a_younger_cluster_is_sealed_on_without_loss_or_repetition(
    environment: AuditEnvironment,
) -> None:
    first = environment.write(5)
    sealer = environment.sealer()
    sealer.seal(request())
    waiting = environment.write(2)
    # The new cluster has the rows and the sequence, and none of the transactions that were noted.
    environment.tamper("UPDATE audit_frontier SET writers = '{900/900}'")
    for _ in range(60):
        environment.write(1)
        sealer.seal(request())
    sealed = environment.sealed_ids()
    assert len(sealed) == len(set(sealed))
    assert {*first, *waiting} <= set(sealed)
    assert environment.fetch("SELECT count(*) FROM audit_log")[0][0] - len(sealed) == 1
    assert environment.verify().valid
