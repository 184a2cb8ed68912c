"""A finished run of four customers in two batches, written as the agents write it, with its logs and history."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.integration.audit.audit_environment import AuditEnvironment, refused
from tests.integration.database.conftest import ANALYSED, CHOSEN
from vigie.audit import Event, Origin, as_log_fields
from vigie.ids import uuid7
from vigie.vocabulary import EventStatus, EventType, Purpose, Step

RUN = "run-under-test"
WRITERS = ("planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent")
GROUPS = {agent: f"/aws/lambda/{agent}" for agent in WRITERS}
AGENTS = {"analyse": "nlp_agent", "predict": "prediction_agent", "decide": "action_agent"}
PURPOSES: dict[str, Purpose] = dict(zip(Step, Purpose, strict=True))
SHA = "a" * 64


@dataclass
class FakeLogs:
    """CloudWatch Logs: lines by group, each in that of the agent it names; `late` are not there at the first look.

    `elsewhere` are lines in the group of an agent that they do not name. Lines stand there as agents write them, or
    with other spacing, as older ones do.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    late: int = 0
    looks: Counter[str] = field(default_factory=Counter)
    down: bool = False
    spaced: bool = False

    def get_paginator(self, _operation: str) -> FakeLogs:
        return self

    def paginate(self, logGroupName: str, startTime: int, filterPattern: str) -> Any:
        if self.down:
            raise refused("ServiceUnavailableException")
        self.looks[logGroupName] += 1
        there = self.lines[self.late :] if self.looks[logGroupName] == 1 else self.lines
        shown = [line for line in there if GROUPS[line["agent"]] == logGroupName]
        shown += [line for agent, line in self.elsewhere if GROUPS[agent] == logGroupName]
        separators = None if self.spaced else (",", ":")
        texts = [
            json.dumps({"level": "INFO", "message": "audit event", "audit": line}, separators=separators)
            for line in shown
        ]
        texts += ["START RequestId: x", json.dumps({"message": "another line"}), "{broken"]
        yield {
            "events": [{"message": text} for text in texts if filterPattern.strip('"') in text or "audit" not in text]
        }


@dataclass
class FakeSteps:
    """Step Functions: one map run; single executions are listed only where `failed_batches` is given."""

    total: int = 2
    failed: int = 0
    pending: int = 0
    failed_batches: list[int] | None = None
    execution: str = RUN
    down: bool = False

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:
        if self.down:
            raise refused("ServiceUnavailable")
        if not executionArn.endswith(f":{self.execution}"):
            raise refused("ExecutionDoesNotExist")
        return {"mapRuns": [{"mapRunArn": "map", "startDate": 1}] if self.total else []}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:
        counts = {"total": self.total, "succeeded": self.total - self.failed - self.pending, "failed": self.failed}
        return {"itemCounts": counts | {"timedOut": 0, "aborted": 0}}

    def get_paginator(self, _operation: str) -> FakeSteps:
        return self

    def paginate(self, mapRunArn: str, statusFilter: str) -> list[dict[str, Any]]:
        if self.failed_batches is None:
            raise refused("NotImplemented")
        found = self.failed_batches if statusFilter == "FAILED" else []
        return [{"executions": [{"executionArn": str(number)} for number in found]}]

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        return {"input": json.dumps({"run_id": RUN, "batch_no": int(executionArn)})}


