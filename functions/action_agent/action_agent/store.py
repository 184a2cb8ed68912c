"""The action agent's SQL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from action_agent.deciding import MAX_DRIVERS, Action, ActionCandidate, AnalysisFields
from vigie.arbitration import Contact
from vigie.catalogue import CatalogueOffer, Policy
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
POLICY = """
SELECT policy, current_date FROM campaigns JOIN catalogues ON version = catalogue_version WHERE campaign_id = %s
"""
CATALOGUE = """
SELECT o.offer_id, o.cost_eur::float, o.save_rate, o.save_rate_source, o.segments, o.channels, o.topics, o.tones,
       o.languages, o.requires, o.cooldown_days, o.valid_from, o.valid_until, o.budget_line, o.second_approval
FROM campaigns c JOIN catalogue_offers o ON o.version = c.catalogue_version JOIN offers a USING (offer_id)
WHERE c.campaign_id = %s AND a.active ORDER BY o.offer_id
"""
FACTS = "SELECT customer_id, features, contacts, complaint_days FROM arbitration_facts(%s, %s::uuid[])"
ARMS = "SELECT customer_id, held_out FROM holdout_arms(%s, %s::uuid[], %s::text[])"
# A draft is stored where there is one, and in a campaign what was considered, with the action that it belongs to.
INSERT_ACTIONS = """
WITH given (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message, reason,
            egress_id, analysis_lost, draft, findings, verdict, channel, expected_value_eur, cost_eur, considered)
    AS (VALUES %s),
stored AS (
    INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message,
                         reason, egress_id, analysis_lost)
    SELECT run_id, customer_id::uuid, segment, source, source_reason, offer_id, language, phrase_ids::text[], message,
           reason::text[], egress_id::uuid, analysis_lost::boolean FROM given
    ON CONFLICT (run_id, customer_id) DO NOTHING RETURNING run_id, customer_id
), ruled AS (
    INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur, considered)
    SELECT run_id, stored.customer_id, verdict, offer_id, channel, expected_value_eur::numeric, cost_eur::numeric,
           considered::jsonb
    FROM given JOIN stored USING (run_id) WHERE stored.customer_id = given.customer_id::uuid AND verdict IS NOT NULL
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


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run's campaign decides by: the catalogue's active offers and its policy, and the database's date."""

    offers: tuple[CatalogueOffer, ...]
    policy: Policy
    today: date


@dataclass(frozen=True, slots=True)
class Facts:
    """What the arbitration needs to know of a customer beyond this run's results."""

    features: Mapping[str, Any]
    contacts: tuple[Contact, ...]
    complaint_days: int | None


def load_terms(transaction: Transaction, campaign_id: str) -> Terms:
    """The catalogue of a campaign."""
    [(policy, today)] = transaction.fetch(POLICY, (campaign_id,))
    offers = [
        CatalogueOffer(row[0], *row[1:4], *map(tuple, row[4:9]), *row[9:])
        for row in transaction.fetch(CATALOGUE, (campaign_id,))
    ]
    return Terms(tuple(offers), Policy(**policy), today)


def load_facts(transaction: Transaction, run_id: str, customers: Sequence[UUID]) -> dict[UUID, Facts]:
    """Required features, earlier contacts and complaints about being contacted, by customer."""
    rows: list[Any] = transaction.fetch(FACTS, (run_id, list(customers)))
    return {row[0]: Facts(row[1], tuple(Contact(**each) for each in row[2]), row[3]) for row in rows}


def load_held_out(transaction: Transaction, run_id: str, segments: Mapping[UUID, str]) -> set[UUID]:
    """Those of some customers whom the run's campaign holds out; their arms are drawn now where they were not."""
    rows = transaction.fetch(ARMS, (run_id, list(segments), list(segments.values()))) if segments else []
    return {row[0] for row in rows if row[1]}


def load_phrases(transaction: Transaction) -> PhraseBank:
    """The active sentences."""
    return PhraseBank([
        Sentence(row[0], PhraseKind(row[1]), {"fr": row[2], "en": row[3]}, tuple(row[4]), row[5], *map(tuple, row[6:]))
        for row in transaction.fetch(SENTENCES)
    ])  # fmt: skip


def action_row(run_id: str, action: Action) -> tuple[Any, ...]:
    """Return the row of an action, with the arbitration that led to it where there was one."""
    ruling = action.arbitration
    made = ruling.chosen if ruling and action.offer_id else None
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
        ruling and ruling.verdict,
        made and made.channel,
        made and made.expected_value_eur,
        made and made.cost_eur,
        ruling and json.dumps([each.as_json() for each in ruling.considered]),
    )
