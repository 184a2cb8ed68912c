"""Tampers with a sealed log in PostgreSQL, as superuser with triggers off, and counts what a stranger finds.

python -m tests.integration.audit.tampering --count 10000 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Self

from tests.integration.audit.audit_environment import AuditEnvironment, FakeS3, request, verify_trail
from tests.tamper.sealed_log import Signer

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROUNDS, EVENTS = 5, 8
type Cursor = Any
type Mutation = Callable[[Cursor, Random, int, Signer], None]
EVENT_AT = "(SELECT event_id FROM audit_leaf WHERE leaf_index = %s)"
FIELDS = {
    "event_id": "uuidv7()",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "run_id": "coalesce(run_id, '') || 'x'",
    "agent": "agent || 'x'",
    "event_type": "event_type || '_X'",
    "status": "CASE status WHEN 'ok' THEN 'failed' ELSE 'ok' END",
    "customer_id": "CASE WHEN customer_id IS NULL THEN uuidv7() END",
    "details": "details || '{\"batch_no\": 4711}'",
    "request_id": "coalesce(request_id, '') || 'x'",
}


def edit(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """Any field of an event."""
    field = random.choice(list(FIELDS))
    cursor.execute(
        f"UPDATE audit_log SET {field} = {FIELDS[field]} WHERE event_id = {EVENT_AT}",  # a constant
        (random.randrange(size),),
    )


def back_date(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    cursor.execute(
        f"UPDATE audit_log SET occurred_at = occurred_at - %s * interval '1 day' WHERE event_id = {EVENT_AT}",
        (random.randint(1, 400), random.randrange(size)),
    )


def delete(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """An event alone, or with its leaf and the places after it closed up."""
    at = random.randrange(size)
    cursor.execute(f"DELETE FROM audit_log WHERE event_id = {EVENT_AT}", (at,))
    if random.random() < 0.5:
        cursor.execute("DELETE FROM audit_leaf WHERE leaf_index = %s", (at,))
        _shift(cursor, at, -1)


def insert(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """An event that was never sealed, in a place of its own."""
    at = random.randrange(size)
    _shift(cursor, at - 1, 1)
    cursor.execute(
        "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status)"
        " VALUES (uuidv7(), now(), 'nlp_agent', 'BATCH_START', 'ok') RETURNING event_id"
    )
    cursor.execute("INSERT INTO audit_leaf VALUES (%s, %s, %s)", (at, cursor.fetchone()[0], random.randbytes(32)))


def duplicate(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """An event once more, in the next place."""
    at = random.randrange(size)
    _shift(cursor, at, 1)
    cursor.execute("ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_event_id_key")
    cursor.execute(
        "INSERT INTO audit_leaf SELECT leaf_index + 1, event_id, leaf_hash FROM audit_leaf WHERE leaf_index = %s", (at,)
    )


def swap(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """Two leaves change places."""
    first, second = random.sample(range(size), 2)
    for old, new in ((first, -1), (second, first), (-1, second)):
        cursor.execute("UPDATE audit_leaf SET leaf_index = %s WHERE leaf_index = %s", (new, old))


def move(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """One leaf goes to another place, and those between move up."""
    source, target = random.sample(range(size), 2)
    cursor.execute("UPDATE audit_leaf SET leaf_index = -1 WHERE leaf_index = %s", (source,))
    _shift(cursor, source, -1)
    _shift(cursor, target - 1, 1)
    cursor.execute("UPDATE audit_leaf SET leaf_index = %s WHERE leaf_index = -1", (target,))


def truncate(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """The tail goes."""
    cursor.execute("DELETE FROM audit_leaf WHERE leaf_index >= %s", (random.randrange(size),))


def roll_back(cursor: Cursor, random: Random, _size: int, _signer: Signer) -> None:
    """Everything goes back to the state of an earlier checkpoint, checkpoints included."""
    cursor.execute("SELECT tree_size FROM audit_checkpoint ORDER BY tree_size")
    size = random.choice(cursor.fetchall()[:-1])[0]
    cursor.execute(
        "DELETE FROM audit_log WHERE event_id IN (SELECT event_id FROM audit_leaf WHERE leaf_index >= %s)", (size,)
    )
    cursor.execute("DELETE FROM audit_leaf WHERE leaf_index >= %s", (size,))
    cursor.execute("DELETE FROM audit_checkpoint WHERE tree_size > %s", (size,))


def replace_checkpoint(cursor: Cursor, random: Random, _size: int, _signer: Signer) -> None:
    """One checkpoint's text stands where another's was."""
    cursor.execute("SELECT tree_size FROM audit_checkpoint")
    first, second = random.sample([row[0] for row in cursor.fetchall()], 2)
    cursor.execute(
        "UPDATE audit_checkpoint SET note = (SELECT note FROM audit_checkpoint WHERE tree_size = %s)"
        " WHERE tree_size = %s",
        (first, second),
    )


def sign_again(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """An event is changed, its leaf rewritten, and the newest checkpoint signed anew with another key."""
    edit(cursor, random, size, _signer)
    cursor.execute("SELECT leaf_hash FROM audit_leaf ORDER BY leaf_index")
    leaves = [bytes(row[0]) for row in cursor.fetchall()]
    leaves[random.randrange(size)] = random.randbytes(32)
    cursor.execute(
        "UPDATE audit_checkpoint SET note = %s WHERE tree_size = %s", (Signer().checkpoint(leaves[:size]), size)
    )


def rewrite(cursor: Cursor, random: Random, size: int, _signer: Signer) -> None:
    """A leaf's fingerprint."""
    cursor.execute(
        "UPDATE audit_leaf SET leaf_hash = %s WHERE leaf_index = %s", (random.randbytes(32), random.randrange(size))
    )


MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        *(edit, back_date, delete, insert, duplicate, swap, move, truncate, roll_back),
        *(replace_checkpoint, sign_again, rewrite),
    )
}


def _shift(cursor: Cursor, after: int, by: int) -> None:
    """Move the places behind one; by way of negative numbers, because each must be unique at every moment."""
    cursor.execute("UPDATE audit_leaf SET leaf_index = -leaf_index - 10 WHERE leaf_index > %s", (after,))
    cursor.execute("UPDATE audit_leaf SET leaf_index = -leaf_index - 10 + %s WHERE leaf_index < -1", (by,))


class Uncommitted:
    """A connection whose transaction stays open, so that what was done can be undone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def cursor(self, **options: Any) -> Cursor:
        return self._connection.cursor(**options)


def seal_a_log(environment: AuditEnvironment) -> int:
    """A log of a few rounds; answers how many events its newest checkpoint covers."""
    size = 0
    for _ in range(ROUNDS):
        environment.write(EVENTS)
        signed = environment.sealer().seal(request())
        size = signed.size if signed else 0
    return size


def tamper(environment: AuditEnvironment, count: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Tampers `count` times, each time undone, with all mutations in turn; yields which, and whether it was found."""
    random, names, size = Random(seed), list(MUTATIONS), seal_a_log(environment)
    with contextlib.closing(environment.connect()) as connection:
        for number in range(count):
            name = names[number % len(names)]
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
                MUTATIONS[name](cursor, random, size, environment.kms.signer)
            yield name, not _verify(connection, environment.kms.signer, environment.s3)
            connection.rollback()


def _verify(connection: Connection, signer: Signer, s3: FakeS3) -> bool:
    return verify_trail(Uncommitted(connection), signer, s3).valid  # type: ignore[arg-type]


def main() -> int:
    """The long suite, on a server of its own."""
    from tests.template_database import TEMPLATE, migrated_server

    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with migrated_server() as migrated:
        results = Counter(tamper(AuditEnvironment(migrated, TEMPLATE), chosen.count, chosen.seed))
    for name in MUTATIONS:
        print(f"{name:<20} {results[name, True]:>6} found {results[name, False]:>6} missed")
    return int(any(not found for _, found in results))


if __name__ == "__main__":
    sys.exit(main())
