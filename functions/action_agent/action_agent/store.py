"""The action agent's SQL."""

from typing import Any

from action_agent.deciding import MAX_DRIVERS, Action, ActionCandidate, AnalysisFields
from vigie.database import Transaction
from vigie.vocabulary import PhraseKind
from vigie_llm.action import Offer
from vigie_llm.phrases import PhraseBank, Sentence
from vigie_llm.pseudonymise import KnownIdentity

# Identifiers are read for one thing: the guard that stops them from leaving.
CANDIDATES = """
SELECT c.customer_id, c.first_name, c.last_name, c.email, c.phone, c.address, c.birth_date::text, c.iban,
       c.customer_number, c.language, c.annual_value_eur::float,
       consent_granted_now(c.customer_id, 'retention_offers'),
       consent_granted_now(c.customer_id, 'profiling') IS NOT NULL, p.probability,
       coalesce(jsonb_path_query_array(p.drivers, '$[0 to $last]', jsonb_build_object('last', %(most)s - 1)), '[]'),
       a.sentiment, a.topics, a.causes, a.intent_to_leave,
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
OFFERS = "SELECT offer_id, title_en, segments, topics, tones FROM offers WHERE active ORDER BY offer_id"
SENTENCES = """
SELECT phrase_id, kind, text_fr, text_en, tones, leaving, topics, causes, segments, offers
FROM sentences ORDER BY phrase_id
"""
# A draft is stored where there is one, with the action that it belongs to.
INSERT_ACTIONS = """
WITH given (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message, reason,
            egress_id, analysis_lost, draft, findings) AS (VALUES %s),
stored AS (
    INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message,
                         reason, egress_id, analysis_lost)
    SELECT run_id, customer_id::uuid, segment, source, source_reason, offer_id, language, phrase_ids::text[], message,
           reason::text[], egress_id::uuid, analysis_lost::boolean FROM given
    ON CONFLICT (run_id, customer_id) DO NOTHING RETURNING run_id, customer_id
)
INSERT INTO drafts (run_id, customer_id, message, findings)
SELECT stored.run_id, stored.customer_id, draft, findings::text[]
FROM given JOIN stored ON (stored.run_id, stored.customer_id) = (given.run_id, given.customer_id::uuid)
WHERE findings IS NOT NULL
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
            analysis=AnalysisFields(row[15], tuple(row[16]), tuple(row[17]), row[18]) if row[15] else None,
            analysis_lost=row[19],
        )
        for row in rows
    ]


def load_offers(transaction: Transaction) -> tuple[Offer, ...]:
    """The active offers."""
    return tuple(Offer(*row[:2], *map(tuple, row[2:])) for row in transaction.fetch(OFFERS))


def load_phrases(transaction: Transaction) -> PhraseBank:
    """The active sentences."""
    return PhraseBank([
        Sentence(row[0], PhraseKind(row[1]), {"fr": row[2], "en": row[3]}, tuple(row[4]), row[5], *map(tuple, row[6:]))
        for row in transaction.fetch(SENTENCES)
    ])  # fmt: skip


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
        action.phrase_ids and list(action.phrase_ids),
        action.message,
        action.reason and list(action.reason),
        action.egress_id,
        action.analysis_lost,
        action.draft and action.draft.message,
        action.draft and list(action.draft.findings),
    )
