"""Measure the audit trail on a PostgreSQL of its own: inserts with and without sealing, sustained rate, growth."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vigie.audit import Event, Origin, insert_events
from vigie.vocabulary import EventType
from vigie_local.migrations import OWNER, apply_migrations, prepare_database, set_password
from vigie_local.postgres import PostgresServer, temporary_postgres
from vigie_local.settings import REPOSITORY

PASSWORD = "measured-and-thrown-away"
DATABASE = "audit_bench"
# As the agents write: some hundred events in one transaction.
EVENTS_PER_COMMIT = 500
WRITERS = 2
# What the trail must keep up with, sealing on.
PACE = 15_000
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Rate:
    """Events inserted and sealed, and the seconds it took; the greatest time between two checkpoints meanwhile, and
    from an event to the checkpoint that covers it.
    """

    events: int
    seconds: float
    sealed: int = 0
    oldest_checkpoint_seconds: float = 0.0
    oldest_event_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


class LocalKey:
    """KMS's two calls, answered by a key in this process."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def get_public_key(self, **_request: object) -> dict[str, Any]:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return {"PublicKey": self._key.public_key().public_bytes(serialization.Encoding.DER, form)}

    def sign(self, Message: bytes, **_request: object) -> dict[str, Any]:
        return {"Signature": self._key.sign(Message, ec.ECDSA(hashes.SHA256()))}


class LocalStore:
    """S3's two calls, answered by a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put_object(self, Key: str, Body: bytes, **_request: object) -> dict[str, Any]:
        self._objects[Key] = Body
        return {}

    def list_objects_v2(self, StartAfter: str, **_request: object) -> dict[str, Any]:
        return {"Contents": [{"Key": key} for key in self._objects if key > StartAfter][:1]}


def run(seconds: float = 20.0, grow_to: int = 2_000_000) -> dict[str, Any]:
    """Measure; events a second and shares of 1.

    `growth` has, for each tenth of `grow_to`, the events a second of inserting and sealing it.
    """
    with _server() as server:
        without = _sustain(server, seconds, sealing=False)
        _seal_all(server)
        sealed = _sustain(server, seconds, sealing=True)
        _seal_all(server)
        paced = _sustain(server, seconds, sealing=True, pace=PACE)
        _seal_all(server)
        growth = _grow(server, grow_to) if grow_to else {}
    return {
        "cores": os.cpu_count(),
        "seconds_each": seconds,
        "inserts_without_sealing_per_second": round(without.per_second),
        "inserts_with_sealing_per_second": round(sealed.per_second),
        "sealed_meanwhile_per_second": round(sealed.sealed / sealed.seconds),
        "slower_by": round(1 - sealed.per_second / without.per_second, 3),
        "oldest_checkpoint_seconds": round(sealed.oldest_checkpoint_seconds, 2),
        f"at_{PACE}": {
            "inserted_per_second": round(paced.per_second),
            "sealed_per_second": round(paced.sealed / paced.seconds),
            "oldest_checkpoint_seconds": round(paced.oldest_checkpoint_seconds, 2),
            "oldest_unsealed_event_seconds": round(paced.oldest_event_seconds, 2),
        },
        "growth": growth,
    }


@contextlib.contextmanager
def _server() -> Iterator[PostgresServer]:
    with temporary_postgres() as server:
        prepare_database(server, PASSWORD, DATABASE)
        apply_migrations(server, PASSWORD, dbname=DATABASE)
        with contextlib.closing(server.connect("postgres")) as connection, connection:
            for role in ("nlp_agent", "audit_agent", OWNER):
                set_password(connection, role, PASSWORD)
        yield server


def _sustain(server: PostgresServer, seconds: float, sealing: bool, pace: int = 0) -> Rate:
    """Insert from separate processes, as agents do; seal, if at all, in this one. With no pace, at full speed."""
    context = get_context("spawn")
    stop, counts = context.Event(), context.Queue()
    writers = [context.Process(target=_write, args=(server.port, stop, counts, pace / WRITERS)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in writers:
        counts.get()  # each says when it is ready
    before = _count(server, "audit_leaf")
    began = time.monotonic()
    ages = (0.0, 0.0)
    if sealing:
        ages = _seal_until(server, began + seconds)
    else:
        time.sleep(seconds)
    stop.set()
    events = sum(counts.get() for _ in writers)
    took = time.monotonic() - began
    for writer in writers:
        writer.join()
    return Rate(events, took, _count(server, "audit_leaf") - before, *ages)


def _write(port: int, stop: Any, counts: Any, pace: float) -> None:
    import psycopg2

    written = 0
    with contextlib.closing(
        psycopg2.connect(host="127.0.0.1", port=port, dbname=DATABASE, user="nlp_agent", password=PASSWORD)
    ) as connection:
        events = _events()
        counts.put(0)
        began = time.monotonic()
        while not stop.is_set():
            with connection, connection.cursor() as cursor:
                insert_events(cursor, Origin("nlp_agent", "run-bench", "request"), _afresh(events))
            written += EVENTS_PER_COMMIT
            if pace:
                time.sleep(max(0.0, began + written / pace - time.monotonic()))
    counts.put(written)


def _events() -> list[Event]:
    """Events of the size that a call to the model leaves."""
    details = {
        "egress_id": str(uuid4()),
        "purpose": "feedback_analysis",
        "attempt": 1,
        "model": "openai/gpt-oss-20b",
        "prompt_version": "analysis-2",
        "prompt_sha256": "a" * 64,
    }
    return [Event(EventType.LLM_CALL_START, customer_id=uuid4(), details=details) for _ in range(EVENTS_PER_COMMIT)]


def _afresh(events: list[Event]) -> list[Event]:
    """The same events under new ids."""
    from vigie.ids import uuid7

    for event in events:
        object.__setattr__(event, "event_id", uuid7())
        object.__setattr__(event, "occurred_at", datetime.now(UTC))
    return events


def _sealer(server: PostgresServer) -> Any:
    """The audit agent's own sealer, with the key and the store in this process."""
    sys.path.insert(0, str(REPOSITORY / "functions" / "audit_agent"))
    from audit_agent.publishing import CheckpointStore
    from audit_agent.sealing import Sealer
    from audit_agent.signing import Signer
    from vigie.database import Database
    from vigie.secrets import DatabaseSecret

    secret = DatabaseSecret("127.0.0.1", str(server.port), DATABASE, "audit_agent", PASSWORD)
    return Sealer(
        Database(lambda _afresh: secret),
        Signer("key", "vigie.bench/audit", STAND_INS[0]),
        CheckpointStore("bucket", STAND_INS[1]),
    )


