"""The action agent's SQL."""

from typing import Any

from action_agent.deciding import MAX_DRIVERS, Action, ActionCandidate, AnalysisSummary
from vigie.database import Transaction
from vigie_llm.action import Offer
from vigie_llm.pseudonymise import KnownIdentity

# Identifiers are read for one thing: the guard that stops them from leaving.
CANDIDATES = """
SELECT c.customer_id, c.first_name, c.last_name, c.email, c.phone, c.address, c.birth_date::text, c.iban,
       c.customer_number, c.language, c.annual_value_eur::float,
       consent_granted_now(c.customer_id, 'retention_offers'),
       consent_granted_now(c.customer_id, 'profiling') IS NOT NULL, p.probability,
       coalesce(jsonb_path_query_array(p.drivers, '$[0 to $last]', jsonb_build_object('last', %(most)s - 1)), '[]'),
       a.sentiment, a.topics, a.summary,
       coalesce(p.analysis_lost, false) OR a.sentiment IS NULL AND coalesce(
           (SELECT s.outcome FROM run_steps s
            WHERE s.run_id = r.run_id AND s.step = 'analyse' AND s.customer_id = r.customer_id), 'failed') = 'failed'
FROM run_customers r
JOIN customers c USING (customer_id)
LEFT JOIN predictions p USING (run_id, customer_id)
LEFT JOIN feedback_analyses a USING (run_id, customer_id)
WHERE r.run_id = %(run_id)s AND r.batch_no = %(batch_no)s
  AND (SELECT true FROM run_steps s
       WHERE s.run_id = r.run_id AND s.step = 'decide' AND s.customer_id = r.customer_id) IS NULL
ORDER BY c.customer_id
"""
OFFERS = """
SELECT offer_id, title_fr, message_fr, title_en, message_en, segments, topics
FROM offers WHERE active ORDER BY offer_id
"""
INSERT_ACTIONS = """
INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, reason, message,
                     egress_id, analysis_lost)
VALUES %s ON CONFLICT (run_id, customer_id) DO NOTHING
"""


def load_candidates(transaction: Transaction, run_id: str, batch_no: int) -> list[ActionCandidate]:
    """The customers of a batch whose action is not ended, with consents as they are now."""
    rows = transaction.fetch(CANDIDATES, {"run_id": run_id, "batch_no": batch_no, "most": MAX_DRIVERS})
    return [
        ActionCandidate(
            customer_id=row[0],
            known=KnownIdentity(*row[1:9]),
            language=row[9],
            annual_value_eur=row[10],
            consent_id=row[11],
            profiled=row[12],
            probability=row[13],
            drivers=tuple(row[14]),
            analysis=AnalysisSummary(row[15], tuple(row[16]), row[17]) if row[15] is not None else None,
            analysis_lost=row[18],
        )
        for row in rows
    ]


def load_offers(transaction: Transaction) -> dict[str, tuple[Offer, ...]]:
    """The active offers, by language."""
    rows = transaction.fetch(OFFERS)
    return {
        "fr": tuple(Offer(row[0], row[1], row[2], tuple(row[5]), tuple(row[6])) for row in rows),
        "en": tuple(Offer(row[0], row[3], row[4], tuple(row[5]), tuple(row[6])) for row in rows),
    }


def action_row(run_id: str, action: Action) -> tuple[Any, ...]:
    """Return the row of an action."""
    return (
        run_id,
        action.customer_id,
        action.segment,
        action.source,
        action.source_reason,
        action.offer_id,
        action.language,
        action.reason,
        action.message,
        action.egress_id,
        action.analysis_lost,
    )
