"""The nlp agent's SQL. The only code that reads feedback."""

from typing import Any
from uuid import UUID

from nlp_agent.deciding import AnalysisCandidate
from vigie.database import Transaction
from vigie_llm.analysis import Analysis
from vigie_llm.pseudonymise import KnownIdentity

FEEDBACK_PER_CUSTOMER = 3
CANDIDATES = """
SELECT c.customer_id, c.first_name, c.last_name, c.email, c.phone, c.address, c.birth_date::text, c.iban,
       c.customer_number, coalesce(f.language, c.language), consent_granted_now(c.customer_id, 'feedback_analysis'),
       coalesce(f.ids, '{}'), coalesce(f.texts, '{}')
FROM run_customers r
JOIN customers c USING (customer_id)
LEFT JOIN LATERAL (
    SELECT array_agg(n.feedback_id ORDER BY n.received_at DESC) AS ids,
           array_agg(n.text ORDER BY n.received_at DESC) AS texts,
           (array_agg(n.language ORDER BY n.received_at DESC))[1] AS language
    FROM (SELECT * FROM feedback WHERE customer_id = c.customer_id ORDER BY received_at DESC LIMIT %(most)s) n
) f ON true
WHERE r.run_id = %(run_id)s AND r.batch_no = %(batch_no)s
  AND (SELECT true FROM run_steps s
       WHERE s.run_id = r.run_id AND s.step = 'analyse' AND s.customer_id = r.customer_id) IS NULL
ORDER BY c.customer_id
"""
INSERT_ANALYSES = """
INSERT INTO feedback_analyses
    (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave, causes, egress_id)
VALUES %s ON CONFLICT (run_id, customer_id) DO NOTHING
"""


def load_candidates(transaction: Transaction, run_id: str, batch_no: int) -> list[AnalysisCandidate]:
    """The customers of a batch whose analysis is not ended, with consent and feedback as they are now."""
    rows = transaction.fetch(CANDIDATES, {"run_id": run_id, "batch_no": batch_no, "most": FEEDBACK_PER_CUSTOMER})
    return [
        AnalysisCandidate(
            customer_id=row[0],
            known=KnownIdentity(*row[1:9]),
            language=row[9],
            consent_id=row[10],
            feedback_ids=tuple(row[11]),
            feedback=tuple(row[12]),
        )
        for row in rows
    ]


def analysis_row(run_id: str, candidate: AnalysisCandidate, egress_id: UUID, analysis: Analysis) -> tuple[Any, ...]:
    """Return the row of an analysis, with the ledger entry it came from."""
    return (
        run_id,
        candidate.customer_id,
        list(candidate.feedback_ids),
        analysis.sentiment,
        analysis.score,
        list(analysis.topics),
        analysis.intent_to_leave,
        list(analysis.causes),
        egress_id,
    )
