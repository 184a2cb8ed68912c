"""The egress ledger: a row is committed before a call leaves, and its outcome written once after it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.audit import Event
from vigie.database import Transaction
from vigie.ids import uuid7
from vigie.vocabulary import CallStatus, EventStatus, EventType, Purpose
from vigie_llm.calls import Call, CallOutcome
from vigie_llm.chat import ChatRequest
from vigie_llm.completions import clamp_count
from vigie_llm.recipients import Recipient

INSERT = """
INSERT INTO egress_ledger (
    egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention, address,
    model, prompt_version, redacted_prompt, prompt_sha256, entity_counts
) VALUES %s
"""
END = """
SELECT ended.id, end_egress(ended.id, ended.status, ended.content::jsonb, ended.sent, ended.received, ended.took)
FROM (VALUES %s) AS ended (id, status, content, sent, received, took)
"""
END_TYPES = "(%s::uuid, %s::text, %s::text, %s::integer, %s::integer, %s::integer)"
EARLIER = """
SELECT DISTINCT ON (customer_id) customer_id, egress_id, attempt, outcome, answer,
       count(*) FILTER (WHERE outcome = 'refused') OVER (PARTITION BY customer_id),
       count(*) FILTER (WHERE claims > 0) OVER (PARTITION BY customer_id)
FROM own_answers WHERE run_id = %s AND purpose = %s AND customer_id = ANY(%s)
ORDER BY customer_id, attempt DESC
"""
STATUS = {
    CallStatus.ANSWERED: EventStatus.OK,
    CallStatus.REJECTED: EventStatus.REFUSED,
    CallStatus.BLOCKED: EventStatus.REFUSED,
}


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A call about to be recorded: who it is about, what allows it, what will be sent."""

    customer_id: UUID
    consent_id: int
    attempt: int
    request: ChatRequest
    entity_counts: dict[str, int]
    # What to audit before the call.
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest earlier call for a customer in this run, how many were refused, and how many were claimed."""

    egress_id: UUID
    attempt: int
    outcome: CallStatus | None
    answer: dict[str, Any] | None
    refused: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """One agent's pages of the ledger, for one run."""

    run_id: str
    purpose: Purpose
    model: str
    prompt_version: str
    recipient: Recipient
    address: str | None = None

    def record(self, transaction: Transaction, entries: list[LedgerEntry]) -> list[Call]:
        """Record calls; they may leave once the transaction is committed.

        Raises:
            ConsentChangedError: by the transaction, when the database finds a consent that is not in force.
        """
        calls = [Call(entry.customer_id, uuid7(), entry.request) for entry in entries]
        transaction.insert(INSERT, [self._row(call, entry) for call, entry in zip(calls, entries, strict=True)])
        for call, entry in zip(calls, entries, strict=True):
            transaction.audit(*entry.events, self._started(call, entry))
        return calls

    def end(self, transaction: Transaction, outcomes: list[CallOutcome[Any]]) -> None:
        """Write the outcomes of calls, and audit them; one that is ended already stays as it is."""
        written = dict(transaction.call(END, [_end_row(outcome) for outcome in outcomes], END_TYPES))
        for outcome in [each for each in outcomes if written[each.call.egress_id]]:
            transaction.audit(self._ended(outcome))
            if outcome.status in (CallStatus.BLOCKED, CallStatus.REJECTED):
                transaction.audit(self._refused(outcome))

    def close(self, transaction: Transaction, customer_id: UUID, egress_id: UUID, status: CallStatus) -> None:
        """Close an entry whose call was never made (`unsent`) or has an unknown outcome (`lost`), if it is open."""
        details = {"egress_id": str(egress_id), "outcome": status}
        if transaction.call(END, [(egress_id, status, None, None, None, None)], END_TYPES)[0][1]:
            transaction.audit(Event(EventType.LLM_CALL_END, EventStatus.FAILED, customer_id, details))

    def earlier(self, transaction: Transaction, customer_ids: list[UUID]) -> dict[UUID, Earlier]:
        """The newest earlier call of this run and purpose for each customer that had one."""
        rows = transaction.fetch(EARLIER, (self.run_id, self.purpose, customer_ids))
        return {row[0]: Earlier(row[1], row[2], CallStatus(row[3]) if row[3] else None, *row[4:]) for row in rows}

    def _row(self, call: Call, entry: LedgerEntry) -> tuple[Any, ...]:
        return (
            call.egress_id,
            self.run_id,
            call.customer_id,
            self.purpose,
            entry.consent_id,
            entry.attempt,
            self.recipient.name,
            self.recipient.country,
            self.recipient.retention,
            self.address,
            self.model,
            self.prompt_version,
            entry.request.user,
            prompt_sha256(entry.request),
            json.dumps(entry.entity_counts),
        )

    def _started(self, call: Call, entry: LedgerEntry) -> Event:
        return Event(
            EventType.LLM_CALL_START,
            customer_id=call.customer_id,
            details={
                "egress_id": str(call.egress_id),
                "purpose": self.purpose,
                "attempt": entry.attempt,
                "model": self.model,
                "prompt_version": self.prompt_version,
                "prompt_sha256": prompt_sha256(entry.request),
            },
        )

    def _ended(self, outcome: CallOutcome[Any]) -> Event:
        details: dict[str, Any] = {"egress_id": str(outcome.call.egress_id), "outcome": outcome.status}
        if outcome.answer:
            details |= {
                "tokens_in": clamp_count(outcome.answer.tokens_in),
                "tokens_out": clamp_count(outcome.answer.tokens_out),
                "latency_ms": clamp_count(outcome.answer.latency_ms),
            }
        if outcome.cause:
            details["reason"] = outcome.cause
        return Event(
            EventType.LLM_CALL_END, STATUS.get(outcome.status, EventStatus.FAILED), outcome.call.customer_id, details
        )

    def _refused(self, outcome: CallOutcome[Any]) -> Event:
        details: dict[str, Any] = {"purpose": self.purpose, "found": outcome.violations}
        if outcome.status is CallStatus.BLOCKED:
            return Event(EventType.EGRESS_BLOCKED, EventStatus.REFUSED, outcome.call.customer_id, details)
        details["egress_id"] = str(outcome.call.egress_id)
        return Event(EventType.GUARD_REJECTED, EventStatus.REFUSED, outcome.call.customer_id, details)


def _end_row(outcome: CallOutcome[Any]) -> tuple[Any, ...]:
    answer = outcome.answer
    content = json.dumps(outcome.content, ensure_ascii=False) if outcome.content is not None else None
    # Others wrote them: one that the column cannot hold would lose the whole chunk's paid answers.
    counts = (answer.tokens_in, answer.tokens_out, answer.latency_ms) if answer else (None, None, None)
    figures = tuple(count if count is None else clamp_count(count) for count in counts)
    return (outcome.call.egress_id, outcome.status, content, *figures)


def prompt_sha256(request: ChatRequest) -> str:
    """SHA-256 (hex) of the redacted prompt as UTF-8."""
    return hashlib.sha256(request.user.encode()).hexdigest()
