"""The environment of the audit agent's tests: a migrated database, its roles, and stand-ins for KMS and S3."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from botocore.exceptions import ClientError, EndpointConnectionError

from audit_agent.publishing import CheckpointStore
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer as KmsSigner
from tests.tamper.sealed_log import ORIGIN, Signer
from tests.template_database import MigratedServer
from vigie.audit import Event, Origin, insert_events
from vigie.database import Database
from vigie.runtime import Request
from vigie.trail import Trail
from vigie.verify import Verdict, verify_export
from vigie.vocabulary import EventType

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROLES = ("planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent", "dashboard")


def unreachable() -> EndpointConnectionError:
    """What boto3 raises when a service does not answer."""
    return EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def refused(code: str) -> ClientError:
    """What boto3 raises when a service refuses."""
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


@dataclass
class FakeKms:
    """KMS with one P-256 key; `down` makes it unreachable."""

    signer: Signer = field(default_factory=Signer)
    down: bool = False

    def get_public_key(self, KeyId: str) -> dict[str, Any]:
        self._answer()
        return {"PublicKey": self.signer.der}

    def sign(self, Message: bytes, **_request: object) -> dict[str, Any]:
        self._answer()
        return {"Signature": self.signer.sign(Message.decode())}

    def _answer(self) -> None:
        if self.down:
            raise unreachable()


@dataclass
class FakeS3:
    """A bucket that keeps what it was first given; `down` names the operations that do not answer."""

    objects: dict[str, bytes] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    def put_object(self, Key: str, Body: bytes, IfNoneMatch: str, **_request: object) -> dict[str, Any]:
        self._answer("put_object")
        assert IfNoneMatch == "*"
        if Key in self.objects:
            raise refused("PreconditionFailed")
        self.objects[Key] = Body
        return {"VersionId": f"v{len(self.objects)}"}

    def get_object(self, Key: str, **_request: object) -> dict[str, Any]:
        self._answer("get_object")
        return {"Body": io.BytesIO(self.objects[Key]), "VersionId": "v"}

    def list_objects_v2(self, StartAfter: str, Prefix: str, **_request: object) -> dict[str, Any]:
        self._answer("list_objects_v2")
        return {
            "Contents": [{"Key": key} for key in sorted(self.objects) if key > StartAfter and key.startswith(Prefix)][
                :1
            ]
        }

    def _answer(self, operation: str) -> None:
        if operation in self.down:
            raise unreachable()


# What a role that starts no batches may write.
OWN_EVENTS = {"planner": EventType.STEP_ENDED, "dead_letters": EventType.DEAD_LETTERED}


@dataclass
class AuditEnvironment:
    """One database of a server, a key and a write-once store."""

    migrated: MigratedServer
    name: str
    kms: FakeKms = field(default_factory=FakeKms)
    s3: FakeS3 = field(default_factory=FakeS3)

    def connect(self, role: str = "postgres") -> Connection:
        """A connection as a role; the superuser by default."""
        return self.migrated.connect(self.name, role)

    def database(self, role: str) -> Database:
        """The database as a function sees it."""
        secret = self.migrated.secret(self.name, role)
        return Database(lambda _afresh: secret)

    def sealer(self, database: Database | None = None) -> Sealer:
        """A sealer of its own connection, with this environment's key and store."""
        return Sealer(
            database or self.database("audit_agent"),
            KmsSigner("key", ORIGIN, self.kms),
            CheckpointStore("bucket", self.s3),
        )

    def write(self, count: int, role: str = "nlp_agent", run_id: str = "run-1", **changed: Any) -> list[UUID]:
        """Events in one committed transaction; answers their ids."""
        self.plan(run_id)
        details = [{"batch_no": n, "customers": 1} if role.endswith("_agent") else {} for n in range(count)]
        events = [Event(OWN_EVENTS.get(role, EventType.BATCH_START), details=each, **changed) for each in details]
        with contextlib.closing(self.connect(role)) as connection, connection, connection.cursor() as cursor:
            insert_events(cursor, Origin(role, run_id), events)
        return [event.event_id for event in events]

    def plan(self, run_id: str = "run-1") -> None:
        """An ended run that events may name."""
        self.tamper(
            "INSERT INTO runs (run_id, purpose, status, contract, model_version, scorer_sha256, prompt_versions,"
            " thresholds, batch_size, batches, planned)"
            " VALUES (%s, 'test', 'succeeded', 'c', 'm', '', '{}', '{}', 1, 0, 0) ON CONFLICT DO NOTHING",
            run_id,
        )

    def fetch(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query, as superuser."""
        with contextlib.closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def tamper(self, statement: str, *parameters: object) -> None:
        """A statement as superuser, with every trigger off."""
        with contextlib.closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, parameters)

    def sealed_ids(self) -> list[UUID]:
        """The ids of the sealed events, in the order of the tree."""
        return [UUID(row[0]) for row in self.fetch("SELECT event_id::text FROM audit_leaf ORDER BY leaf_index")]

    def verify(self) -> Verdict:
        """What a stranger says of this log: the database's export against the store's and its own checkpoints."""
        with contextlib.closing(self.connect()) as connection:
            return verify_trail(connection, self.kms.signer, self.s3)


def verify_trail(connection: Connection, signer: Signer, s3: FakeS3) -> Verdict:
    """Export through this connection, and verify."""
    trail = Trail(connection)
    export = io.BytesIO(b"".join(trail.lines()))
    files = [(key, body.decode()) for key, body in sorted(s3.objects.items())]
    files.append(("database", "".join(trail.checkpoints())))
    return verify_export(export, files, signer.public, origin=ORIGIN)


def request(seconds: float = 60, run_id: str | None = None) -> Request:
    """A request of the audit agent with this much time left."""
    return Request(Origin("audit_agent", run_id), lambda: seconds)


@contextlib.contextmanager
def open_transaction(environment: AuditEnvironment, role: str = "nlp_agent") -> Iterator[Any]:
    """A writer's connection whose transaction has begun and is not ended; answers its cursor."""
    with contextlib.closing(environment.connect(role)) as connection, connection.cursor() as cursor:
        yield cursor


def an_event(**changed: Any) -> Event:
    """Any event."""
    return Event(EventType.BATCH_START, details={"batch_no": 0, "customers": 1}, **changed)


def now() -> datetime:
    return datetime.now(UTC)
