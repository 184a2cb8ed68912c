"""What is on record about one contested decision, read as the database's owner in one moment.

As in `subject_access`: rows as JSON holds them, of one customer. No name of a person on the staff is read.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2.extras import RealDictCursor

from vigie.decision import read_decision
from vigie_operations.errors import OperationError
from vigie_scoring import Scorer, load_verified
from vigie_scoring.counterfactual import Counterfactual, find_counterfactual

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

type Row = dict[str, Any]

OBJECTION = """
SELECT o.objection_id, o.received_on, objection_due(o.received_on) AS due_on, o.recorded_at, o.answer, o.answered_at,
       w.person_id AS answered_by, w.duty AS answered_by_duty, p.proposal_id, p.run_id, p.customer_id, p.recipient_ref,
       p.proposed_at, p.withdrawn_at, k.name AS campaign, k.starts_on, k.ends_on, c.customer_number, c.language,
       h.handed_at
FROM objections o
JOIN proposals p USING (proposal_id)
JOIN campaigns k USING (campaign_id)
JOIN customers c USING (customer_id)
LEFT JOIN people w ON w.person = o.answered_by
LEFT JOIN (SELECT proposal_id, handed_at FROM handed_over JOIN hand_overs USING (hand_over_id)) h USING (proposal_id)
WHERE o.objection_id = %(objection)s
"""
VERSIONS = """
SELECT v.version, v.channel, v.message, v.price_eur, v.content_sha256, v.written_at, f.title_fr, f.title_en
FROM proposal_versions v LEFT JOIN offers f USING (offer_id) WHERE v.proposal_id = %(proposal_id)s ORDER BY v.version
"""
DECISIONS = """
SELECT d.decided_at, d.decision, d.version, w.person_id, w.duty
FROM decisions d JOIN people w USING (person) WHERE d.proposal_id = %(proposal_id)s ORDER BY d.decided_at
"""
CONSENTS = """
SELECT purpose, granted, recorded_at FROM current_consents WHERE customer_id = %(customer_id)s ORDER BY purpose
"""
CALLS = """
SELECT purpose, recipient, country, retention, model, claims, claimed_at, sent_at,
       (SELECT coalesce(sum(value::int), 0) FROM jsonb_each_text(entity_counts)) AS masked
FROM egress_ledger WHERE run_id = %(run_id)s AND customer_id = %(customer_id)s ORDER BY sent_at
"""
PREDICTION = """
SELECT r.planned_at, r.model_version, r.contract, r.thresholds, r.decision, m.scorer, r.scorer_sha256,
       x.probability, x.drivers, x.sentiment_score, f.sentiment, f.topics, a.segment, c.annual_value_eur
FROM runs r
JOIN model_registry m ON m.version = r.model_version
JOIN customers c ON c.customer_id = %(customer_id)s
LEFT JOIN predictions x ON x.run_id = r.run_id AND x.customer_id = c.customer_id
LEFT JOIN feedback_analyses f ON f.run_id = r.run_id AND f.customer_id = c.customer_id
LEFT JOIN actions a ON a.run_id = r.run_id AND a.customer_id = c.customer_id
WHERE r.run_id = %(run_id)s
"""
FEATURES = """
SELECT as_of, features FROM customer_features
WHERE customer_id = %(customer_id)s AND contract = %(contract)s ORDER BY as_of DESC
"""
SENTIMENT = "sentiment_score"


class UnknownObjectionError(OperationError):
    """When there is no such objection."""


@dataclass(frozen=True)
class Facts:
    """An objection and what it concerns. `features` are those that the model read, None when they are gone.

    `counterfactual` is None when none was found; whether one was looked for is whether there are features.
    """

    objection: Row
    versions: list[Row]
    decisions: list[Row]
    consents: list[Row]
    calls: list[Row]
    prediction: Row
    scorer: Scorer
    as_of: Any = None
    features: Row | None = None
    counterfactual: Counterfactual | None = None


def read_facts(connection: Connection, objection: uuid.UUID) -> Facts:
    """Read everything that the dossier tells.

    Raises:
        UnknownObjectionError: there is no such objection.
    """
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        found = _rows(cursor, OBJECTION, {"objection": str(objection)})
        if not found:
            raise UnknownObjectionError(f"There is no objection {objection}: vigie objections list names them.")
        [head] = found
        [prediction] = _rows(cursor, PREDICTION, head)
        history = _rows(cursor, FEATURES, {**head, "contract": prediction["contract"]})
        scorer = load_verified(bytes(prediction.pop("scorer")), prediction["scorer_sha256"])
        as_of, features = _features_read(scorer, prediction, history)
        return Facts(
            objection=head,
            versions=_rows(cursor, VERSIONS, head),
            decisions=_rows(cursor, DECISIONS, head),
            consents=_rows(cursor, CONSENTS, head),
            calls=_rows(cursor, CALLS, head),
            prediction=prediction,
            scorer=scorer,
            as_of=as_of,
            features=features,
            counterfactual=_counterfactual(scorer, prediction, features),
        )


def _features_read(scorer: Scorer, prediction: Row, history: list[Row]) -> tuple[Any, Row | None]:
    """The features with which the scorer gives the stored probability; none when no stored ones do."""
    if prediction["probability"] is None:
        return None, None
    for row in history:
        features = {**row["features"], SENTIMENT: prediction["sentiment_score"]}
        if abs(float(scorer.score([features]).probability[0]) - prediction["probability"]) < 1e-9:
            return row["as_of"], features
    return None, None


def _counterfactual(scorer: Scorer, prediction: Row, features: Row | None) -> Counterfactual | None:
    if features is None:
        return None
    thresholds, value = prediction["thresholds"], prediction["annual_value_eur"]
    rule = read_decision(prediction["decision"], thresholds["high"], thresholds["medium"])
    worth = None if value is None else float(value)
    return find_counterfactual(scorer, features, lambda probability: rule.segment(probability, worth))


def _rows(cursor: Any, sql: str, values: Row) -> list[Row]:
    cursor.execute(sql, values)
    return [dict(row) for row in cursor.fetchall()]