STAND_INS = (LocalKey(), LocalStore())


def _request() -> Any:
    from vigie.runtime import Request

    return Request(Origin("audit_agent", None, "request"), lambda: 3600.0)


def _seal_until(server: PostgresServer, end: float) -> tuple[float, float]:
    """Seal round after round; answers the two ages of `Rate`."""
    sealer, oldest, waited, before, size = _sealer(server), 0.0, 0.0, time.monotonic(), _count(server, "audit_leaf")
    while time.monotonic() < end:
        signed = sealer.seal(_request())
        oldest, before = max(oldest, time.monotonic() - before), time.monotonic()
        waited, size = max(waited, _age(server, size)), signed.size
        time.sleep(max(0.0, min(PAUSE_SECONDS, end - time.monotonic())))
    return oldest, waited


def _age(server: PostgresServer, index: int) -> float:
    """Seconds since the event with this leaf was made."""
    with contextlib.closing(server.connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - occurred_at)::float8"
            " FROM audit_leaf JOIN audit_log USING (event_id) WHERE leaf_index >= %s AND event_type <> %s"
            " ORDER BY leaf_index LIMIT 1",
            (index, "CHECKPOINT_SIGNED"),
        )
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def _seal_all(server: PostgresServer) -> float:
    """Seconds to seal what waits."""
    began, sealer, size = time.monotonic(), _sealer(server), -1
    while (signed := sealer.seal(_request())) and signed.size != size:
        size = signed.size
    return time.monotonic() - began


def _grow(server: PostgresServer, size: int) -> dict[str, dict[str, int]]:
    """Tenths of the whole: the speed of inserting each, and of sealing it after."""
    present = _count(server, "audit_log")
    table = {}
    for tenth in range(1, 11):
        wanted = size * tenth // 10 - present
        if wanted < size // 20:
            continue
        insert_seconds = _insert(server, wanted)
        seal_seconds = _seal_all(server)
        present += wanted
        table[str(present)] = {
            "inserted_per_second": round(wanted / insert_seconds),
            "sealed_per_second": round(wanted / seal_seconds),
        }
    return table


def _count(server: PostgresServer, table: str) -> int:
    with contextlib.closing(server.connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _insert(server: PostgresServer, count: int) -> float:
    """Seconds to insert this many events with one writer for each of `WRITERS` threads."""
    began = time.monotonic()
    threads = [threading.Thread(target=_insert_some, args=(server, count // WRITERS)) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def _insert_some(server: PostgresServer, count: int) -> None:
    with contextlib.closing(server.connect(DATABASE, "nlp_agent", PASSWORD)) as connection:
        events = _events()
        for _ in range(count // EVENTS_PER_COMMIT):
            with connection, connection.cursor() as cursor:
                insert_events(cursor, Origin("nlp_agent", "run-bench", "request"), _afresh(events))


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "ERROR")
    short = "--short" in sys.argv
    print(json.dumps(run(seconds=8, grow_to=200_000) if short else run(), indent=1))