@dataclass
class FinishedRun:
    """The run's customers, and what was logged about it. Customer 3 gave no consent to the analysis."""

    environment: AuditEnvironment
    customers: list[UUID] = field(default_factory=lambda: [uuid7() for _ in range(4)])
    egress: dict[tuple[str, int], UUID] = field(default_factory=dict)
    logs: FakeLogs = field(default_factory=FakeLogs)
    steps: FakeSteps = field(default_factory=FakeSteps)

    def write(self) -> None:
        """Store it all."""
        self._plan()
        for step in AGENTS:
            for batch_no in (0, 1):
                self._batch(step, batch_no)

    def event_id(self, event_type: str, customer: int | None = None, agent: str | None = None) -> UUID:
        """The id of the one such event."""
        found = [
            line["event_id"]
            for line in self.logs.lines
            if line["event_type"] == event_type
            and (customer is None or line["customer_id"] == str(self.customers[customer]))
            and (agent is None or line["agent"] == agent)
        ]
        return UUID(found[0])

    def _plan(self) -> None:
        self._run(
            "INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml,"
            " contract_sha256, training_sha256, metrics) VALUES ('m-1', 'bank', 'x', 'x', %s, 'x', 'x', 'x', '{}')",
            SHA,
        )
        self._run(
            "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
            " batch_size, batches, planned) VALUES (%s, 'retention', 'bank', 'm-1', %s, '{}', %s, 2, 2, 4)",
            *(RUN, SHA, json.dumps({"high": 0.7, "medium": 0.35})),
        )
        for number, customer_id in enumerate(self.customers):
            self._run("INSERT INTO customers (customer_id) VALUES (%s)", customer_id)
            for purpose in PURPOSES.values():
                self._run(
                    "SELECT record_consent(%s, %s, %s, 'test', 'v1')",
                    customer_id,
                    purpose,
                    not (number == 3 and purpose == "feedback_analysis"),
                )
            self._run("INSERT INTO run_customers VALUES (%s, %s, %s)", RUN, customer_id, number // 2)
        self._told("planner", Event(EventType.RUN_PLANNED, details={"planned": 4, "batches": 2}))

    def _batch(self, step: str, batch_no: int) -> None:
        agent = AGENTS[step]
        self._told(agent, Event(EventType.BATCH_START, details={"batch_no": batch_no, "customers": 2}))
        for number in (2 * batch_no, 2 * batch_no + 1):
            self._customer(step, number)
        details = {"batch_no": batch_no, "outcomes": {"done": 2}, "remaining": 0}
        self._told(agent, Event(EventType.BATCH_END, details=details))

    def _customer(self, step: str, number: int) -> None:
        customer_id, agent = self.customers[number], AGENTS[step]
        skipped = step == "analyse" and number == 3
        purpose = {"purpose": PURPOSES[step], "consent_id": self._consent_of(customer_id, PURPOSES[step])}
        self._told(
            agent,
            Event(EventType.CONSENT_CHECK, EventStatus.REFUSED if skipped else EventStatus.OK, customer_id, purpose),
        )
        if skipped:
            self._end(step, customer_id, "skipped", "NoConsent")
            details = {"step": step, "outcome": "skipped", "reason": "NoConsent"}
            self._told(agent, Event(EventType.STEP_ENDED, EventStatus.REFUSED, customer_id, details))
            return
        if step != "predict":
            self._call(step, number)
        self._result(step, number)
        self._end(step, customer_id, "done", None)

    def _consent_of(self, customer_id: UUID, purpose: str) -> int | None:
        found = self.environment.fetch("SELECT consent_granted_now(%s, %s)", customer_id, purpose)
        return None if found[0][0] is None else int(found[0][0])

    def _call(self, step: str, number: int) -> None:
        egress_id = self.egress[step, number] = uuid7()
        customer_id, agent = self.customers[number], AGENTS[step]
        if step == "analyse":
            self._told(agent, Event(EventType.PSEUDONYMISATION, customer_id=customer_id, details={"feedback_count": 1}))
        self._run(
            "INSERT INTO egress_ledger (egress_id, agent, run_id, customer_id, purpose, consent_id, attempt, recipient,"
            " country, retention, model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)"
            " SELECT %s, %s, %s, %s, %s, consent_id, 1, 'x', 'x', 'x', 'x', 'x', 'x', %s, '{}' FROM current_consents"
            " WHERE customer_id = %s AND purpose = %s",
            *(egress_id, agent, RUN, customer_id, PURPOSES[step], SHA, customer_id, PURPOSES[step]),
            role=agent,
        )
        self._told(
            agent, Event(EventType.LLM_CALL_START, customer_id=customer_id, details={"egress_id": str(egress_id)})
        )
        self._run("SELECT claim_egress(ARRAY[%s::uuid])", egress_id, role=agent)
        answer = json.dumps(ANALYSED if step == "analyse" else CHOSEN)
        self._run("SELECT end_egress(%s, 'answered', %s, 1, 1, 1)", egress_id, answer, role=agent)
        ended = {"egress_id": str(egress_id), "outcome": "answered"}
        self._told(agent, Event(EventType.LLM_CALL_END, customer_id=customer_id, details=ended))

    def _result(self, step: str, number: int) -> None:
        customer_id, agent = self.customers[number], AGENTS[step]
        if step == "analyse":
            self._run(
                "INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics,"
                " intent_to_leave, egress_id) VALUES (%s, %s, '{}', 'neutral', 0, '{other}', false, %s)",
                RUN,
                customer_id,
                self.egress[step, number],
            )
            self._told(agent, Event(EventType.ANALYSIS_SAVED, customer_id=customer_id))
        elif step == "predict":
            self._run(
                "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept,"
                " contributions, drivers) VALUES (%s, %s, 'm-1', 0.5, 0, 0, '{}', '[]')",
                RUN,
                customer_id,
            )
            self._told(agent, Event(EventType.PREDICTION_SAVED, customer_id=customer_id))
        else:
            self._run(
                "INSERT INTO actions (run_id, customer_id, segment, source, offer_id, language, egress_id, reason,"
                " phrase_ids, message) SELECT %s, %s, 'Low', 'model', 'loyalty_thanks', 'en', %s, '{why_low}', words,"
                " (SELECT string_agg(text_en, ' ' ORDER BY place) FROM unnest(words) WITH ORDINALITY"
                " AS g (phrase_id, place) JOIN sentences USING (phrase_id))"
                " FROM (SELECT ARRAY[%s, 'loyalty_thanks', 'listening'] AS words) AS chosen",
                RUN,
                customer_id,
                self.egress[step, number],
                # The last customer has no analysis: whose feedback was not read is not thanked for it.
                "thanks_for_trust" if number == 3 else "thanks_for_message",
            )
            self._told(agent, Event(EventType.SEGMENTATION, customer_id=customer_id))
            self._told(agent, Event(EventType.ACTION_SAVED, customer_id=customer_id))

    def _end(self, step: str, customer_id: UUID, outcome: str, reason: str | None) -> None:
        self._run(
            "INSERT INTO run_steps (run_id, customer_id, step, outcome, reason) VALUES (%s, %s, %s, %s, %s)",
            *(RUN, customer_id, step, outcome, reason),
        )

    def _told(self, agent: str, event: Event) -> None:
        origin = Origin(agent, RUN)
        self.logs.lines.append(as_log_fields(origin, event))
        self._run(
            "INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details,"
            " request_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL)",
            *(event.event_id, event.occurred_at, RUN, agent, event.event_type, event.status, event.customer_id),
            json.dumps(event.details),
            role=agent,
        )

    def _run(self, statement: str, *parameters: object, role: str = "owner") -> None:
        if role not in self._connections:
            self._connections[role] = self.environment.connect(role)
        with self._connections[role] as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    _connections: dict[str, Any] = field(default_factory=dict)

    def close(self) -> None:
        """Close the connections that wrote the run."""
        for connection in self._connections.values():
            with contextlib.suppress(Exception):
                connection.close()
