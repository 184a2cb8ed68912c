"""Record and audit a dead letter once, however often it is delivered, and then fail its task."""

from dead_letters.messages import DeadLetter
from vigie.audit import Event, Origin
from vigie.database import Database
from vigie.errors import DeadLettered
from vigie.runtime import Request
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import EventStatus, EventType

INSERT = """
INSERT INTO dead_letters (message_id, queue, run_id, batch_no, step, reason, body_bytes, body_sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (message_id) DO NOTHING RETURNING message_id
"""


class UnreadableLetterError(Exception):
    """When a message names no task to answer: it stays in its queue for inspection."""


def record_and_answer(letter: DeadLetter, database: Database, tokens: TaskTokens, request: Request) -> bool:
    """Record, audit and answer a dead letter; return whether it is new.

    Recorded first: a crash in between leaves the message, and the next delivery answers the token.

    Raises:
        UnreadableLetterError: there is no token in it; it is recorded all the same.
        DatabaseUnavailableError: nothing was done; SQS delivers it again.
    """
    is_new = _record(letter, database, request)
    if letter.task_token is None:
        raise UnreadableLetterError(f"a message in {letter.queue} cannot be read and stays there")
    cause = f"{letter.queue}: no delivery of this message could be worked on. What the agent wrote: make logs"
    tokens.fail(letter.task_token, DeadLettered(cause))
    return is_new


def _origin_of(letter: DeadLetter, database: Database, request: Request) -> Origin:
    """Whom the event is written for: the letter's run, where that was ever planned."""
    with database.transaction(request.origin) as transaction:
        known = transaction.fetch("SELECT run_id FROM runs WHERE run_id = %s", (letter.run_id,))
    return Origin(request.origin.agent, known[0][0] if known else None, request.origin.request_id)


def _record(letter: DeadLetter, database: Database, request: Request) -> bool:
    unreadable = letter.task_token is None
    size, sha256 = (letter.size, letter.sha256) if unreadable else (None, None)
    origin = _origin_of(letter, database, request)
    row = (letter.message_id, letter.queue, letter.run_id, letter.batch_no, letter.step, letter.reason, size, sha256)
    with database.transaction(origin) as transaction:
        if not transaction.fetch(INSERT, row):
            return False
        details = {"queue": letter.queue, "step": letter.step, "reason": letter.reason, "batch_no": letter.batch_no}
        details |= {"body_bytes": size, "body_sha256": sha256}
        stated = {name: value for name, value in details.items() if value is not None}
        transaction.audit(Event(EventType.DEAD_LETTERED, EventStatus.FAILED, details=stated))
    return True
