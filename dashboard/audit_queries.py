"""All the dashboard's SQL about the audit trail, and about one customer's whole story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.queries import COUNT_LIMIT, Reader, Row

EXPORT_LIMIT = 50_000
_EVENT = "event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id"


@dataclass(frozen=True)
class AuditFilter:
    """Which audit events to list; empty means any. `customer` is a UUID or a customer number."""

    run_id: str = ""
    event_type: str = ""
    agent: str = ""
    status: str = ""
    customer: str = ""
    since: datetime | None = None
    until: datetime | None = None


def find_customer_id(db: Reader, text: str) -> UUID | None:
    """The customer with this id or number; None when there is none."""
    if _is_uuid(text):
        return UUID(text.strip())
    sql = "SELECT customer_id FROM customers WHERE customer_number = upper(%(text)s)"
    rows = db.fetch(sql, {"text": text.strip()})
    return rows[0]["customer_id"] if rows else None


def list_events(db: Reader, wanted: AuditFilter, limit: int, before: tuple[datetime, str] | None = None) -> list[Row]:
    """Audit events, newest first; `before` is the time and id of the last one on the page before."""
    where, parameters = _conditions(db, wanted)
    if before:
        # The first comparison is implied by the second, and is the one an index on time can use.
        where += " AND occurred_at <= %(before)s AND (occurred_at, event_id) < (%(before)s, %(before_id)s::uuid)"
        parameters |= {"before": before[0], "before_id": before[1]}
    return db.fetch(
        f"SELECT {_EVENT} FROM audit_log WHERE {where}"  # noqa: S608
        " ORDER BY occurred_at DESC, event_id DESC LIMIT %(limit)s",
        {**parameters, "limit": limit},
    )


def count_events(db: Reader, wanted: AuditFilter) -> int:
    """How many events a filter lists, counted no further than just past COUNT_LIMIT."""
    where, parameters = _conditions(db, wanted)
    sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM audit_log WHERE {where} LIMIT {COUNT_LIMIT + 1}) AS found"  # noqa: S608
    return int(db.fetch(sql, parameters)[0]["n"])


def _conditions(db: Reader, wanted: AuditFilter) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {
        "run": wanted.run_id, "event_type": wanted.event_type, "agent": wanted.agent, "status": wanted.status,
        "since": wanted.since, "until": wanted.until, "customer": None,
    }  # fmt: skip
    chosen = [
        (wanted.run_id, "run_id = %(run)s"),
        (wanted.event_type, "event_type = %(event_type)s"),
        (wanted.agent, "agent = %(agent)s"),
        (wanted.status, "status = %(status)s"),
        (wanted.since, "occurred_at >= %(since)s"),
        (wanted.until, "occurred_at < %(until)s"),
        (wanted.customer, "customer_id = %(customer)s"),
    ]
    if wanted.customer:
        parameters["customer"] = find_customer_id(db, wanted.customer)
    return " AND ".join(["true", *(condition for value, condition in chosen if value)]), parameters


def _is_uuid(text: str) -> bool:
    try:
        UUID(text.strip())
    except ValueError:
        return False
    return True


def left_out_at_planning(db: Reader, run_id: str) -> int | None:
    """Customers that were due but not planned for want of consent to profiling; None when not recorded."""
    rows = db.fetch(
        "SELECT (details->>'left_out_without_profiling_consent')::int AS n FROM audit_log"
        " WHERE run_id = %(run)s AND event_type = 'RUN_PLANNED' LIMIT 1",
        {"run": run_id},
    )
    return rows[0]["n"] if rows else None


def last_checkpoint(db: Reader) -> Row | None:
    """The newest signed checkpoint and where its copy is published, if it is; or None."""
    rows = db.fetch(
        "SELECT tree_size, encode(root_hash, 'hex') AS root_hash, note, signed_at, bucket, object_key, published_at"
        " FROM audit_checkpoint LEFT JOIN audit_publication USING (tree_size) ORDER BY tree_size DESC LIMIT 1"
    )
    return rows[0] if rows else None


def count_all_events(db: Reader) -> int:
    """Events in the whole audit trail."""
    return int(db.fetch("SELECT count(*) AS n FROM audit_log")[0]["n"])


# One customer: who, and what happened.


def read_customer(db: Reader, customer_id: UUID) -> Row | None:
    """The customer; contact details are not read, since this page needs none."""
    rows = db.fetch(
        "SELECT customer_id, customer_number, first_name, last_name, language, annual_value_eur, created_at"
        " FROM customers WHERE customer_id = %(id)s",
        {"id": customer_id},
    )
    return rows[0] if rows else None


def runs_of_customer(db: Reader, customer_id: UUID) -> list[Row]:
    """The runs this customer was planned in, newest first, at most fifty."""
    return db.fetch(
        "SELECT run_id, status, planned_at, model_version FROM runs r WHERE EXISTS"
        " (SELECT FROM run_customers p WHERE p.run_id = r.run_id AND p.customer_id = %(id)s)"
        " ORDER BY planned_at DESC LIMIT 50",
        {"id": customer_id},
    )


def consents_of(db: Reader, customer_id: UUID) -> list[Row]:
    """Every consent record, oldest first."""
    return db.fetch(
        "SELECT consent_id, purpose, granted, source, policy_version, recorded_at FROM consents"
        " WHERE customer_id = %(id)s ORDER BY recorded_at, consent_id",
        {"id": customer_id},
    )


def feedback_of(db: Reader, customer_id: UUID) -> list[Row]:
    """When and how feedback came in; its text is not readable by this role."""
    return db.fetch(
        "SELECT feedback_id, received_at, channel, language FROM feedback"
        " WHERE customer_id = %(id)s ORDER BY received_at",
        {"id": customer_id},
    )


def result_of(db: Reader, customer_id: UUID, run_id: str) -> Row:
    """Analysis, prediction and action of one run in one row; None where there is none."""
    return db.fetch(
        "SELECT f.sentiment, f.score, f.topics, f.causes, f.intent_to_leave, f.egress_id AS analysis_egress,"
        " p.probability, p.drivers, p.model_version, a.segment, a.source, a.source_reason, a.offer_id,"
        " said.reason_fr, said.reason_en, d.message AS draft, d.findings AS draft_findings,"
        " a.message, a.egress_id AS action_egress, o.title_fr, o.title_en,"
        " p.analysis_lost AS prediction_without_analysis, a.analysis_lost AS action_without_analysis"
        " FROM (SELECT %(id)s::uuid AS customer_id, %(run)s::text AS run_id) AS k"
        " LEFT JOIN feedback_analyses f USING (customer_id, run_id)"
        " LEFT JOIN predictions p USING (customer_id, run_id)"
        " LEFT JOIN actions a USING (customer_id, run_id) LEFT JOIN offers o ON o.offer_id = a.offer_id"
        " LEFT JOIN drafts d USING (customer_id, run_id),"
        " LATERAL (SELECT string_agg(text_fr, ' ' ORDER BY place) AS reason_fr,"
        " string_agg(text_en, ' ' ORDER BY place) AS reason_en"
        " FROM unnest(a.reason) WITH ORDINALITY AS g (phrase_id, place) JOIN phrases USING (phrase_id)) AS said",
        {"id": customer_id, "run": run_id},
    )[0]


def made_anew_in(db: Reader, customer_id: UUID, run_id: str) -> str | None:
    """The newest later run that has a prediction for this customer made with all there was, or None."""
    rows = db.fetch(
        "SELECT later.run_id FROM runs r JOIN runs later ON later.planned_at > r.planned_at"
        " JOIN predictions p ON p.run_id = later.run_id AND p.customer_id = %(id)s"
        " WHERE r.run_id = %(run)s AND NOT p.analysis_lost ORDER BY later.planned_at DESC LIMIT 1",
        {"id": customer_id, "run": run_id},
    )
    return str(rows[0]["run_id"]) if rows else None


def steps_of(db: Reader, customer_id: UUID, run_id: str) -> dict[str, Row]:
    """Outcome and reason by step."""
    rows = db.fetch(
        "SELECT step, outcome, reason, ended_at FROM run_steps WHERE run_id = %(run)s AND customer_id = %(id)s",
        {"id": customer_id, "run": run_id},
    )
    return {row["step"]: row for row in rows}


def calls_of(db: Reader, customer_id: UUID, run_ids: list[str]) -> list[Row]:
    """Every external call about the customer in these runs, oldest first; this role cannot read what was sent."""
    return db.fetch(
        "SELECT egress_id, agent, run_id, purpose, consent_id, attempt, recipient, country, retention, model,"
        " prompt_version, prompt_sha256, entity_counts, sent_at, outcome, tokens_in, tokens_out,"
        " latency_ms FROM egress_ledger WHERE run_id = ANY(%(runs)s) AND customer_id = %(id)s ORDER BY sent_at",
        {"id": customer_id, "runs": run_ids},
    )


def events_of(db: Reader, customer_id: UUID, limit: int = 500) -> list[Row]:
    """The customer's audit events, newest `limit` of them, oldest first."""
    return db.fetch(
        f"SELECT * FROM (SELECT {_EVENT} FROM audit_log WHERE customer_id = %(id)s"  # noqa: S608
        " ORDER BY occurred_at DESC, event_id DESC LIMIT %(limit)s) AS newest ORDER BY occurred_at, event_id",
        {"id": customer_id, "limit": limit},
    )
